/**
 * The exchange through ccxt and nothing else: its structures as ccxt types them, its errors, and a
 * small bot that makes a market with unified methods alone.
 */
import ccxt, * as classes from "ccxt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { QuarterdeckOptions } from "../src/ccxt/connection.ts";
import type { quarterdeck } from "../src/ccxt/quarterdeck.ts";
import { register } from "../src/ccxt/register.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { expectStructure } from "./support/checks/ccxtStructures.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const SYMBOL = "WETH/USDC";
let exchange: TestExchange;
let maker: quarterdeck;
let taker: quarterdeck;

function connect(key: string | undefined, more: object = {}) {
  const options: QuarterdeckOptions = {
    operator: exchange.url,
    rpc: exchange.anvil.url,
    mediator: exchange.mediator,
    pollMs: 15,
    retryTimeoutMs: 0,
    ...(key !== undefined && { evidence: new MemoryEvidence() }),
  };
  const Registered = (ccxt as unknown as Record<string, typeof quarterdeck>)["quarterdeck"];
  if (Registered === undefined) throw new Error("not registered");
  return new Registered({ ...(key !== undefined && { privateKey: key }), options, ...more });
}

beforeAll(async () => {
  register();
  exchange = await startExchange();
  const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
  await ada.deposit("WETH", "10");
  await ada.deposit("USDC", "50000");
  await bob.deposit("USDC", "50000");
  await exchange.settle();
  maker = connect(exchange.anvil.keys[2]);
  taker = connect(exchange.anvil.keys[3]);
});
afterAll(async () => {
  await Promise.all([maker?.close(), taker?.close()]);
  await exchange.stop();
});

describe("the class", () => {
  it("the class is found where users of ccxt look for it, once", () => {
    const own = register();
    const { pro } = ccxt as unknown as { pro: Record<string, unknown> & { exchanges: string[] } };
    expect((ccxt as unknown as Record<string, unknown>)["quarterdeck"]).toBe(own);
    expect(pro["quarterdeck"]).toBe(own);
    expect(ccxt.exchanges.filter((id) => id === "quarterdeck")).toHaveLength(1);
    expect(new own()).toBeInstanceOf(ccxt.Exchange);
  });

  it("the class has the methods that it says, and of its own", () => {
    const has = Object.entries(maker.has).filter(
      ([name, is]) => is === true && /^[a-z]/.test(name),
    );
    const base = ccxt.Exchange.prototype as unknown as Record<string, unknown>;
    const missing = has
      .map(([name]) => name)
      .filter((name) => !["spot", "ws", "publicAPI", "privateAPI"].includes(name))
      .filter((name) => typeof (maker as unknown as Record<string, unknown>)[name] !== "function");
    expect(missing).toEqual([]);
    for (const name of ["createOrder", "watchOrderBook", "fetchOHLCV", "cancelAllOrdersAfter"]) {
      expect((maker as unknown as Record<string, unknown>)[name]).not.toBe(base[name]);
    }
  });
});

describe("structures", () => {
  it("structures of markets and currencies are whole", async () => {
    const reader = connect(undefined);
    const markets = Object.values(await reader.loadMarkets());
    expect(markets.map((one) => one?.symbol)).toEqual([SYMBOL]);
    for (const market of markets) {
      expectStructure("market", market);
      expect(market).toMatchObject({ precision: { amount: 0.001, price: 0.01 } });
      for (const name of ["linear", "inverse", "expiry", "strike", "optionType"]) {
        expect(market).toHaveProperty(name, undefined);
      }
      for (const step of Object.values(market?.precision ?? {})) {
        if (step !== undefined)
          expect(Number.isInteger(step) && step >= 2 && step <= 16).toBe(false);
      }
    }
    expect(Object.keys(reader.currencies).sort()).toEqual(["USDC", "WETH"]);
    for (const currency of Object.values(reader.currencies)) expectStructure("currency", currency);
    expect(reader.precisionMode).toBe(4);
    const fees = await reader.fetchTradingFees();
    expect(fees[SYMBOL]).toMatchObject({ maker: 0, taker: 0 });
  });

  it("structures are whole: orders, trades, tickers, books, candles and balances", async () => {
    const placed = await maker.createOrder(SYMBOL, "limit", "sell", 1, 3000, {
      clientOrderId: "quote-1",
    });
    expectStructure("order", placed);
    expect(placed).toMatchObject({
      symbol: SYMBOL,
      side: "sell",
      type: "limit",
      price: 3000,
      amount: 1,
      filled: 0,
      remaining: 1,
      status: "open",
      clientOrderId: "quote-1",
      average: undefined,
      cost: 0,
    });
    const taken = await taker.createOrder(SYMBOL, "market", "buy", 0.25, 3010);
    expectStructure("order", taken);
    expect(taken).toMatchObject({ status: "closed", average: 3000, filled: 0.25, cost: 750 });
    const order = await maker.fetchOrder(placed.id as string);
    expect(order).toMatchObject({ filled: 0.25, remaining: 0.75, average: 3000 });
    for (const one of await maker.fetchOpenOrders(SYMBOL)) expectStructure("order", one);

    const [own] = await taker.fetchMyTrades(SYMBOL);
    expectStructure("trade", own);
    expect(own).toMatchObject({ takerOrMaker: "taker", order: taken.id, side: "buy" });
    const [trade] = await taker.fetchTrades(SYMBOL);
    expectStructure("trade", trade);
    const ticker = await taker.fetchTicker(SYMBOL);
    expectStructure("ticker", ticker);
    expect(ticker).toMatchObject({ last: 3000, close: 3000, ask: 3000, bid: undefined });
    const book = await taker.fetchOrderBook(SYMBOL);
    expectStructure("orderBook", book);
    expect(book.asks).toEqual([[3000, 0.75]]);
    const candles = await taker.fetchOHLCV(SYMBOL, "1d");
    expect(candles).toHaveLength(1);
    expectStructure("ohlcv", candles[0]);
    expect(candles[0]?.slice(1)).toEqual([3000, 3000, 3000, 3000, 0.25]);
    const balances = await maker.fetchBalance();
    for (const code of ["WETH", "USDC"]) {
      expectStructure("balance", balances[code]);
      const { free, used, total } = balances[code] as { free: number; used: number; total: number };
      expect(free + used).toBe(total);
    }
    expect(balances["WETH"]).toEqual({ free: 9, used: 0.75, total: 9.75 });
    const [deposit] = await maker.fetchDeposits("WETH");
    expectStructure("transaction", deposit);
    const [moved] = await maker.fetchLedger("WETH");
    expectStructure("ledgerEntry", moved);
    await maker.cancelAllOrders();
    expect(await maker.fetchOpenOrders()).toEqual([]);
    // Bots write what they see to files.
    expect(JSON.stringify([placed, ticker, balances, deposit, moved])).toContain("quote-1");
  });

  it("figures are exact text where ccxt is told so", async () => {
    const exact = connect(exchange.anvil.keys[2], { number: String });
    const placed = await exact.createOrder(
      SYMBOL,
      "limit",
      "sell",
      "0.123" as never,
      "3333.33" as never,
    );
    expect(placed).toMatchObject({ amount: "0.123", price: "3333.33", remaining: "0.123" });
    const { WETH } = await exact.fetchBalance();
    expect(WETH).toEqual({ free: "9.627", used: "0.123", total: "9.75" });
    await exact.cancelOrder(placed.id as string);
  });

  it("precisions go by whole lots and ticks, whatever the float", () => {
    expect(maker.amountToPrecision(SYMBOL, 0.1 + 0.2)).toBe("0.3");
    expect(maker.amountToPrecision(SYMBOL, 1.9999)).toBe("1.999");
    expect(maker.priceToPrecision(SYMBOL, 2999.996)).toBe("3000");
    expect(maker.priceToPrecision(SYMBOL, "99999999999999.99")).toBe("99999999999999.99");
    expect(() => maker.amountToPrecision(SYMBOL, 0.0001)).toThrow(classes.InvalidOrder);
  });
});

describe("errors", () => {
  const sell = (amount: unknown, price: unknown, params = {}) =>
    maker.createOrder(SYMBOL, "limit", "sell", amount as number, price as number, params);

  it.each<[string, () => Promise<unknown>, keyof typeof classes]>([
    ["no such market", () => maker.fetchTicker("BTC/USDC"), "BadSymbol"],
    ["no funds", () => sell(1000, 3000), "InsufficientFunds"],
    ["no side", () => maker.createOrder(SYMBOL, "limit", "BUY", 1, 1), "InvalidOrder"],
    ["below a lot", () => sell(0.0001, 3000), "InvalidOrder"],
    ["no number", () => sell(Number.NaN, 3000), "InvalidOrder"],
    [
      "a market order without a bound",
      () => maker.createOrder(SYMBOL, "market", "buy", 1),
      "ArgumentsRequired",
    ],
    ["a stop", () => sell(1, 3000, { stopPrice: 2900 }), "NotSupported"],
    ["a take profit", () => sell(1, 3000, { takeProfitPrice: 2900 }), "NotSupported"],
    ["reduce only", () => sell(1, 3000, { reduceOnly: true }), "NotSupported"],
    ["a misspelt parameter", () => sell(1, 3000, { postonly: true }), "BadRequest"],
    [
      "fill or kill that is not filled",
      () => sell(1, 3000, { timeInForce: "FOK" }),
      "OrderNotFillable",
    ],
    ["no such order", () => maker.cancelOrder("0-77"), "OrderNotFound"],
    ["no id of ours", () => maker.cancelOrder("abc"), "OrderNotFound"],
    ["past", () => sell(1, 3000, { goodTillBlock: 1 }), "InvalidOrder"],
    ["no key", () => connect(undefined).fetchBalance(), "AuthenticationError"],
    [
      "a key without evidence",
      () => {
        const bare = connect(exchange.anvil.keys[2]);
        bare.options = { ...bare.options, evidence: undefined };
        return bare.fetchBalance();
      },
      "ArgumentsRequired",
    ],
  ])("an error of its class, which no bot tries again: %s", async (_what, call, name) => {
    const error = await call().catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(classes[name] as never);
    expect((error as Error).constructor.name).toBe(name);
    expect(error).not.toBeInstanceOf(classes.NetworkError);
  });

  it("orders that would take or are known are refused, and others edited", async () => {
    const bid = await taker.createOrder(SYMBOL, "limit", "buy", 1, 2900);
    await expect(sell(1, 2900, { postOnly: true })).rejects.toBeInstanceOf(
      classes.OrderImmediatelyFillable,
    );
    const first = await sell(1, 3100, { clientOrderId: "once" });
    const again = await sell(1, 3100, { clientOrderId: "once" });
    expect(again.id).toBe(first.id);
    await expect(sell(2, 3100, { clientOrderId: "once" })).rejects.toBeInstanceOf(
      classes.DuplicateOrderId,
    );
    const many = await maker.createOrders([
      { symbol: SYMBOL, type: "limit", side: "sell", amount: 1, price: 3200 },
      { symbol: SYMBOL, type: "limit", side: "sell", amount: 5000, price: 3200 },
    ]);
    expect(many.map(({ status }) => status)).toEqual(["open", "rejected"]);
    const edited = await maker.editOrder(first.id as string, SYMBOL, "limit", "sell", 1, 3150);
    expect(edited).toMatchObject({ price: 3150, status: "open" });
    await maker.cancelAllOrders(SYMBOL);
    await taker.cancelOrder(bid.id as string);
    await expect(taker.cancelOrder(bid.id as string)).rejects.toBeInstanceOf(classes.OrderNotFound);
    const { block } = (await maker.cancelAllOrdersAfter(60_000)) as { block: number };
    expect(block).toBeGreaterThan(0);
    expect(await maker.cancelAllOrdersAfter(0)).toMatchObject({ block: null });
  });
});

it("a bot makes a market with unified methods alone", { timeout: 120_000 }, async () => {
  const bot = connect(exchange.anvil.keys[2]);
  await bot.loadMarkets();
  const before = await bot.watchBalance();
  const trades: classes.Trade[] = [];
  const following = (async () => {
    while (trades.length < 2) trades.push(...(await bot.watchMyTrades(SYMBOL)));
  })();
  // A quote on each side of its own price; each time the book moves, it is set anew.
  const quote = async (middle: number) => {
    await bot.cancelAllOrdersWs(SYMBOL);
    const price = (side: number) => Number(bot.priceToPrecision(SYMBOL, middle * side));
    const both = await bot.createOrdersWs([
      { symbol: SYMBOL, type: "limit", side: "buy", amount: 0.5, price: price(0.999) },
      { symbol: SYMBOL, type: "limit", side: "sell", amount: 0.5, price: price(1.001) },
    ]);
    expect(both.map(({ status }) => status)).toEqual(["open", "open"]);
  };
  await quote(3000);
  let book = await taker.watchOrderBook(SYMBOL);
  while (book.bids.length === 0 || book.asks.length === 0)
    book = await taker.watchOrderBook(SYMBOL);
  expect([book.bids[0], book.asks[0]]).toEqual([
    [2997, 0.5],
    [3003, 0.5],
  ]);
  const bought = await taker.createOrderWs(SYMBOL, "market", "buy", 0.25, 3003);
  expect(bought).toMatchObject({ status: "closed", average: 3003 });
  await quote(3010);
  const sold = await taker.createOrder(SYMBOL, "market", "sell", 0.25, 3000, {
    clientOrderId: "out",
  });
  expect(sold).toMatchObject({ status: "closed", average: 3006.99 });
  await following;
  for (const trade of trades) expectStructure("trade", trade);
  expect(trades.map(({ side, takerOrMaker }) => [side, takerOrMaker])).toEqual([
    ["sell", "maker"],
    ["buy", "maker"],
  ]);
  const seen = await bot.watchOrders(SYMBOL);
  for (const order of seen) expectStructure("order", order);
  expect((await bot.watchTicker(SYMBOL)).last).toBe(3006.99);
  expectStructure("ohlcv", (await bot.watchOHLCV(SYMBOL, "1m")).at(-1));
  for (const trade of await taker.watchTrades(SYMBOL)) expectStructure("trade", trade);
  await bot.cancelAllOrders();
  const after = await bot.fetchBalance();
  const total = (balances: typeof after, code: string) => Number(balances[code]?.total);
  expect(total(after, "WETH")).toBe(total(before as typeof after, "WETH"));
  // 0.25 at 3003 in, 0.25 at 3006.99 out.
  expect(total(after, "USDC") - total(before as typeof after, "USDC")).toBeCloseTo(-0.9975, 6);
  await bot.close();
  await expect(bot.watchOrders("BTC/USDC")).rejects.toBeInstanceOf(classes.BadSymbol);
});
