/** Which heads leap, and when another endpoint refuses one. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Endpoint } from "../rpc/endpoint.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import { Lateness } from "./lateness.ts";
import { Leaps } from "./leaps.ts";

const CONFIRMATIONS = 4;
const INTERVAL_MS = 12_000;
const START = Date.UTC(2026, 0, 1);

/** Blocks that are there by now. */
const height = () => 1000 + Math.floor((Date.now() - START) / INTERVAL_MS);

let asked = 0;
let suspended: string[] = [];

/** An endpoint whose newest block is `number()`; undefined: none; never: it stays silent. */
function endpoint(origin: string, number: () => number | undefined | "never"): Endpoint {
  const getBlock = async ({ blockNumber }: { blockNumber?: bigint }) => {
    asked += 1;
    const newest = number();
    if (newest === undefined) throw new Error("it is down");
    if (newest === "never") return new Promise(() => {});
    const block = blockNumber ?? BigInt(newest);
    const ms = START + (Number(block) - 1000) * INTERVAL_MS;
    return { number: block, timestamp: BigInt(Math.floor(ms / 1000)) };
  };
  return { origin, client: { getBlock } } as unknown as Endpoint;
}

const source = endpoint("http://source", height);

function leapsBeside(...others: readonly Endpoint[]): Leaps {
  const transport = {
    endpoints: () => [source, ...others],
    suspend: ({ origin }: Endpoint) => suspended.push(origin),
  };
  const client = { transport } as unknown as ChainClient;
  return new Leaps({ client, confirmations: CONFIRMATIONS, lateness: new Lateness() });
}

/** A head of that number, with the time that the chain has for it. */
const headOf = (number: number) => ({
  number,
  timestamp: Math.floor((START + (number - 1000) * INTERVAL_MS) / 1000),
  header: {},
});

/** Takes the true heads of so many blocks, as they come. */
async function follow(leaps: Leaps, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) {
    const checked = leaps.check(source, headOf(height()));
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    await checked;
  }
}

const isRefused = (checked: Promise<unknown>) =>
  checked.then(
    () => false,
    () => true,
  );

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ["Date", "performance", "setTimeout", "clearTimeout"] });
  asked = 0;
  suspended = [];
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a head", () => {
  it("a head that comes at the pace of the chain asks others once in 32 blocks", async () => {
    const leaps = leapsBeside(endpoint("http://true", height));
    await leaps.check(source, headOf(height()));
    const atFirst = asked;
    // The pace is known then.
    await follow(leaps, 100);
    asked = 0;
    await follow(leaps, 320);
    // A pause is no leap: as many blocks came as time for them passed.
    vi.advanceTimersByTime(50 * INTERVAL_MS);
    await leaps.check(source, headOf(height()));
    expect([atFirst > 0, suspended]).toEqual([true, []]);
    expect(asked).toBeLessThanOrEqual(atFirst * (320 / 32 + 2));
  });

  it.each([0, 1, 40])(
    "a head that leaps after %i blocks is refused by a true one",
    async (blocks) => {
      const leaps = leapsBeside(endpoint("http://true", height));
      await follow(leaps, blocks);
      const leap = height() + CONFIRMATIONS + 20;
      await expect(leaps.check(source, headOf(leap))).rejects.toMatchObject({
        code: "EndpointsDisagree",
        message: expect.stringContaining(
          `http://source says ${leap}, http://true says ${height()}`,
        ),
      });
      expect(suspended).toEqual(["http://source"]);
      // What was refused is no head to go on from.
      await follow(leaps, 5);
      await expect(leaps.check(source, headOf(leap + 5))).rejects.toThrow();
    },
  );

  it.each([
    ["another endpoint has it", () => height() + 30],
    ["the other is late by its newest block's time", () => height() - 60],
    ["the other is down", () => undefined],
    ["the other does not answer in time", () => "never" as const],
  ])("a head that leaps is believed where %s", async (_, number) => {
    const leaps = leapsBeside(endpoint("http://other", number));
    await follow(leaps, 10);
    const leap = headOf(height() + 30);
    const checked = leaps.check(source, leap);
    await vi.advanceTimersByTimeAsync(2000);
    await checked;
    expect(suspended).toEqual([]);
  });

  it("a head that gets ahead by small steps is refused before it is far ahead", async () => {
    const leaps = leapsBeside(endpoint("http://true", height));
    await follow(leaps, 100);
    let lead = 0;
    while (!(await isRefused(leaps.check(source, headOf(height() + lead))))) {
      lead += CONFIRMATIONS;
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    }
    expect(lead).toBeLessThanOrEqual(32);
  });

  it("a head that leaps is refused by one that gives its height alone, while the chain slows", async () => {
    let isShort = false;
    let newest = 1000;
    const whole = endpoint("http://short", () => (isShort ? undefined : newest));
    const getBlockNumber = async () => BigInt(newest);
    const short = { ...whole, client: { ...whole.client, getBlockNumber } } as unknown as Endpoint;
    const leaps = leapsBeside(short);
    for (; newest < 1100; newest++) {
      await leaps.check(source, headOf(newest));
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    }
    const leap = () => isRefused(leaps.check(source, headOf(newest + 40)));
    await expect(leap()).resolves.toBe(true);
    isShort = true;
    newest += 1;
    await vi.advanceTimersByTimeAsync(4.5 * INTERVAL_MS);
    await expect(leap()).resolves.toBe(true);
    // Beyond a quarter of the usual pace nobody knows whether it goes on.
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    await expect(leap()).resolves.toBe(false);
  });

  it("a head that leaps is believed once the other stands still, whatever the clock says", async () => {
    const standing = height();
    const leaps = leapsBeside(endpoint("http://still", () => standing));
    // The clock was set back before the start: by it, the other's newest block is none too old.
    vi.setSystemTime(START - 3_600_000);
    const late = leapsBeside(endpoint("http://still", () => standing));
    const refused: boolean[] = [];
    for (let i = 1; i <= 8; i++) {
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      const leap = headOf(standing + CONFIRMATIONS + 20 + i);
      refused.push(await isRefused(late.check(source, leap)));
      await expect(isRefused(leaps.check(source, leap))).resolves.toBe(i < 4);
    }
    expect(refused).toEqual([true, true, true, true, true, true, false, false]);
  });

  it("a head that leaps is refused by an endpoint that trails at the chain's pace", async () => {
    const leaps = leapsBeside(endpoint("http://trailing", () => height() - 2));
    await follow(leaps, 5);
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      await expect(leaps.check(source, headOf(height() + CONFIRMATIONS + 50))).rejects.toThrow();
    }
  });

  it("a head that leaps is believed where the other's times are made up, once it stands still", async () => {
    const standing = height();
    // The newest block is new at each question, and those before it are older than the chain.
    const getBlock = async ({ blockNumber }: { blockNumber?: bigint }) => ({
      number: blockNumber ?? BigInt(standing),
      timestamp: blockNumber === undefined ? BigInt(Math.floor(Date.now() / 1000)) : 0n,
    });
    const liar = { origin: "http://liar", client: { getBlock } } as unknown as Endpoint;
    const leaps = leapsBeside(liar);
    const leap = () => headOf(height() + 100);
    await expect(leaps.check(source, leap())).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    await leaps.check(source, leap());
  });

  it("a head that leaps is believed where there is no other endpoint", async () => {
    const leaps = leapsBeside();
    await follow(leaps, 10);
    await leaps.check(source, headOf(height() + 1000));
    expect(suspended).toEqual([]);
  });

  it("a head of one that makes as if it caught up tells no pace", async () => {
    const lateness = new Lateness();
    const transport = { endpoints: () => [source, endpoint("http://true", height)] };
    const client = { transport } as unknown as ChainClient;
    const leaps = new Leaps({ client, confirmations: CONFIRMATIONS, lateness });
    for (const behind of [900, 700, 500, 300, 100]) {
      await leaps.check(source, headOf(height() - behind));
      await vi.advanceTimersByTimeAsync(1000);
    }
    await leaps.check(source, headOf(height()));
    expect(lateness.interval).toBeUndefined();
    await follow(leaps, 100);
    expect(lateness.interval).toBeCloseTo(INTERVAL_MS, -2);
  });
});
