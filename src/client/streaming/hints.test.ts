import { expect, it, onTestFinished } from "vitest";
import type { StreamEvent } from "../../wire/stream.ts";
import {
  CLOCK,
  FakeExchange,
  type FakeOperator,
  OWN_SESSION,
  OWNER,
  signedOrder,
  startFakeOperator,
} from "../fakeOperator.testkit.ts";
import { LatestOrders } from "../latestOrders.ts";
import { Operators } from "../operators.ts";
import { type Channel, listen } from "./hints.ts";

const client: Channel = { kind: "client", client: OWNER, session: async () => OWN_SESSION };

async function start(channels: readonly Channel[], silenceMs = 10_000, atLeader = false) {
  const exchange = new FakeExchange();
  const fakes = await Promise.all([0, 1].map(() => startFakeOperator(exchange)));
  const [ada, bob] = fakes as [FakeOperator, FakeOperator];
  const operators = new Operators({ urls: [ada.url, bob.url] });
  const latest = new LatestOrders();
  const events: StreamEvent[] = [];
  const gaps: string[] = [];
  const ending = new AbortController();
  const listening = listen(
    {
      operators,
      channels,
      latest,
      silenceMs,
      atLeader,
      onEvent: (event) => events.push(event),
      onGap: (url) => gaps.push(url),
    },
    ending.signal,
  );
  const ended = listening.catch((error: unknown) => error);
  onTestFinished(async () => {
    ending.abort();
    await ended;
    await Promise.all(fakes.map((fake) => fake.stop()));
  });
  return { exchange, ada, bob, operators, latest, events, gaps, ending, ended };
}

const clock = (round: number) => ({ kind: "clock", clock: { ...CLOCK, round } }) as const;

it("the stream hears the clock and its channels, and is told that a past is missing", async () => {
  const { ada, events, gaps, ending, ended } = await start([client]);
  await expect.poll(() => gaps).toEqual([ada.url]);
  ada.publish(clock(4));
  await expect.poll(() => events.at(-1)).toMatchObject(clock(4));
  ending.abort();
  expect(await ended).toBeUndefined();
});

it.each([true, false])("the stream moves to the leader, if it is to: %s", async (atLeader) => {
  const { ada, bob, events, gaps } = await start([client], 10_000, atLeader);
  await expect.poll(() => gaps).toEqual([ada.url]);
  ada.publish({ kind: "leader", url: ada.url });
  ada.publish({ kind: "leader", url: bob.url });
  if (atLeader) await expect.poll(() => gaps).toEqual([ada.url, bob.url]);
  else await expect.poll(() => events.at(-1)).toEqual({ kind: "leader", url: bob.url });
  expect(gaps).toHaveLength(atLeader ? 2 : 1);
});

it("the stream goes to the next operator when one ends, and tells of the gap", async () => {
  const { ada, bob, events, gaps } = await start([client]);
  await expect.poll(() => gaps).toEqual([ada.url]);
  ada.cut();
  await expect.poll(() => gaps).toEqual([ada.url, bob.url]);
  bob.publish(clock(5));
  await expect.poll(() => events.at(-1)).toMatchObject(clock(5));
});

it("the stream tells all writers who leads, and goes there when it must go", async () => {
  const { ada, bob, operators, events, gaps } = await start([]);
  await expect.poll(() => gaps).toEqual([ada.url]);
  const leader = { kind: "leader", url: bob.url } as const;
  ada.publish({ ...leader, url: null });
  ada.publish(leader);
  await expect.poll(() => events.at(-1)).toEqual(leader);
  expect(operators.url).toBe(bob.url);
  expect(gaps).toEqual([ada.url]);
  ada.cut();
  await expect.poll(() => gaps).toEqual([ada.url, bob.url]);
});

it("the stream tells no order's state that is older than one told before", async () => {
  const { exchange, ada, latest, events, gaps } = await start([client]);
  await expect.poll(() => gaps).toEqual([ada.url]);
  const placed = exchange.place(signedOrder(1n));
  const cancelled = exchange.cancel({ owner: OWNER, round: 3, id: 1n });
  if (!placed.ok || !cancelled.ok) throw new Error("refused");
  // The answer to the cancellation comes before the order's own event.
  latest.take(cancelled.value);
  ada.publish({ kind: "order", order: placed.value });
  exchange.place(signedOrder(2n));
  const [, second] = exchange.orders.values();
  if (second === undefined) throw new Error("not there");
  ada.publish({ kind: "order", order: { ...second, state: "filled", asOf: second.asOf + 1 } });
  ada.publish({ kind: "order", order: second });
  ada.publish(clock(6));
  await expect.poll(() => events.at(-1)).toMatchObject(clock(6));
  const orders = events.flatMap((event) => (event.kind === "order" ? [event.order] : []));
  expect(orders).toMatchObject([{ id: 2n, state: "filled" }]);
});

it("the stream comes back ever later where connections end at once", async () => {
  const { ada, bob, gaps } = await start([]);
  const began = performance.now();
  for (let ends = 1; ends <= 5; ends++) {
    await expect.poll(() => gaps.length, { interval: 5, timeout: 5000 }).toBe(ends);
    (ends % 2 === 1 ? ada : bob).cut();
  }
  await expect.poll(() => gaps.length, { timeout: 5000 }).toBe(6);
  const pauses = 50 + 100 + 200 + 400 + 800;
  expect(performance.now() - began).toBeGreaterThan(pauses - 50);
});

it("the stream takes silence for an end", async () => {
  const { ada, bob, gaps } = await start([], 150);
  await expect.poll(() => gaps.slice(0, 3)).toEqual([ada.url, bob.url, ada.url]);
});

it("the stream ends where a channel is refused for good", async () => {
  const market = { kind: "market", base: OWNER, quote: OWNER } as const;
  const { ended } = await start([market]);
  expect(await ended).toMatchObject({ code: "NotFound", name: "RefusedByOperator" });
});
