import fc from "fast-check";
import { expect, test } from "vitest";
import { DEFAULT_TERMS } from "../../protocol/trading/terms.ts";
import { ALICE, limitOrder, MARKET, SIGNATURE, THIRD_MARKET } from "../world.testkit.ts";
import { Book, BookIndex } from "./book.ts";
import { OrderRecord } from "./orderRecord.ts";
import { CountedOrders } from "./ordersById.ts";
import type { Side } from "./outcome.ts";

const ACCOUNT = { address: ALICE, leafIndex: 0, balances: new Map() };

function record(
  book: Book,
  arrivalSeq: number,
  side: Side,
  lots: number,
  price: number,
): OrderRecord {
  return new OrderRecord({
    account: ACCOUNT,
    counted: new CountedOrders(),
    order: limitOrder(ALICE, 0, arrivalSeq, side, lots, price),
    signature: SIGNATURE,
    terms: DEFAULT_TERMS,
    placedMs: 0,
    arrivalSeq,
    book,
    measured: { side, price, lots },
  });
}

const changes = fc.array(
  fc.record({
    side: fc.constantFrom<Side>("bid", "ask"),
    price: fc.integer({ min: 1, max: 12 }),
    lots: fc.integer({ min: 1, max: 9 }),
    remove: fc.option(fc.nat(), { freq: 2 }),
  }),
  { maxLength: 80 },
);

test("the book is its orders sorted by price and time, whatever came and went", () => {
  fc.assert(
    fc.property(changes, (all) => {
      const book = new Book(MARKET);
      let open: OrderRecord[] = [];
      all.forEach(({ side, price, lots, remove }, arrivalSeq) => {
        const gone = remove === null ? undefined : open[remove % Math.max(1, open.length)];
        if (gone !== undefined) {
          book.remove(gone);
          open = open.filter((other) => other !== gone);
        } else {
          const added = record(book, arrivalSeq, side, lots, price);
          book.add(added);
          open.push(added);
        }
      });
      const sorted = (side: Side) =>
        open
          .filter((one) => one.side === side)
          .sort((a, b) => {
            const sign = side === "bid" ? -1 : 1;
            const better = sign * (Number(a.price) - Number(b.price));
            return better || a.arrivalSeq - b.arrivalSeq;
          });
      expect([...book.orders()]).toEqual([...sorted("bid"), ...sorted("ask")]);
      for (const side of ["bid", "ask"] as const) {
        expect(book.best(side)).toBe(sorted(side)[0]);
        const depth = new Map<bigint, { baseAmount: bigint; orders: number }>();
        for (const { price, lots } of sorted(side)) {
          const level = depth.get(BigInt(price)) ?? { baseAmount: 0n, orders: 0 };
          level.baseAmount += BigInt(lots) * MARKET.lot;
          level.orders++;
          depth.set(BigInt(price), level);
        }
        const levels = Array.from(depth, ([price, level]) => ({ price, ...level }));
        expect(book.depth(side, 99)).toEqual(levels);
        expect(book.depth(side, 2)).toEqual(levels.slice(0, 2));
        expect(book.depth(side, 0)).toEqual([]);
      }
    }),
  );
});

test("a book of thousands of prices is its orders sorted, while they come and go", () => {
  const book = new Book(MARKET);
  const open = new Map<number, OrderRecord>();
  let last = 7;
  const roll = (below: number) => {
    last = (Math.imul(last, 1_664_525) + 1_013_904_223) >>> 0;
    return last % below;
  };
  const isSorted = () => {
    const sorted = [...open.values()].sort((a, b) => Number(b.price) - Number(a.price));
    return [...book.orders()].every((one, i) => one === sorted[i]);
  };
  for (let turn = 0; turn < 12_000; turn++) {
    const price = 1 + roll(1500);
    const known = open.get(price);
    // It grows at first, and is empty at the end.
    if (known !== undefined && (turn > 5000 || roll(4) === 0)) {
      book.remove(known);
      open.delete(price);
    } else if (known === undefined && turn <= 5000) {
      const added = record(book, turn, "bid", 1, price);
      book.add(added);
      open.set(price, added);
    }
    if (turn % 500 === 0) expect(isSorted(), `after ${turn}`).toBe(true);
    if (turn === 5000) expect(open.size).toBeGreaterThan(1000);
  }
  for (const one of open.values()) book.remove(one);
  expect([book.best("bid"), ...book.orders()]).toEqual([undefined]);
});

test("a cleared book takes orders again, as if it were new", () => {
  const book = new Book(MARKET);
  book.add(record(book, 1, "bid", 3, 5));
  book.add(record(book, 2, "ask", 3, 6));
  book.clear();
  expect([...book.orders()]).toEqual([]);
  const next = record(book, 3, "bid", 2, 5);
  book.add(next);
  expect(book.best("bid")).toBe(next);
  expect(book.depth("bid", 9)).toEqual([{ price: 5n, baseAmount: 2n * MARKET.lot, orders: 1 }]);
});

test("a book is found by its two tokens in either order, whichever was asked for before", () => {
  const [one, other] = [new Book(MARKET), new Book(THIRD_MARKET)];
  const index = new BookIndex([one, other]);
  const { base, quote } = MARKET;
  const expected = [
    [base, quote, one],
    [quote, base, one],
    [base, base, undefined],
    [quote, quote, undefined],
    [base, THIRD_MARKET.base, undefined],
    [THIRD_MARKET.base, quote, other],
    [quote, THIRD_MARKET.base, other],
  ] as const;
  for (const [sell, buy, found] of expected) {
    for (const [askedSell, askedBuy] of expected) {
      index.get(askedSell, askedBuy);
      expect(index.get(sell, buy)).toBe(found);
    }
  }
});
