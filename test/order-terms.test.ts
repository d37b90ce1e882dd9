/** Orders with terms, by the client library and by hand, on a running exchange. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { nobleCurve } from "../src/base/curve.ts";
import { hexToBytes } from "../src/base/hex.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { hashOrder, hashOrderTerms, orderHash } from "../src/protocol/messages.ts";
import { signMessage } from "../src/protocol/signatures.ts";
import { DEFAULT_TERMS, FIRST_TERMS_ID, type OrderTerms } from "../src/protocol/trading/terms.ts";
import type { Order } from "../src/protocol/units.ts";
import { toJson } from "../src/wire/schemas/values.ts";
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

const ADA_KEY = 2;

function ask(id: bigint): Order {
  return {
    owner: ada.address,
    round: 0,
    id,
    intent: "sellAll",
    sellToken: exchange.weth,
    sellAmount: 10n ** 15n,
    buyToken: exchange.usdc,
    buyAmount: 9_000_000n,
  };
}

function sign(hash: Uint8Array) {
  const key = hexToBytes(exchange.anvil.keys[ADA_KEY] as `0x${string}`);
  return signMessage(nobleCurve, ada.constants.domain, hash, key);
}

function signTerms(order: Order, terms: OrderTerms) {
  const hash = hashOrderTerms({ orderHash: orderHash(order), ...terms });
  return { ...terms, signature: sign(hash) };
}

async function post(body: object) {
  const response = await fetch(`${exchange.url}/v1/orders`, {
    method: "POST",
    body: toJson(body),
  });
  const answer = (await response.json()) as {
    error?: { code: string; message: string };
    orderHash?: string;
  };
  return { status: response.status, ...answer };
}

it("an order does what its terms say, echoes them, and tells its times and its end", async () => {
  const before = Date.now();
  const rests = await ada.createOrder({
    market: "WETH/USDC",
    side: "sell",
    price: "3000",
    amount: "0.5",
    timeInForce: "postOnly",
    selfTrade: "cancelMaker",
    tag: "quote-1",
  });
  expect(rests).toMatchObject({
    state: "open",
    reason: null,
    terms: { timeInForce: "postOnly", goodTillBlock: null, selfTrade: "cancelMaker" },
  });
  expect(rests.terms.tag).toBe("quote-1");
  expect(rests.timeMs).toBeGreaterThanOrEqual(before - 1);
  const taken = await bob.createOrder({
    market: "WETH/USDC",
    side: "buy",
    price: "3001",
    amount: "1",
    timeInForce: "ioc",
  });
  expect(taken).toMatchObject({ state: "cancelled", reason: "ioc", bought: 5n * 10n ** 17n });
  const [trade] = await bob.fetchTrades("WETH/USDC");
  expect(trade?.timeMs).toBe(taken.timeMs);
});

it.each([
  ["WouldTake", { side: "buy", price: "4000", timeInForce: "postOnly" }],
  ["NotFilled", { side: "buy", price: "4000", timeInForce: "fok" }],
  ["Expired", { side: "buy", price: "4000", goodTillBlock: 1 }],
] as const)("terms that cannot be kept are refused with %s", async (code, terms) => {
  await ada.createOrder({ market: "WETH/USDC", side: "sell", price: "4000", amount: "0.001" });
  const request = { market: "WETH/USDC", amount: "1", ...terms };
  await expect(bob.createOrder(request)).rejects.toMatchObject({ code });
});

it("an order whose terms were dropped, added or changed on the way is not taken", async () => {
  const withTerms = ask(FIRST_TERMS_ID + 7n);
  const terms = { ...DEFAULT_TERMS, timeInForce: "postOnly" as const };
  const signed = signTerms(withTerms, terms);
  const signature = sign(hashOrder(withTerms));

  const dropped = await post({ order: withTerms, signature });
  expect(dropped).toMatchObject({ status: 400, error: { code: "BadInput" } });
  expect(dropped.error?.message).toMatch(/^body\.terms: .*with terms, and there are none/);
  const changed = await post({ order: withTerms, signature, terms: { ...signed, tag: "x" } });
  expect(changed).toMatchObject({ error: { code: "BadSignature" } });
  const foreign = signTerms(ask(FIRST_TERMS_ID + 8n), terms);
  const moved = await post({ order: withTerms, signature, terms: foreign });
  expect(moved).toMatchObject({ error: { code: "BadSignature" } });
  const plain = ask(8n);
  const added = await post({
    order: plain,
    signature: sign(hashOrder(plain)),
    terms: signTerms(plain, terms),
  });
  expect(added).toMatchObject({ status: 400, error: { code: "BadInput" } });

  const taken = await post({ order: withTerms, signature, terms: signed });
  expect(taken).toMatchObject({ status: 200, state: "open", terms });
  // The same once more is the same order; with other terms it is another, of a known id.
  const again = await post({ order: withTerms, signature, terms: signed });
  expect(again).toMatchObject({ status: 200, orderHash: taken.orderHash });
  const other = signTerms(withTerms, { ...terms, tag: "other" });
  const second = await post({ order: withTerms, signature, terms: other });
  expect(second).toMatchObject({ status: 409, error: { code: "DuplicateOrderId" } });
});

it.each([
  [{ timeInForce: "gtc" }, /body\.terms\.timeInForce/],
  [{ goodTillBlock: 0 }, /body\.terms\.goodTillBlock/],
  [{ tag: "" }, /body\.terms\.tag.*printable/],
  [{ tag: "x".repeat(37) }, /body\.terms\.tag/],
  [{ colour: "red" }, /colour/],
])("a field of terms that are none is named: %j", async (change, message) => {
  const order = ask(FIRST_TERMS_ID + 9n);
  const terms = { ...signTerms(order, DEFAULT_TERMS), ...change };
  const answer = await post({ order, signature: sign(hashOrder(order)), terms });
  expect(answer).toMatchObject({ status: 400, error: { code: "BadInput" } });
  expect(answer.error?.message).toMatch(message);
});

it("the library refuses terms that are none, and ids of the wrong range", async () => {
  const request = { market: "WETH/USDC", side: "sell", price: "9000", amount: "0.001" } as const;
  for (const [field, change] of [
    ["timeInForce", { timeInForce: "gtc" }],
    ["selfTrade", { selfTrade: true }],
    ["goodTillBlock", { goodTillBlock: "9" }],
    ["tag", { tag: "" }],
    ["id", { tag: "a", id: 5n }],
  ] as const) {
    const given = { ...request, ...change } as never;
    await expect(ada.createOrder(given)).rejects.toMatchObject({ field });
  }
  const explicit = await ada.createOrder({ ...request, id: FIRST_TERMS_ID + 99n });
  expect(explicit.terms).toEqual(DEFAULT_TERMS);
});
