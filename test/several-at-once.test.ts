/** Several orders at once, cancel all, replace and the dead-man switch, on a running exchange. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ExchangeClient } from "../src/client/client.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

let exchange: TestExchange;
let ada: ExchangeClient;
let bob: ExchangeClient;
beforeAll(async () => {
  exchange = await startExchange();
  [ada, bob] = [await exchange.client(0), await exchange.client(1)];
  await ada.deposit("WETH", "10");
  await bob.deposit("USDC", "50000");
  await exchange.settle();
});
afterAll(() => exchange.stop());

const quote = (price: string, amount = "0.01") => ({
  market: "WETH/USDC",
  side: "sell" as const,
  price,
  amount,
});

it("a client places many with one signature, each answered alone, and repeats them", async () => {
  const requests = [quote("4000"), { ...quote("4001"), tag: "b" }, quote("4002", "500")];
  const signed = await ada.orders.signMany(requests);
  expect(new Set(signed.map(({ signature }) => signature.r)).size).toBe(1);
  expect(signed.every(({ signature }) => signature.path.length > 0)).toBe(true);
  const outcomes = await ada.orders.placeMany(signed);
  expect(outcomes.map(({ order, error }) => order?.state ?? error?.code)).toEqual([
    "open",
    "open",
    "InsufficientFunds",
  ]);
  expect(outcomes[1]?.order?.terms.tag).toBe("b");
  const again = await ada.orders.placeMany(signed);
  expect(again.map(({ order }) => order?.orderHash)).toEqual(
    outcomes.map(({ order }) => order?.orderHash),
  );
  const refs = outcomes.flatMap(({ order }) => order ?? []);
  const cancelled = await ada.orders.cancelMany([...refs, { round: 0, id: 5n }]);
  expect(cancelled.map(({ order, error }) => order?.reason ?? error?.code)).toEqual([
    "owner",
    "owner",
    "UnknownOrder",
  ]);
});

it("a client takes out all orders with one message", async () => {
  await ada.orders.createMany([quote("4000"), quote("4001")]);
  const taken = await ada.orders.cancelAll();
  expect(taken.map(({ state, reason }) => [state, reason])).toEqual([
    ["cancelled", "cancelAll"],
    ["cancelled", "cancelAll"],
  ]);
  expect(await ada.orders.cancelAll()).toEqual([]);
});

it("a client replaces an order, and cannot replace one that is gone", async () => {
  const old = await ada.createOrder(quote("4000", "9"));
  const { cancelled, placed } = await ada.orders.replace(old, quote("4100", "9.5"));
  expect(cancelled).toMatchObject({ id: old.id, state: "cancelled", reason: "replaced" });
  expect(placed).toMatchObject({ state: "open", sellAmount: 95n * 10n ** 17n });
  const again = ada.orders.replace(old, quote("4200"));
  await expect(again).rejects.toMatchObject({ code: "OrderNotOpen" });
  await ada.orders.cancelAll();
});

it("a client is told what is left of the limits", async () => {
  const session = await ada.session();
  const asked = { params: { client: ada.address }, session };
  const before = await ada.api.call("fetchLimits", asked);
  await ada.createOrder(quote("4000"));
  const after = await ada.api.call("fetchLimits", asked);
  expect(after.rounds[0]?.orders.left).toBe((before.rounds[0]?.orders.left ?? 0) - 1);
  expect(after.rounds[0]?.placements.limit).toBe(20_000);
});

it("the dead-man switch takes out all orders at its block", async () => {
  const order = await ada.createOrder(quote("4300"));
  const { block } = await ada.api.call("fetchClock");
  expect(await ada.orders.cancelAfter(block + 3)).toEqual({ block: block + 3, graceBlocks: 0 });
  await exchange.anvil.mine(8);
  await expect
    .poll(async () => (await ada.fetchOrders()).find(({ id }) => id === order.id)?.reason)
    .toBe("deadMan");
  await expect(ada.orders.cancelAfter(1)).rejects.toMatchObject({ code: "Expired" });
});

it("lists that are none are refused, and nothing is signed", async () => {
  for (const list of [undefined, [], "x", Array(51).fill(quote("4000"))]) {
    await expect(ada.orders.createMany(list)).rejects.toMatchObject({ field: "orders" });
    await expect(ada.orders.cancelMany(list)).rejects.toMatchObject({ field: "orders" });
  }
  await expect(ada.orders.cancelAfter(-1)).rejects.toMatchObject({ field: "block" });
});
