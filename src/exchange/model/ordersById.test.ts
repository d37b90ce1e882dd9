import fc from "fast-check";
import { expect, test } from "vitest";
import { DEFAULT_TERMS } from "../../protocol/trading/terms.ts";
import { ALICE, limitOrder, MARKET, SIGNATURE } from "../world.testkit.ts";
import { Book } from "./book.ts";
import { difference, exact, sum } from "./exact.ts";
import { OrderRecord } from "./orderRecord.ts";
import { CountedOrders, OrdersById } from "./ordersById.ts";

const book = new Book(MARKET);
const ACCOUNT = { address: ALICE, leafIndex: 0, balances: new Map() };

function record(id: bigint, { price = 1n, side = "bid" as "bid" | "ask", of = book } = {}) {
  return new OrderRecord({
    account: ACCOUNT,
    counted: new CountedOrders(),
    order: { ...limitOrder(ALICE, 0, 1, side, 1, 1), id },
    signature: SIGNATURE,
    terms: DEFAULT_TERMS,
    placedMs: 0,
    arrivalSeq: Number(id % 1000n),
    book: of,
    measured: { side, price: exact(price), lots: 1 },
  });
}

/** Both sides of the last whole number that a double has exactly, close together. */
const LIMIT = BigInt(Number.MAX_SAFE_INTEGER);
const whole = fc.oneof(
  fc.bigInt({ min: 0n, max: 20n }),
  fc.bigInt({ min: LIMIT - 6n, max: LIMIT + 6n }),
  fc.bigInt({ min: 2n * LIMIT, max: 2n * LIMIT + 6n }),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
);

test("the exact form of two numbers compares as they do, on both sides of 2^53", () => {
  fc.assert(
    fc.property(whole, whole, (a, b) => {
      expect(exact(a) < exact(b)).toBe(a < b);
      expect(exact(a) > exact(b)).toBe(a > b);
      expect(exact(a) === exact(b)).toBe(a === b);
      expect(BigInt(exact(a))).toBe(a);
    }),
    { numRuns: 2000 },
  );
});

test("sums and differences of exact forms are exact, on both sides of 2^53", () => {
  fc.assert(
    fc.property(whole, whole, (a, b) => {
      expect(sum(exact(a), exact(b))).toBe(exact(a + b));
      expect(difference(exact(a + b), exact(b))).toBe(exact(a));
    }),
    { numRuns: 2000 },
  );
});

test("orders are found by ids of any size, and are listed as they came", () => {
  fc.assert(
    fc.property(fc.uniqueArray(whole, { maxLength: 30 }), fc.array(whole), (ids, others) => {
      const orders = new OrdersById();
      for (const id of ids) orders.add(record(id));
      expect(orders.size).toBe(ids.length);
      expect([...orders.values()].map(({ order }) => order.id)).toEqual(ids);
      for (const id of [...ids, ...others]) {
        expect(orders.has(id)).toBe(ids.includes(id));
        expect(orders.get(id)?.order.id).toBe(ids.includes(id) ? id : undefined);
      }
    }),
  );
});

test("ids that ascend are found however they are spread, also once one came out of order", () => {
  const gap = fc.oneof(
    fc.bigInt({ min: 1n, max: 3n }),
    fc.bigInt({ min: 1n, max: 2n ** 30n }),
    fc.nat({ max: 62 }).map((bits) => 2n ** BigInt(bits)),
  );
  const gaps = fc.array(gap, { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(gaps, fc.boolean(), (all, isMixed) => {
      let last = 0n;
      const ids = all.map((one) => {
        last += one;
        return last;
      });
      if (isMixed) ids.push(0n);
      const orders = new OrdersById();
      for (const id of ids) {
        expect(orders.has(id)).toBe(false);
        orders.add(record(id));
      }
      for (const id of ids) {
        expect(orders.get(id)?.id).toBe(id);
        expect(orders.has(id + 1n)).toBe(ids.includes(id + 1n));
      }
      expect([...orders.values()].map(({ id }) => id)).toEqual(ids);
    }),
  );
});

test("a side of a book is sorted where its prices are numbers, bigints or both", () => {
  const prices = fc.uniqueArray(whole, { maxLength: 200, minLength: 1 });
  fc.assert(
    fc.property(prices, fc.constantFrom("bid" as const, "ask" as const), (all, side) => {
      const own = new Book(MARKET);
      const records = all.map((price, i) => record(BigInt(i), { price, side, of: own }));
      for (const one of records) own.add(one);
      const gone = records.filter((_, i) => i % 3 === 0);
      for (const one of gone) own.remove(one);
      const left = records.filter((_, i) => i % 3 !== 0).map(({ price }) => price);
      const sign = side === "bid" ? -1 : 1;
      left.sort((a, b) => sign * (a < b ? -1 : a > b ? 1 : 0));
      expect(own.depth(side, all.length).map(({ price }) => exact(price))).toEqual(left);
      expect(own.best(side)?.price).toBe(left[0]);
      for (const { price } of gone) expect(own.lotsAt(side, BigInt(price))).toBe(0n);
    }),
  );
});

test("orders that count are those added and not taken off, in that order", () => {
  const steps = fc.array(fc.record({ id: fc.nat({ max: 15 }), isAdded: fc.boolean() }));
  fc.assert(
    fc.property(steps, (all) => {
      const counted = new CountedOrders();
      const records = Array.from({ length: 16 }, (_, id) => record(BigInt(id)));
      let expected: OrderRecord[] = [];
      for (const { id, isAdded } of all) {
        const one = records[id] as OrderRecord;
        if (!isAdded) counted.delete(one);
        else if (!expected.includes(one)) counted.add(one);
        else continue;
        expected = expected.filter((other) => other !== one);
        if (isAdded) expected.push(one);
      }
      expect(counted.size).toBe(expected.length);
      expect([...counted.values()]).toEqual(expected);
    }),
  );
});

test("the order just given may be taken off while the list is gone through", () => {
  const counted = new CountedOrders();
  for (let id = 0n; id < 5n; id++) counted.add(record(id));
  for (const one of counted.values()) if (one.order.id % 2n === 0n) counted.delete(one);
  expect([...counted.values()].map(({ order }) => order.id)).toEqual([1n, 3n]);
});
