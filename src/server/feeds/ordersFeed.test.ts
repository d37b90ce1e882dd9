import { expect, test } from "vitest";
import type { OrderResponse } from "../../wire/schemas/order.ts";
import { OrdersFeed } from "./ordersFeed.ts";

const order = (id: number, asOf: number) => ({ id, asOf }) as unknown as OrderResponse;
const idsOf = (update: { readonly data: unknown } | undefined) =>
  (update?.data as readonly OrderResponse[] | undefined)?.map(({ id }) => id);

function feed(sequence: number) {
  const whole = [order(9, sequence)];
  return new OrdersFeed(async () => whole, sequence);
}

test("orders of one record that came in two messages are all told to who saw the first", async () => {
  const orders = feed(4);
  orders.push(order(1, 8));
  expect(orders.next()).toMatchObject({ sequence: 8, previous: 4 });
  orders.push(order(2, 8));
  expect(orders.next()).toMatchObject({ sequence: 8, previous: 8 });
  const again = await orders.first(8);
  expect(again).toMatchObject({ type: "update", sequence: 8, previous: 8 });
  expect(idsOf(again)).toEqual([1, 2]);
});

test("orders are all told to who saw the record at which a feed begins, or an earlier one", async () => {
  const orders = feed(4);
  orders.push(order(1, 8));
  orders.next();
  for (const after of [undefined, 3, 4, 9]) {
    expect(await orders.first(after)).toMatchObject({ type: "snapshot", sequence: 8 });
  }
  expect(idsOf(await orders.first(5))).toEqual([1]);
});
