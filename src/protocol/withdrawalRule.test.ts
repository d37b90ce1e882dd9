import fc from "fast-check";
import { expect, test } from "vitest";
import { UINT128_MAX } from "../base/bytes.ts";
import type { Address } from "../base/hex.ts";
import { momentOf } from "./rounds.ts";
import { covers, sumUp } from "./statementRule.ts";
import type { Order, Schedule, Statement } from "./units.ts";
import {
  cancelWindow,
  checkEvidence,
  confirmable,
  firstPayableBlock,
  overdrawn,
  type WithdrawalRequest,
} from "./withdrawalRule.ts";

const schedule: Schedule = { genesisBlock: 100, roundSize: 32 };
const client: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const token: Address = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const other: Address = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

function order(round: number, id: bigint, sellAmount: bigint, change: Partial<Order> = {}): Order {
  return {
    owner: client,
    round,
    id,
    sellToken: token,
    sellAmount,
    buyToken: other,
    buyAmount: 1n,
    intent: "sellAll",
    ...change,
  };
}

const request: WithdrawalRequest = { client, token, round: 5, amount: 60n, opening: 100n };

test("overdrawn is amount and orders beyond the opening, never an underflow", () => {
  expect(overdrawn(60n, 100n, [40n])).toBe(false);
  expect(overdrawn(60n, 100n, [40n, 1n])).toBe(true);
  expect(overdrawn(1n, 100n, [UINT128_MAX, UINT128_MAX])).toBe(true);
  expect(overdrawn(100n, 100n, [])).toBe(false);
});

test("evidence of both rounds, ascending, cancels what is overdrawn", () => {
  expect(checkEvidence(request, [order(4, 9n, 20n), order(5, 1n, 21n)])).toBeUndefined();
  expect(checkEvidence(request, [order(4, 9n, 20n), order(5, 1n, 20n)])).toEqual({
    fault: "NotOverdrawn",
    claimed: 100n,
    opening: 100n,
  });
});

test.each([
  ["twice the same", [order(5, 1n, 50n), order(5, 1n, 50n)]],
  ["descending ids", [order(5, 2n, 50n), order(5, 1n, 50n)]],
  ["descending rounds", [order(5, 1n, 50n), order(4, 2n, 50n)]],
  ["of an older round", [order(3, 1n, 50n)]],
  ["of the next round", [order(6, 1n, 50n)]],
  ["another's", [order(5, 1n, 50n, { owner: other })]],
  ["selling another token", [order(5, 1n, 50n, { sellToken: other, buyToken: token })]],
  ["that buy nothing", [order(5, 1n, 50n, { buyAmount: 0n })]],
])("orders %s are no evidence", (_, orders) => {
  const last = orders.at(-1) as Order;
  expect(checkEvidence(request, orders)).toEqual({
    fault: "WrongOrder",
    round: last.round,
    id: last.id,
  });
});

test.each([
  // request, round, quarter, paid
  [2, 3, 3, false],
  [2, 4, 0, false],
  [2, 4, 1, true],
  [2, 4, 3, true],
  [2, 5, 0, true],
  [3, 5, 0, false],
  [3, 5, 1, true],
] as const)("a request of round %i in (%i, quarter %i): %s", (requested, round, quarter, paid) => {
  expect(confirmable(requested, { block: 0, round, quarter })).toBe(paid);
});

test("requests of rounds up to h-3 are paid when HALTED at h, whatever the quarter", () => {
  const moment = { block: 0, round: 9, quarter: 1 } as const;
  expect(confirmable(6, moment, 9)).toBe(true);
  expect(confirmable(7, moment, 9)).toBe(false);
  expect(confirmable(7, moment)).toBe(true);
});

test("the first payable block is the first in which it is paid", () => {
  fc.assert(
    fc.property(fc.nat({ max: 500 }), fc.nat({ max: 20_000 }), (round, offset) => {
      const first = firstPayableBlock(schedule, round);
      const block = schedule.genesisBlock + offset;
      expect(confirmable(round, momentOf(schedule, block))).toBe(block >= first);
    }),
  );
});

test("cancelling ends with quarter 0 of the next round, before paying begins", () => {
  expect(cancelWindow(schedule, 5)).toEqual({ firstBlock: 260, lastBlock: 299 });
  expect(firstPayableBlock(schedule, 5)).toBeGreaterThan(299);
});

const summed = (round: number, watermark: bigint, sold: bigint, bought: bigint): Statement => ({
  client,
  round,
  watermark,
  except: [],
  tokens: [token],
  sold: [sold],
  bought: [bought],
});

test("statements stand for what they cover, in signed arithmetic", () => {
  const statements = [summed(4, 9n, 10n, 5n), summed(5, 3n, 20n, 0n)];
  expect(checkEvidence(request, [order(5, 3n, 16n)], statements)).toBeUndefined();
  expect(checkEvidence(request, [order(5, 3n, 15n)], statements)).toEqual({
    fault: "NotOverdrawn",
    claimed: 100n,
    opening: 100n,
  });
  expect(checkEvidence(request, [], [summed(5, 3n, 0n, 500n)])).toMatchObject({ claimed: -440n });
});

test("an order that a statement covers is no evidence beside it", () => {
  const fault = { fault: "WrongOrder", round: 5, id: 2n };
  expect(checkEvidence(request, [order(5, 2n, 90n)], [summed(5, 3n, 0n, 0n)])).toEqual(fault);
  expect(checkEvidence(request, [order(5, 2n, 90n)], [summed(4, 3n, 0n, 0n)])).toBeUndefined();
});

test.each([
  ["another's", [{ ...summed(5, 3n, 90n, 0n), client: other }]],
  ["of an older round", [summed(3, 3n, 90n, 0n)]],
  ["of the next round", [summed(6, 3n, 90n, 0n)]],
  ["twice", [summed(5, 3n, 90n, 0n), summed(5, 4n, 90n, 0n)]],
  ["descending", [summed(5, 3n, 90n, 0n), summed(4, 3n, 0n, 0n)]],
  ["without a watermark", [summed(5, 0n, 90n, 0n)]],
])("statements that are none: %s", (_, statements) => {
  expect(checkEvidence(request, [], statements)).toMatchObject({ fault: "WrongStatement" });
});

test("the request's presented orders are covered, each by one statement of its round", () => {
  const presented = [{ round: 5, watermark: 7n, except: [2n, 4n] }];
  const asked = { ...request, presented };
  const not = { fault: "NotCovered", round: 5, watermark: 7n };
  expect(checkEvidence(asked, [order(5, 9n, 90n)])).toEqual(not);
  expect(checkEvidence(asked, [], [summed(5, 6n, 90n, 0n)])).toEqual(not);
  expect(checkEvidence(asked, [], [summed(4, 8n, 90n, 0n)])).toEqual(not);
  expect(checkEvidence(asked, [], [{ ...summed(5, 8n, 90n, 0n), except: [3n] }])).toEqual(not);
  expect(
    checkEvidence(asked, [], [{ ...summed(5, 9n, 90n, 0n), except: [4n, 8n] }]),
  ).toBeUndefined();
});

const placed = fc.record({
  sells: fc.boolean(),
  lots: fc.bigInt({ min: 1n, max: 40n }),
  done: fc.nat({ max: 4 }),
  rests: fc.boolean(),
});

test("the amount beyond what is free is cancelled by statements and orders outside", () => {
  fc.assert(
    fc.property(
      fc.array(placed, { maxLength: 12 }),
      fc.nat({ max: 12 }),
      fc.bigInt({ min: 100n, max: 1000n }),
      fc.bigInt({ min: 0n, max: 50n }),
      fc.bigInt({ min: 1n, max: 60n }),
      (all, cut, opening, deposits, beyond) => {
        let free = opening + deposits;
        const orders = all.map((one, i) => {
          const [sellToken, buyToken] = one.sells ? [token, other] : [other, token];
          const made = order(5, BigInt(i), one.lots * 4n, {
            sellToken,
            buyToken,
            buyAmount: one.lots * 4n,
          });
          const executed = one.lots * BigInt(one.done);
          free += one.sells ? -executed : executed;
          if (one.rests && one.sells) free -= made.sellAmount - executed;
          return { order: made, sold: executed, bought: executed, rests: one.rests };
        });
        const watermark = Math.max(1, cut);
        const below = orders.slice(0, watermark);
        const cover = {
          round: 5,
          watermark: BigInt(watermark),
          except: below.filter(({ rests }) => rests).map((one) => one.order.id),
        };
        const statement = sumUp(client, cover, orders);
        const outside = orders
          .filter((one) => one.order.sellToken === token && (one.rests || one.sold > 0n))
          .filter((one) => !covers(cover, one.order.id))
          .map((one) => one.order);
        const amount = free + beyond;
        fc.pre(amount > 0n && amount <= opening);
        const asked = { client, token, round: 5, amount, opening, presented: [cover] };
        expect(checkEvidence(asked, outside, [statement])).toBeUndefined();
      },
    ),
  );
});
