import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { orderHash as hashOf } from "../protocol/messages.ts";
import { OperatorUnreachable, RefusedByOperator } from "./api.ts";
import {
  DEEDS,
  type Deed,
  FakeExchange,
  type FakeOperator,
  OWNER,
  readOrder,
  signedOrder,
  startFakeOperator,
} from "./fakeOperator.testkit.ts";
import { Operators, writeOnce } from "./operators.ts";
import type { OrderStatus } from "./types.ts";

const PATIENCE_MS = 3000;
const signature = signedOrder(0n).signature;

async function start(count: number) {
  const exchange = new FakeExchange();
  const started = Array.from({ length: count }, () => startFakeOperator(exchange));
  const fakes = await Promise.all(started);
  onTestFinished(async () => {
    await Promise.all(fakes.map((fake) => fake.stop()));
  });
  return { exchange, fakes: fakes as [FakeOperator, FakeOperator, FakeOperator] };
}

function place(operators: Operators, id: bigint, signed = signedOrder(id)): Promise<OrderStatus> {
  return writeOnce(operators, {
    name: "placeOrder",
    body: signed,
    read: (api) => readOrder(api, id),
    isAbout: ({ orderHash }) => orderHash === hashOf(signed.order),
    isDone: ({ orderHash }) => orderHash === hashOf(signed.order),
  });
}

function cancel(operators: Operators, id: bigint): Promise<OrderStatus> {
  return writeOnce(operators, {
    name: "cancelOrder",
    body: { cancel: { owner: OWNER, round: 3, id }, signature },
    read: (api) => readOrder(api, id),
    isAbout: (status) => status.id === id,
    isDone: ({ state }) => state === "cancelled",
  });
}

it.each<[Deed, number]>([
  ["closeBefore", 1],
  ["closeAfter", 1],
  ["closeAfter", 2],
  ["hangBefore", 1],
  ["hangAfter", 2],
  ["keepAndNotLeader", 1],
  ["keepAndNotLeader", 2],
  ["notReady", 1],
  ["notLeader", 2],
])("an order and its cancel count once: %s, %i operators", async (deed, count) => {
  const { exchange, fakes } = await start(count);
  const operators = new Operators({
    urls: fakes.map(({ url }) => url),
    retryTimeoutMs: PATIENCE_MS,
  });
  fakes[0].writes.push(deed);
  expect(await place(operators, 1n)).toMatchObject({ id: 1n, state: "open" });
  operators.prefer(fakes[0].url);
  fakes[0].writes.push(deed);
  expect(await cancel(operators, 1n)).toMatchObject({ id: 1n, state: "cancelled" });
  expect(exchange.taken).toEqual(["place 1", "cancel 1"]);
});

it("a write that was taken is not refused for what came after it", async () => {
  const { exchange, fakes } = await start(1);
  const operators = new Operators({ urls: [fakes[0].url], retryTimeoutMs: PATIENCE_MS });
  fakes[0].writes.push("closeAfter", "poor");
  expect(await place(operators, 1n)).toMatchObject({ id: 1n });
  fakes[0].writes.push("closeBefore", "poor");
  await expect(place(operators, 2n)).rejects.toMatchObject({ code: "InsufficientFunds" });
  expect(exchange.taken).toEqual(["place 1"]);
});

it("the same order again is the same order, and another of that id is refused", async () => {
  const { exchange, fakes } = await start(1);
  const operators = new Operators({ urls: [fakes[0].url], retryTimeoutMs: PATIENCE_MS });
  const first = await place(operators, 1n);
  expect(await place(operators, 1n)).toEqual(first);
  const other = place(operators, 1n, signedOrder(1n, { buyAmount: 300n }));
  await expect(other).rejects.toMatchObject({ code: "DuplicateOrderId" });
  expect(exchange.taken).toEqual(["place 1"]);
});

it("a cancel that came too late is refused, answered or not", async () => {
  const { exchange, fakes } = await start(1);
  const operators = new Operators({ urls: [fakes[0].url], retryTimeoutMs: PATIENCE_MS });
  const status = await place(operators, 1n);
  exchange.orders.set(1n, { ...status, state: "filled" });
  await expect(cancel(operators, 1n)).rejects.toMatchObject({ code: "OrderNotOpen" });
  fakes[0].writes.push("closeBefore");
  await expect(cancel(operators, 1n)).rejects.toMatchObject({ code: "OrderNotOpen" });
});

it("an answered cancel is not asked after: a second one is refused", async () => {
  const { fakes } = await start(1);
  const operators = new Operators({ urls: [fakes[0].url], retryTimeoutMs: PATIENCE_MS });
  await place(operators, 1n);
  await cancel(operators, 1n);
  await expect(cancel(operators, 1n)).rejects.toMatchObject({ code: "OrderNotOpen" });
});

it("a refusal does not hide that an earlier try is open", async () => {
  const { exchange, fakes } = await start(1);
  // Patience and answers for a busy machine too: the last try must have been refused.
  const operators = new Operators({ urls: [fakes[0].url], retryTimeoutMs: PATIENCE_MS });
  fakes[0].writes.push("closeAfter", ...Array<Deed>(1000).fill("notReady"));
  const placed = place(operators, 1n);
  await expect(placed).rejects.toBeInstanceOf(OperatorUnreachable);
  await expect(placed).rejects.toThrow(/NotReady, and an earlier try is open/);
  fakes[0].writes.length = 0;
  expect(await place(operators, 1n)).toMatchObject({ id: 1n, state: "open" });
  expect(exchange.taken).toEqual(["place 1"]);
});

it("an operator that was never reached took nothing, and hides no answer of another", async () => {
  const { exchange, fakes } = await start(2);
  await fakes[1].stop();
  fakes[0].writes.push("notReady");
  const urls = [fakes[0].url, fakes[1].url, "http://127.0.0.1:1"];
  const operators = new Operators({ urls, retryTimeoutMs: 0 });
  await expect(place(operators, 1n)).rejects.toMatchObject({ code: "NotReady" });
  expect(exchange.taken).toEqual([]);
});

it("a write that was not taken is refused as it is, at once", async () => {
  const { exchange, fakes } = await start(2);
  const operators = new Operators({
    urls: fakes.map(({ url }) => url),
    retryTimeoutMs: PATIENCE_MS,
  });
  fakes[0].writes.push("overloaded");
  await expect(place(operators, 1n)).rejects.toMatchObject({ code: "Overloaded" });
  expect(fakes[1].asked).toEqual([]);
  expect(exchange.taken).toEqual([]);
});

it("a write is taken once, refused, or said to be open, whatever operators do", {
  timeout: 60_000,
}, async () => {
  const { exchange, fakes } = await start(3);
  const urls = fakes.map(({ url }) => url);
  const deeds = fc.array(fc.constantFrom(...DEEDS), { maxLength: 4 });
  const scripts = fc.tuple(deeds, deeds, deeds);
  const leaders = fc.tuple(...Array<fc.Arbitrary<number>>(3).fill(fc.nat(3)));
  let id = 0n;
  const outcomes = new Set<string>();
  const law = fc.asyncProperty(scripts, scripts, leaders, async (writes, reads, named) => {
    id++;
    for (const [i, fake] of fakes.entries()) {
      fake.writes.splice(0, Infinity, ...(writes[i] as Deed[]));
      fake.reads.splice(0, Infinity, ...(reads[i] as Deed[]));
      // One of them leads; the others name anybody, or nobody by being it themselves.
      fake.leader = i === 0 || named[i] === i ? undefined : urls[named[i] as number];
    }
    const operators = new Operators({ urls: [urls[2] as string, ...urls], retryTimeoutMs: 300 });
    const outcome = await place(operators, id).catch((error: unknown) => error);
    const times = exchange.taken.filter((one) => one === `place ${id}`).length;
    if (outcome instanceof OperatorUnreachable) {
      outcomes.add("open");
      expect(times).toBeLessThanOrEqual(1);
    } else if (outcome instanceof RefusedByOperator) {
      outcomes.add("refused");
      expect(times, outcome.code).toBe(0);
    } else {
      outcomes.add("taken");
      expect(outcome).toMatchObject({ id, state: "open" });
      expect(times).toBe(1);
    }
  });
  await fc.assert(law, { numRuns: 60, interruptAfterTimeLimit: 40_000 });
  expect([...outcomes]).toEqual(expect.arrayContaining(["taken", "refused"]));
});
