/** Several orders at once, cancel all, replace and the dead-man switch, on a running exchange. */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { ExchangeClient } from "../src/client/client.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { holdDeadManSwitch } from "../src/client/rounds/deadManSwitch.ts";
import type { OrderStatus } from "../src/client/types.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

let exchange: TestExchange;
let ada: ExchangeClient;
let bob: ExchangeClient;
beforeAll(async () => {
  exchange = await startExchange();
  [ada, bob] = [await exchange.client(0), await exchange.client(1)];
  await ada.deposit("WETH", "10");
  await bob.deposit("USDC", "50000");
  await exchange.settle();
});
afterAll(() => exchange.stop());

const quote = (price: string, amount = "0.01") => ({
  market: "WETH/USDC",
  side: "sell" as const,
  price,
  amount,
});

it("a client places many with one signature, each answered alone, and repeats them", async () => {
  const requests = [quote("4000"), { ...quote("4001"), tag: "b" }, quote("4002", "500")];
  const signed = await ada.orders.signMany(requests);
  expect(new Set(signed.map(({ signature }) => signature.r)).size).toBe(1);
  expect(signed.every(({ signature }) => signature.path.length > 0)).toBe(true);
  const outcomes = await ada.orders.placeMany(signed);
  expect(outcomes.map(({ order, error }) => order?.state ?? error?.code)).toEqual([
    "open",
    "open",
    "InsufficientFunds",
  ]);
  expect(outcomes[1]?.order?.terms.tag).toBe("b");
  const again = await ada.orders.placeMany(signed);
  expect(again.map(({ order }) => order?.orderHash)).toEqual(
    outcomes.map(({ order }) => order?.orderHash),
  );
  const refs = outcomes.flatMap(({ order }) => order ?? []);
  const cancelled = await ada.orders.cancelMany([...refs, { round: 0, id: 5n }]);
  expect(cancelled.map(({ order, error }) => order?.reason ?? error?.code)).toEqual([
    "owner",
    "owner",
    "UnknownOrder",
  ]);
});

it("a client takes out all orders with one message", async () => {
  await ada.orders.createMany([quote("4000"), quote("4001")]);
  const taken = await ada.orders.cancelAll();
  expect(taken.map(({ state, reason }) => [state, reason])).toEqual([
    ["cancelled", "cancelAll"],
    ["cancelled", "cancelAll"],
  ]);
  expect(await ada.orders.cancelAll()).toEqual([]);
});

it("a client replaces an order, and cannot replace one that is gone", async () => {
  const old = await ada.createOrder(quote("4000", "9"));
  const { cancelled, placed } = await ada.orders.replace(old, quote("4100", "9.5"));
  expect(cancelled).toMatchObject({ id: old.id, state: "cancelled", reason: "replaced" });
  expect(placed).toMatchObject({ state: "open", sellAmount: 95n * 10n ** 17n });
  const again = ada.orders.replace(old, quote("4200"));
  await expect(again).rejects.toMatchObject({ code: "OrderNotOpen" });
  await ada.orders.cancelAll();
});

it("a client is told what is left of the limits", async () => {
  const session = await ada.session();
  const asked = { params: { client: ada.address }, session };
  const before = await ada.api.call("fetchLimits", asked);
  await ada.createOrder(quote("4000"));
  const after = await ada.api.call("fetchLimits", asked);
  expect(after.rounds[0]?.orders.left).toBe((before.rounds[0]?.orders.left ?? 0) - 1);
  expect(after.rounds[0]?.placements.limit).toBe(20_000);
});

it("the dead-man switch takes out all orders at its block", async () => {
  const order = await ada.createOrder(quote("4300"));
  const { block } = await ada.api.call("fetchClock");
  expect(await ada.orders.cancelAfter(block + 3)).toEqual({ block: block + 3, graceBlocks: 0 });
  await exchange.anvil.mine(8);
  await expect
    .poll(async () => (await ada.fetchOrders()).find(({ id }) => id === order.id)?.reason)
    .toBe("deadMan");
  await expect(ada.orders.cancelAfter(1)).rejects.toMatchObject({ code: "Expired" });
});

it("lists that are none are refused, and nothing is signed", async () => {
  for (const list of [undefined, [], "x", Array(51).fill(quote("4000"))]) {
    await expect(ada.orders.createMany(list)).rejects.toMatchObject({ field: "orders" });
    await expect(ada.orders.cancelMany(list)).rejects.toMatchObject({ field: "orders" });
  }
  await expect(ada.orders.cancelAfter(-1)).rejects.toMatchObject({ field: "block" });
});

it("a switch that is held keeps orders, and lets go of them when its holder stops", async () => {
  const holder = new AbortController();
  const set: number[] = [];
  const options = { blocks: 6, pollMs: 15, onSet: (block: number) => void set.push(block) };
  const held = holdDeadManSwitch(ada, options, holder.signal);
  await expect.poll(() => set.length).toBe(1);
  const order = await ada.createOrder(quote("4400"));
  const stateOf = async () => (await ada.fetchOrders()).find(({ id }) => id === order.id)?.state;
  for (let at = 1; at <= 4; at++) {
    await exchange.anvil.mine(3);
    await exchange.settle();
    await expect.poll(() => set.length).toBeGreaterThan(at);
  }
  expect(await stateOf()).toBe("open");
  holder.abort();
  await held;
  await exchange.anvil.mine(8);
  await exchange.settle();
  // Taken off with its holder's word.
  expect(await stateOf()).toBe("open");

  const last = new AbortController();
  const onSet = vi.fn();
  const lazy = { blocks: 4, pollMs: 600_000, onSet };
  const gone = holdDeadManSwitch(ada, lazy, last.signal);
  await expect.poll(() => onSet.mock.calls.length).toBe(1);
  await exchange.anvil.mine(9);
  await exchange.settle();
  await expect.poll(stateOf).toBe("cancelled");
  last.abort();
  await gone;
  for (const wrong of [{ blocks: 3 }, { blocks: 10, every: 1 }, { blocks: 10, pollMs: 0 }]) {
    await expect(holdDeadManSwitch(ada, wrong, last.signal)).rejects.toMatchObject({
      code: "BadInput",
    });
  }
});

it("several at once count once, whatever becomes of the answer", async () => {
  await ada.orders.cancelAll();
  const { fetch } = globalThis;
  /** Takes the next write, and loses its answer. */
  const loseAnswer = () => {
    globalThis.fetch = async (input, init) => {
      const answer = await fetch(input, init);
      if (init?.method !== "POST" || !String(input).startsWith(exchange.url)) return answer;
      globalThis.fetch = fetch;
      throw new TypeError("fetch failed", { cause: new Error("ECONNRESET") });
    };
  };
  const patient = await ExchangeClient.join({
    operator: exchange.url,
    rpc: exchange.anvil.url,
    mediator: exchange.mediator,
    signer: exchange.anvil.keys[2] as string,
    evidence: new MemoryEvidence(),
    pollMs: 15,
    retryTimeoutMs: 10_000,
  });
  loseAnswer();
  const placed = await patient.orders.createMany([quote("4000"), { ...quote("4001"), tag: "t" }]);
  expect(placed.map(({ order }) => order?.state)).toEqual(["open", "open"]);
  expect((await patient.fetchOrders()).filter(({ state }) => state === "open")).toHaveLength(2);
  const [first, second] = placed.map(({ order }) => order as OrderStatus);
  loseAnswer();
  const { placed: next } = await patient.orders.replace(first, quote("4002"));
  expect(next.state).toBe("open");
  loseAnswer();
  const cancelled = await patient.orders.cancelMany([second as OrderStatus, first as OrderStatus]);
  expect(cancelled.map(({ order }) => order?.state)).toEqual(["cancelled", "cancelled"]);
  loseAnswer();
  expect((await patient.orders.cancelAll()).map(({ id }) => id)).toEqual([next.id]);
  // Terms are evidence too.
  const kept = await patient.evidence.orders(second?.round ?? 0);
  const tags = kept.map(({ signed }) => signed.terms?.tag);
  expect(tags).toContain("t");

  // Without patience it is said that nothing is known, and which orders that is about.
  loseAnswer();
  const open = await ada.orders.createMany([quote("4005"), quote("4006")]).catch((one) => one);
  expect(open).toMatchObject({ code: "OperatorUnreachable", mayHaveArrived: true });
  expect(open.signedOrders).toHaveLength(2);
  const settled = await ada.orders.placeMany(open.signedOrders);
  expect(settled.map(({ order }) => order?.state)).toEqual(["open", "open"]);
  await ada.orders.cancelAll();
});
