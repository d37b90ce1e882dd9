import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type FeeMarket,
  forecastBaseFee,
  forecastWeiPerDay,
  GasLedger,
  quoteFees,
} from "./fees.ts";

const GWEI = 10n ** 9n;
const fee = fc.bigInt({ min: 0n, max: 10_000n * GWEI });
const market: fc.Arbitrary<FeeMarket> = fc.record({
  baseFee: fee,
  earlierBaseFee: fee,
  span: fc.integer({ min: 0, max: 8 }),
  priorityFee: fc.bigInt({ min: 0n, max: 100n * GWEI }),
  urgentPriorityFee: fc.bigInt({ min: 0n, max: 100n * GWEI }),
});
const left = fc.integer({ min: 0, max: 2000 });
const calm: FeeMarket = {
  baseFee: 20n * GWEI,
  earlierBaseFee: 20n * GWEI,
  span: 8,
  priorityFee: GWEI,
  urgentPriorityFee: GWEI,
};

describe("the fees of a transaction", () => {
  it("the fees never pass the cap, and no part of them passes the whole", () => {
    fc.assert(
      fc.property(market, left, fee, (now, blocks, cap) => {
        const offered = quoteFees(now, blocks, cap);
        expect(offered.maxFeePerGas).toBeLessThanOrEqual(cap);
        expect(offered.maxPriorityFeePerGas).toBeLessThanOrEqual(offered.maxFeePerGas);
      }),
    );
  });

  it("the fees are no less than nodes say that they take, as far as the cap allows", () => {
    fc.assert(
      fc.property(market, left, fee, fee, fee, (now, blocks, cap, tip, least) => {
        const { maxFeePerGas, maxPriorityFeePerGas } = quoteFees(now, blocks, cap, undefined, {
          tip,
          fee: least,
        });
        expect(maxFeePerGas).toBeGreaterThanOrEqual(least < cap ? least : cap);
        expect(maxPriorityFeePerGas).toBeGreaterThanOrEqual(tip < cap ? tip : cap);
        expect(maxFeePerGas).toBeLessThanOrEqual(cap);
        expect(maxPriorityFeePerGas).toBeLessThanOrEqual(maxFeePerGas);
      }),
    );
  });

  it("the fees rise as the deadline nears", () => {
    fc.assert(
      fc.property(market, left, left, (now, a, b) => {
        const [sooner, later] = a < b ? [a, b] : [b, a];
        const cap = 10n ** 30n;
        const near = quoteFees(now, sooner, cap);
        const far = quoteFees(now, later, cap);
        expect(near.maxPriorityFeePerGas).toBeGreaterThanOrEqual(far.maxPriorityFeePerGas);
        expect(near.maxFeePerGas).toBeGreaterThanOrEqual(far.maxFeePerGas);
      }),
    );
    const tips = [10, 8, 6, 4, 2].map((blocks) => quoteFees(calm, blocks, 10n ** 15n));
    expect(tips.map(({ maxPriorityFeePerGas }) => maxPriorityFeePerGas / GWEI)).toEqual([
      1n,
      2n,
      4n,
      8n,
      16n,
    ]);
  });

  it("a fee bump adds a tenth to both fees, or says that the cap bites", () => {
    fc.assert(
      fc.property(market, left, fee, market, left, (then, before, cap, now, blocks) => {
        const previous = quoteFees(then, before, cap);
        const next = quoteFees(now, blocks, cap, previous);
        if (next.capped) return;
        expect(next.maxFeePerGas * 10n).toBeGreaterThanOrEqual(previous.maxFeePerGas * 11n);
        expect(next.maxPriorityFeePerGas * 10n).toBeGreaterThanOrEqual(
          previous.maxPriorityFeePerGas * 11n,
        );
      }),
    );
  });

  it("fees count as near the cap if half is needed and the trend passes it in time", () => {
    const rising = { ...calm, baseFee: 60n * GWEI, earlierBaseFee: 40n * GWEI };
    const cap = 100n * GWEI;
    expect(quoteFees(rising, 40, cap)).toMatchObject({ capNear: true, capped: false });
    // Far from half of the cap, or gone before it matters, or not rising:
    expect(quoteFees(rising, 40, 1000n * GWEI).capNear).toBe(false);
    expect(quoteFees(rising, Number.POSITIVE_INFINITY, cap).capNear).toBe(false);
    expect(quoteFees({ ...rising, earlierBaseFee: 60n * GWEI }, 40, cap).capNear).toBe(false);
    expect(quoteFees({ ...rising, baseFee: 120n * GWEI }, 40, cap).capped).toBe(true);
  });
});

describe("the forecast of base fees", () => {
  it("the forecast of base fees goes on as lately, upwards only", () => {
    const doubling = { ...calm, earlierBaseFee: 10n * GWEI };
    expect(forecastBaseFee(doubling, 8)).toBe(40n * GWEI);
    expect(forecastBaseFee(doubling, 16)).toBe(80n * GWEI);
    expect(forecastBaseFee({ ...calm, earlierBaseFee: 90n * GWEI }, 16)).toBe(20n * GWEI);
    expect(forecastBaseFee({ ...doubling, span: 0 }, 16)).toBe(20n * GWEI);
  });

  it("a forecast of base fees has no trend, but an end, after an older newest block", () => {
    const wanders = { ...calm, earlierBaseFee: 10n * GWEI, span: -3 };
    expect(forecastBaseFee(wanders, 16)).toBe(20n * GWEI);
  });

  it("the forecast of base fees never falls with more blocks to go", () => {
    fc.assert(
      fc.property(market, left, left, (now, a, b) => {
        const [fewer, more] = a < b ? [a, b] : [b, a];
        expect(forecastBaseFee(now, more)).toBeGreaterThanOrEqual(forecastBaseFee(now, fewer));
      }),
    );
  });
});

describe("the forecast of a day's gas", () => {
  it("the forecast of a day's gas is that of the last duties, at present prices", () => {
    const ledger = new GasLedger(1000);
    for (let block = 0; block <= 2000; block++) {
      ledger.setHead({ block, timestamp: 1_700_000_000 + 12 * block });
      if (block % 100 === 50) ledger.add(block, 300_000n);
      if (block === 99) expect(ledger.spent(100)).toBeUndefined();
    }
    const spent = ledger.spent(100);
    // 1,000 blocks, 10 duties: 12,000 s.
    expect(spent?.gas).toBe(3_000_000n);
    expect(spent?.seconds).toBeGreaterThan(11_700);
    expect(spent?.seconds).toBeLessThanOrEqual(12_000);
    expect(forecastWeiPerDay({ gas: 3_000_000n, seconds: 12_000 }, 9n * GWEI)).toBe(
      (3_000_000n * 10n * GWEI * 86_400n) / 12_000n,
    );
  });

  it("the forecast of a day's gas forgets what a chain of the last rounds no longer shows", () => {
    const ledger = new GasLedger(10);
    ledger.setHead({ block: 0, timestamp: 0 });
    ledger.add(1, 5n);
    ledger.setHead({ block: 30, timestamp: 30 });
    ledger.setHead({ block: 40, timestamp: 40 });
    expect(ledger.spent(5)).toEqual({ gas: 0n, seconds: 10 });
  });
});
