/** Polls that pushed heads cause. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ChainClient } from "../rpc/rpc.ts";
import { HeadNotifier } from "./headNotifier.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A notifier, and the bell of its only endpoint. */
function notifier() {
  let ring = () => {};
  const watchHeads = async (onHead: () => void) => {
    ring = onHead;
  };
  const client = { transport: { endpoints: () => [{ watchHeads }] } } as unknown as ChainClient;
  const { signal } = new AbortController();
  const bell = new HeadNotifier(client, signal);
  return { ring: () => ring(), wait: (ms: number) => bell.wait(ms, signal) };
}

it("polls keep a distance, however many heads an endpoint tells of", async () => {
  const { ring, wait } = notifier();
  let polls = 0;
  const flood = setInterval(ring, 1);
  void (async () => {
    for (;;) {
      await wait(4000);
      polls += 1;
    }
  })();
  await vi.advanceTimersByTimeAsync(10_000);
  clearInterval(flood);
  expect(polls).toBeGreaterThan(20);
  expect(polls).toBeLessThanOrEqual(50);
});

it("a poll comes in its time where no head is told of, and at once where one was", async () => {
  const { ring, wait } = notifier();
  const begun = Date.now();
  const first = wait(4000).then(() => Date.now() - begun);
  await vi.advanceTimersByTimeAsync(4000);
  expect(await first).toBe(4000);
  ring();
  const second = wait(4000).then(() => Date.now() - begun);
  await vi.advanceTimersByTimeAsync(200);
  expect(await second).toBe(4200);
});
