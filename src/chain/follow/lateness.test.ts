import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Endpoint } from "../rpc/endpoint.ts";
import { type Head, Lateness } from "./lateness.ts";

/** Milliseconds between two blocks. */
const INTERVAL_MS = 12_000;
const START = 1_700_000_000_000;

let lateness: Lateness;

/** The newest block of the chain. */
const height = () => 1000 + Math.floor((Date.now() - START) / INTERVAL_MS);
const head = (): Head => ({ number: height(), timestamp: Date.now() / 1000, header: {} });

/** Says its height, and gives no block. */
const blockless = (newest: () => number): Endpoint => {
  const client = {
    getBlockNumber: async () => BigInt(newest()),
    getBlock: () => new Promise(() => {}),
  };
  return { client, probing: client, isFailing: false } as unknown as Endpoint;
};

async function standingOf(endpoint: Endpoint) {
  const found = lateness.standingOf(endpoint, head());
  await vi.advanceTimersByTimeAsync(2000);
  return found;
}

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ["Date", "performance", "setTimeout", "clearTimeout"] });
  lateness = new Lateness();
  for (let i = 0; i < 100; i++) {
    lateness.believe({ number: height(), at: performance.now() });
    vi.advanceTimersByTime(INTERVAL_MS);
  }
});
afterEach(() => {
  vi.useRealTimers();
});

describe("an endpoint that gives no newest block in time", () => {
  it("an endpoint with all final blocks is on time while its height goes on", async () => {
    const endpoint = blockless(height);
    lateness.noteOnTime(endpoint, height());
    await vi.advanceTimersByTimeAsync(2 * INTERVAL_MS);
    expect(await standingOf(endpoint)).toEqual({
      newest: height(),
      hash: undefined,
      isLate: false,
    });
    await vi.advanceTimersByTimeAsync(5 * INTERVAL_MS);
    expect(await standingOf(endpoint)).toBeUndefined();
  });

  it("an endpoint never seen on time has no standing, nor one that stands still", async () => {
    expect(await standingOf(blockless(height))).toBeUndefined();
    const standing = height();
    const still = blockless(() => standing);
    lateness.noteOnTime(still, standing);
    await vi.advanceTimersByTimeAsync(4 * INTERVAL_MS);
    expect(await standingOf(still)).toBeUndefined();
  });
});
