import { expect, it, onTestFinished } from "vitest";
import type { StreamEvent } from "../wire/stream.ts";
import {
  CLOCK,
  FakeExchange,
  type FakeOperator,
  OWN_SESSION,
  OWNER,
  startFakeOperator,
} from "./fakeOperator.testkit.ts";
import { Operators } from "./operators.ts";
import { type Channel, listen } from "./stream.ts";

const client: Channel = { kind: "client", client: OWNER, session: async () => OWN_SESSION };

async function start(channels: readonly Channel[], silenceMs = 10_000) {
  const exchange = new FakeExchange();
  const fakes = await Promise.all([0, 1].map(() => startFakeOperator(exchange)));
  const [ada, bob] = fakes as [FakeOperator, FakeOperator];
  const operators = new Operators({ urls: [ada.url, bob.url] });
  const events: StreamEvent[] = [];
  const gaps: string[] = [];
  const ending = new AbortController();
  const listening = listen(
    {
      operators,
      channels,
      silenceMs,
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
  return { ada, bob, operators, events, gaps, ending, ended };
}

const clock = (round: number) => ({ kind: "clock", clock: { ...CLOCK, round } }) as const;

it("hears the clock and its channels, and is told that what was before is missing", async () => {
  const { ada, events, gaps, ending, ended } = await start([client]);
  await expect.poll(() => gaps).toEqual([ada.url]);
  ada.publish(clock(4));
  await expect.poll(() => events.at(-1)).toMatchObject(clock(4));
  ending.abort();
  expect(await ended).toBeUndefined();
});

it("goes to the next operator when one ends, and tells of the gap", async () => {
  const { ada, bob, events, gaps } = await start([client]);
  await expect.poll(() => gaps).toEqual([ada.url]);
  ada.cut();
  await expect.poll(() => gaps).toEqual([ada.url, bob.url]);
  bob.publish(clock(5));
  await expect.poll(() => events.at(-1)).toMatchObject(clock(5));
});

it("tells who leads to all who write, and goes there when it must go", async () => {
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

it("takes silence for an end", async () => {
  const { ada, bob, gaps } = await start([], 150);
  await expect.poll(() => gaps.slice(0, 3)).toEqual([ada.url, bob.url, ada.url]);
});

it("ends where a channel is refused for good", async () => {
  const market = { kind: "market", base: OWNER, quote: OWNER } as const;
  const { ended } = await start([market]);
  expect(await ended).toMatchObject({ code: "NotFound", name: "RefusedByOperator" });
});
