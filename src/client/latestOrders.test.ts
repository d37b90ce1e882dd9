import { expect, it } from "vitest";
import { FakeExchange, signedOrder } from "./fakeOperator.testkit.ts";
import { LatestOrders } from "./latestOrders.ts";
import type { OrderStatus } from "./types.ts";

function placed(id: bigint, changes: Partial<OrderStatus> = {}): OrderStatus {
  const answered = new FakeExchange().place(signedOrder(id, { round: changes.round ?? 3 }));
  if (!answered.ok) throw new Error(answered.refusal.code);
  return { ...answered.value, ...changes };
}

it("the newest state of each order is kept, in whichever order they come", () => {
  const latest = new LatestOrders();
  const filled = placed(1n, { asOf: 8, state: "filled" });
  expect(latest.take(filled)).toBe(filled);
  expect(latest.take(placed(1n, { asOf: 7 }))).toBe(filled);
  expect(latest.take({ ...filled })).toBe(filled);
  const other = placed(2n, { asOf: 7 });
  expect(latest.take(other)).toBe(other);
  const later = placed(2n, { asOf: 9, state: "cancelled" });
  expect(latest.take(later)).toBe(later);
  expect(latest.of(later.orderHash)).toBe(later);
});

it("orders that operators show no more are forgotten", () => {
  const latest = new LatestOrders();
  const [old, kept] = [placed(1n, { asOf: 5, round: 3 }), placed(2n, { asOf: 5, round: 4 })];
  latest.take(old);
  latest.take(kept);
  latest.take(placed(3n, { asOf: 6, round: 6 }));
  expect(latest.take(placed(2n, { asOf: 4, round: 4 }))).toBe(kept);
  expect(latest.of(old.orderHash)).toBeUndefined();
  const again = placed(1n, { asOf: 4, round: 3 });
  expect(latest.take(again)).toBe(again);
});
