/** Which heads leap, and when another endpoint refuses one. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Endpoint } from "../rpc/endpoint.ts";
import type { ChainClient } from "../rpc/rpc.ts";
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
  return new Leaps({ client, confirmations: CONFIRMATIONS });
}

/** Takes the true heads of so many blocks, as they come. */
async function follow(leaps: Leaps, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) {
    const checked = leaps.check(source, height());
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    await checked;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ["Date", "performance", "setTimeout", "clearTimeout"] });
  asked = 0;
  suspended = [];
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a head", () => {
  it("a head that comes at the pace of the chain asks nobody, but for the first", async () => {
    const stale = endpoint("http://stale", () => 900);
    const leaps = leapsBeside(stale);
    await leaps.check(source, height());
    const atFirst = asked;
    await follow(leaps, 300);
    // A pause is no leap: as many blocks came as time for them passed.
    vi.advanceTimersByTime(50 * INTERVAL_MS);
    await leaps.check(source, height());
    expect([atFirst > 0, asked, suspended]).toEqual([true, atFirst, []]);
  });

  it.each([0, 1, 40])(
    "a head that leaps after %i blocks is refused by a true one",
    async (blocks) => {
      const leaps = leapsBeside(endpoint("http://true", height));
      await follow(leaps, blocks);
      const leap = height() + CONFIRMATIONS + 20;
      await expect(leaps.check(source, leap)).rejects.toMatchObject({
        code: "EndpointsDisagree",
        message: expect.stringContaining(
          `http://source says ${leap}, http://true says ${height()}`,
        ),
      });
      expect(suspended).toEqual(["http://source"]);
      // What was refused is no head to go on from.
      await follow(leaps, 5);
      await expect(leaps.check(source, leap + 5)).rejects.toThrow();
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
    const checked = leaps.check(source, height() + 30);
    await vi.advanceTimersByTimeAsync(2000);
    await checked;
    expect(suspended).toEqual([]);
  });

  it("a head that leaps is believed once the other stands still, though the clock is wrong", async () => {
    const standing = height();
    const leaps = leapsBeside(endpoint("http://still", () => standing));
    await leaps.check(source, standing);
    // The time passes, and the clock says that it does not.
    const setClock = () => vi.setSystemTime(START);
    const refused: boolean[] = [];
    for (let i = 1; i <= 5; i++) {
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      setClock();
      const checked = leaps.check(source, standing + CONFIRMATIONS + 20 + i);
      refused.push(
        await checked.then(
          () => false,
          () => true,
        ),
      );
    }
    expect(refused).toEqual([true, true, true, false, false]);
  });

  it("a head that leaps is refused by an endpoint that trails at the chain's pace", async () => {
    const leaps = leapsBeside(endpoint("http://trailing", () => height() - 2));
    await follow(leaps, 5);
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      await expect(leaps.check(source, height() + CONFIRMATIONS + 50)).rejects.toThrow();
    }
  });

  it("a head that leaps is believed where there is no other endpoint", async () => {
    const leaps = leapsBeside();
    await follow(leaps, 10);
    await leaps.check(source, height() + 1000);
    expect(suspended).toEqual([]);
  });
});
