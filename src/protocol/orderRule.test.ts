import fc from "fast-check";
import { expect, test } from "vitest";
import { UINT64_MAX, UINT128_MAX } from "../base/bytes.ts";
import type { Address } from "../base/hex.ts";
import {
  checkAdvance,
  checkExecution,
  checkOrder,
  isFilled,
  NOTHING_EXECUTED,
} from "./orderRule.ts";
import type { Intent, Order } from "./units.ts";

const base: Order = {
  owner: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  round: 3,
  id: 1n,
  sellToken: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
  sellAmount: 300n,
  buyToken: "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
  buyAmount: 100n,
  intent: "buyAll",
};
const sellAll: Order = { ...base, intent: "sellAll" };

const amount = fc.bigInt({ min: 1n, max: UINT128_MAX });
const intents = fc.constantFrom<Intent>("buyAll", "sellAll");
const orders = fc
  .record({ sellAmount: amount, buyAmount: amount, intent: intents })
  .map((fields): Order => ({ ...base, ...fields }));

test("an order at every limit is valid", () => {
  expect(checkOrder(base)).toBeUndefined();
  const largest = { ...base, id: UINT64_MAX, sellAmount: UINT128_MAX, buyAmount: UINT128_MAX };
  expect(checkOrder(largest)).toBeUndefined();
  expect(checkOrder({ ...base, id: 0n, round: 0, sellAmount: 1n, buyAmount: 1n })).toBeUndefined();
});

test.each([
  [{ owner: "0x12" as Address }, { fault: "BadAddress", field: "owner" }],
  [{ sellToken: "nil" as Address }, { fault: "BadAddress", field: "sellToken" }],
  [{ buyToken: "0x" as Address }, { fault: "BadAddress", field: "buyToken" }],
  [{ round: -1 }, { fault: "BadRound", round: -1 }],
  [{ round: 0.5 }, { fault: "BadRound", round: 0.5 }],
  [{ id: -1n }, { fault: "BadId", id: -1n }],
  [{ id: UINT64_MAX + 1n }, { fault: "BadId", id: UINT64_MAX + 1n }],
  [{ sellAmount: 0n }, { fault: "AmountOutOfRange", field: "sellAmount", amount: 0n }],
  [{ buyAmount: 0n }, { fault: "AmountOutOfRange", field: "buyAmount", amount: 0n }],
  [
    { sellAmount: UINT128_MAX + 1n },
    { fault: "AmountOutOfRange", field: "sellAmount", amount: UINT128_MAX + 1n },
  ],
  [{ buyToken: base.sellToken.toLowerCase() as Address }, { fault: "SameToken" }],
  [{ intent: "both" as Intent }, { fault: "BadIntent" }],
])("an order with %o is not", (change, fault) => {
  expect(checkOrder({ ...base, ...change })).toEqual(fault);
});

test("nothing, and all at the limit price, are allowed under both intents", () => {
  fc.assert(
    fc.property(orders, (order) => {
      expect(checkExecution(order, 0n, 0n)).toBeUndefined();
      expect(checkExecution(order, order.sellAmount, order.buyAmount)).toBeUndefined();
      expect(isFilled(order, { sold: order.sellAmount, bought: order.buyAmount })).toBe(true);
      expect(isFilled(order, NOTHING_EXECUTED)).toBe(false);
    }),
  );
});

test("the owner never gives more than sellAmount, nor at a worse price", () => {
  const any = fc.bigInt({ min: 0n, max: UINT128_MAX });
  fc.assert(
    fc.property(orders, any, any, (order, sold, bought) => {
      if (checkExecution(order, sold, bought) !== undefined) return;
      expect(sold <= order.sellAmount).toBe(true);
      expect(sold * order.buyAmount <= order.sellAmount * bought).toBe(true);
      if (order.intent === "buyAll") expect(bought <= order.buyAmount).toBe(true);
    }),
  );
});

test("a unit beyond the price or a bound is refused", () => {
  expect(checkExecution(base, 150n, 50n)).toBeUndefined();
  expect(checkExecution(base, 151n, 50n)).toMatchObject({ fault: "PriceExceeded" });
  expect(checkExecution(base, 1n, 101n)).toMatchObject({ fault: "BoughtTooMuch", limit: 100n });
  expect(checkExecution(sellAll, 1n, 101n)).toBeUndefined();
  expect(checkExecution(sellAll, 301n, 200n)).toMatchObject({ fault: "SoldTooMuch", limit: 300n });
  expect(checkExecution(base, 301n, 100n)).toMatchObject({ fault: "PriceExceeded" });
  expect(checkExecution(base, 0n, 100n)).toBeUndefined();
});

test("products beyond 128 bits are compared exactly", () => {
  const order = { ...sellAll, sellAmount: UINT128_MAX, buyAmount: UINT128_MAX };
  expect(checkExecution(order, UINT128_MAX, UINT128_MAX)).toBeUndefined();
  expect(checkExecution(order, UINT128_MAX, UINT128_MAX - 1n)).toMatchObject({
    fault: "PriceExceeded",
  });
});

test.each([
  [-1n, 0n, "sold"],
  [UINT128_MAX + 1n, UINT128_MAX, "sold"],
  [0n, -1n, "bought"],
  [0n, UINT128_MAX + 1n, "bought"],
])("amounts %s and %s are out of range", (sold, bought, field) => {
  expect(checkExecution(sellAll, sold, bought)).toMatchObject({ fault: "AmountOutOfRange", field });
});

test("steps at the price lead to an execution at the price, and none goes back", () => {
  const step = fc.record({ lots: fc.bigInt({ min: 0n, max: 10n }), better: fc.nat({ max: 3 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), intents, (script, intent) => {
      const order = { ...base, sellAmount: 300n, buyAmount: 100n, intent };
      let at = NOTHING_EXECUTED;
      for (const { lots, better } of script) {
        const price = 3n - BigInt(better);
        const next = { sold: at.sold + lots * price, bought: at.bought + lots };
        const allowed = checkAdvance(order, at, next) === undefined;
        expect(allowed).toBe(checkExecution(order, next.sold, next.bought) === undefined);
        if (!allowed) continue;
        if (lots > 0n) expect(checkAdvance(order, next, at)).toMatchObject({ fault: "WentBack" });
        at = next;
      }
      expect(checkExecution(order, at.sold, at.bought)).toBeUndefined();
    }),
  );
});

test("a good early price pays for no bad late one", () => {
  const from = { sold: 10n, bought: 50n };
  const to = { sold: 160n, bought: 60n };
  expect(checkExecution(base, to.sold, to.bought)).toBeUndefined();
  expect(checkAdvance(base, from, to)).toMatchObject({
    fault: "PriceExceeded",
    sold: 150n,
    bought: 10n,
  });
});
