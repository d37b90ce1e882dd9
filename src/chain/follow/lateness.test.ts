import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Address } from "../../base/hex.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import { CrossCheck, NotSeconded } from "./crossCheck.ts";
import { type Head, Lateness } from "./lateness.ts";
import type { Reading } from "./readRange.ts";

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

describe("an endpoint that gives no block, and a height that creeps", () => {
  const CONFIRMATIONS = 3;
  const refAt = (number: number) => ({ number, hash: `0x${number.toString(16)}` as const });
  const whole = (): Endpoint => {
    const client = {
      getBlockNumber: async () => BigInt(height()),
      getBlock: async ({ blockNumber }: { blockNumber?: bigint }) => {
        const { number, hash } = refAt(Number(blockNumber ?? height()));
        return { number, hash, timestamp: BigInt(Math.floor(Date.now() / 1000)) };
      },
      getLogs: async () => [],
    };
    return { client, probing: client, isFailing: false, penalty: 0 } as unknown as Endpoint;
  };

  it("an endpoint that creeps holds up final blocks for a few only", async () => {
    let behind = 0;
    const creeping = blockless(() => height() - Math.floor(behind));
    const client = { ...creeping.client, getBlock: () => Promise.reject(new Error("none")) };
    const failing = { ...creeping, client, probing: client, isFailing: true };
    const all = [whole(), whole(), failing as unknown as Endpoint];
    const transport = { endpoints: () => all, demote: () => {}, contradict: () => {} };
    const check = new CrossCheck({
      client: { transport } as unknown as ChainClient,
      mediator: `0x${"11".repeat(20)}` as Address,
      lateness,
      confirmations: CONFIRMATIONS,
    });
    let last = height() - CONFIRMATIONS;
    const take = async (end: number): Promise<void> => {
      const reading: Reading = { from: last + 1, end: refAt(end), near: [], cuts: [], logs: [] };
      try {
        await check.requireSecond(all[0] as Endpoint, reading, head());
        last = end;
      } catch (error) {
        if (!(error instanceof NotSeconded)) throw error;
        if (error.newest - CONFIRMATIONS > last) await take(error.newest - CONFIRMATIONS);
      }
    };
    let worst = 0;
    for (let blocks = 0; blocks < 200; blocks++) {
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      // One block in the time of three.
      behind += 2 / 3;
      if (height() - CONFIRMATIONS > last) await take(height() - CONFIRMATIONS);
      worst = Math.max(worst, height() - CONFIRMATIONS - last);
    }
    expect(worst).toBeLessThan(10);
  });
});
