/** A book that follows changes is the book that they describe, grouped as operators group it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyChanges, bestOf, emptyBook, groupsOf, levelsOf } from "./book.ts";

const level = fc.record({ price: fc.bigInt(1n, 60n), amount: fc.bigInt(0n, 5n) });
const changes = fc.record({ bids: fc.array(level), asks: fc.array(level) });

describe("the book", () => {
  it("the book holds the last size of every price, and none that is zero", () => {
    fc.assert(
      fc.property(fc.array(changes), (all) => {
        const book = emptyBook();
        const model = new Map<bigint, bigint>();
        for (const one of all) {
          applyChanges(book, one, false);
          for (const { price, amount } of one.bids) model.set(price, amount);
        }
        const expected = [...model].filter(([, amount]) => amount > 0n);
        expect(new Map(book.bids)).toEqual(new Map(expected));
      }),
    );
  });

  it("the book forgets what was there before a snapshot", () => {
    const book = emptyBook();
    applyChanges(book, { bids: [{ price: 1n, amount: 1n }], asks: [] }, true);
    applyChanges(book, { bids: [], asks: [{ price: 2n, amount: 1n }] }, true);
    expect([book.bids.size, book.asks.size]).toEqual([0, 1]);
  });

  it("levels group away from the middle, best first, and sum up from the best price on", () => {
    const book = emptyBook();
    const side = (prices: readonly bigint[]) => prices.map((price) => ({ price, amount: 1n }));
    applyChanges(book, { bids: side([99n, 95n, 90n]), asks: side([101n, 105n, 110n]) }, true);
    expect(levelsOf(book, "bids", 10n, 9)).toEqual([{ price: 90n, amount: 3n, sum: 3n }]);
    expect(levelsOf(book, "asks", 10n, 9)).toEqual([{ price: 110n, amount: 3n, sum: 3n }]);
    expect(levelsOf(book, "asks", 1n, 2).map(({ price, sum }) => [price, sum])).toEqual([
      [101n, 1n],
      [105n, 2n],
    ]);
  });

  it("the best price of a side is that of its first level", () => {
    fc.assert(
      fc.property(changes, (one) => {
        const book = emptyBook();
        applyChanges(book, one, true);
        for (const side of ["bids", "asks"] as const) {
          expect(bestOf(book, side)).toBe(levelsOf(book, side, 1n, 1)[0]?.price);
        }
      }),
    );
  });

  it("grouping loses no size", () => {
    fc.assert(
      fc.property(changes, fc.bigInt(1n, 30n), (one, group) => {
        const book = emptyBook();
        applyChanges(book, one, true);
        for (const side of ["bids", "asks"] as const) {
          const whole = [...book[side].values()].reduce((sum, amount) => sum + amount, 0n);
          expect(levelsOf(book, side, group, 999).at(-1)?.sum ?? 0n).toBe(whole);
        }
      }),
    );
  });

  it("the steps of grouping go from one tick up to a hundredth of the price", () => {
    expect(groupsOf(10n, 3_000_000n)).toEqual([10n, 100n, 1000n, 10_000n]);
    expect(groupsOf(10n, 0n)).toEqual([10n]);
  });
});
