/** Market data and the stream by the client library, and orders over its socket, for real. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ExchangeClient } from "../src/client/client.ts";
import type { MirroredBook } from "../src/client/streaming/bookMirror.ts";
import { ExchangeStream } from "../src/client/streaming/exchangeStream.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const MARKET = "WETH/USDC";
let exchange: TestExchange;
let ada: ExchangeClient;
let bob: ExchangeClient;
let asked: string[];
const { fetch } = globalThis;
beforeAll(async () => {
  exchange = await startExchange();
  [ada, bob] = [await exchange.client(0), await exchange.client(1)];
  await ada.deposit("WETH", "10");
  await bob.deposit("USDC", "50000");
  await exchange.settle();
  asked = [];
  globalThis.fetch = (input, options) => {
    const url = String(input);
    const isOperators = options?.method === "POST" && url.startsWith(exchange.url);
    if (isOperators) asked.push(url.slice(exchange.url.length));
    return fetch(input, options);
  };
});
afterAll(async () => {
  globalThis.fetch = fetch;
  await exchange.stop();
});

const quote = (side: "buy" | "sell", price: string, amount = "0.5") => ({
  market: MARKET,
  side,
  price,
  amount,
});

it("queries tell tickers, candles, trades by cursor, grouped depth, fills, ledger and deposits", async () => {
  await ada.orders.createMany([
    quote("sell", "3000"),
    quote("sell", "3007.5"),
    quote("sell", "3012"),
  ]);
  await bob.createOrder(quote("buy", "3010", "0.75"));
  expect(await ada.market.fetchTicker(MARKET)).toMatchObject({
    market: MARKET,
    askText: "3007.5",
    bidText: null,
    lastText: "3007.5",
    openText: "3000",
    baseVolumeText: "0.75",
    trades: 2,
  });
  expect((await ada.market.fetchTickers()).map(({ market }) => market)).toEqual([MARKET]);
  const grouped = await ada.market.fetchOrderBook(MARKET, { group: "10" });
  expect(grouped.asks.map((one) => [one.priceText, one.amountText])).toEqual([
    ["3010", "0.25"],
    ["3020", "0.5"],
  ]);
  const [candle] = await ada.market.fetchCandles(MARKET, { interval: "1d" });
  expect(candle).toMatchObject({ openText: "3000", closeText: "3007.5", closed: false });
  const [newest, oldest] = await ada.market.fetchTrades(MARKET);
  const after = await ada.market.fetchTrades(MARKET, { after: oldest?.sequence ?? 0n });
  expect(after.map(({ sequence }) => sequence)).toEqual([newest?.sequence]);
  const before = await ada.market.fetchTrades(MARKET, { before: newest?.sequence ?? 0n });
  expect(before.map(({ priceText }) => priceText)).toEqual(["3000"]);
  const roles = (fills: readonly { role: string; side: string }[]) =>
    fills.map(({ role, side }) => `${role} ${side}`);
  expect(roles(await ada.account.fetchFills())).toEqual(["maker sell", "maker sell"]);
  expect(roles(await bob.account.fetchFills({ limit: 1 }))).toEqual(["taker buy"]);
  expect(await ada.account.fetchLedger()).toMatchObject([
    { kind: "deposit", symbol: "WETH", amountText: "10" },
  ]);
  await bob.deposit("USDC", "5");
  expect(await bob.account.fetchDeposits()).toMatchObject([
    { state: "pending", confirmationsLeft: 1, amountText: "5" },
    { state: "credited", confirmationsLeft: 0, amountText: "50000" },
  ]);
  await exchange.settle();
  expect((await bob.account.fetchDeposits())[0]).toMatchObject({ state: "credited" });
  expect((await ada.account.fetchLimits()).rounds[0]?.placements.used).toBe(3);
  await ada.orders.cancelAll();
  for (const wrong of [{ interval: "2m" }, { limit: 0 }, { frm: 1 }]) {
    await expect(ada.market.fetchCandles(MARKET, wrong as object)).rejects.toMatchObject({
      code: "BadInput",
    });
  }
});

it("a client writes over the socket as over HTTP, and hears its own channels", async () => {
  const orders = new Map<bigint, string>();
  const fills: string[] = [];
  const books: MirroredBook[] = [];
  const ready = Promise.withResolvers<void>();
  const stream = new ExchangeStream(ada, { onConnection: () => ready.resolve() });
  stream.subscribe({ name: "orders" }, ({ data }) => {
    for (const { id, state } of data) orders.set(id, state);
  });
  stream.subscribe({ name: "fills" }, ({ type, data }) => {
    if (type === "update") fills.push(...data.map(({ role }) => role));
  });
  stream.subscribeBook(MARKET, (book) => void books.push(book));
  await ready.promise;
  asked.splice(0);

  const outcomes = await ada.orders.createMany([quote("sell", "3100"), quote("sell", "3101")]);
  const [first, second] = outcomes.map(({ order }) => order);
  await expect.poll(() => books.at(-1)?.asks.length).toBe(2);
  const single = await ada.createOrder({ ...quote("sell", "3102"), timeInForce: "postOnly" });
  const { placed } = await ada.orders.replace(single, quote("sell", "3103"));
  const cancelled = await ada.orders.cancelMany([second ?? single]);
  expect(cancelled[0]?.order?.reason).toBe("owner");
  const { block } = await ada.api.call("fetchClock");
  expect(await ada.orders.cancelAfter(block + 500)).toMatchObject({ block: block + 500 });
  expect(await ada.orders.cancelAfter(0)).toMatchObject({ block: null });
  await bob.createOrder(quote("buy", "3100"));
  await expect.poll(() => fills).toEqual(["maker"]);
  await expect.poll(() => orders.get(first?.id ?? 0n)).toBe("filled");
  expect((await ada.orders.cancelAll()).map(({ id }) => id)).toEqual([placed.id]);
  const refused = ada.createOrder(quote("sell", "3100", "5000"));
  await expect(refused).rejects.toMatchObject({ code: "InsufficientFunds" });
  await expect.poll(() => books.at(-1)?.asks).toEqual([]);
  // Nothing but Bob's order went over HTTP.
  expect(asked).toEqual(["/v1/orders"]);
  // A fill that was told over the stream is evidence, as one in an answer.
  const kept = await ada.evidence.orders(first?.round ?? 0);
  expect(kept.find(({ orderHash }) => orderHash === first?.orderHash)?.fill).toBeDefined();

  const deposits: string[] = [];
  stream.subscribe({ name: "deposits" }, ({ data }) => {
    const [newest] = data;
    if (newest !== undefined) deposits.push(`${newest.state} ${newest.confirmationsLeft}`);
  });
  await expect.poll(() => deposits).toEqual(["credited 0"]);
  await ada.deposit("WETH", "2");
  await expect.poll(() => deposits.at(-1)).toBe("pending 1");
  await exchange.settle();
  await expect.poll(() => deposits.at(-1)).toBe("credited 0");

  await stream.close();
  await ada.createOrder(quote("sell", "3200"));
  expect(asked).toEqual(["/v1/orders", "/v1/orders"]);
});
