/** The routes of the markets, which everybody may read. */
import { z } from "zod";
import { book, candle, candleInterval, ticker, trade } from "../schemas/market.ts";
import { address, amount, countText, limitText, uint64 } from "../schemas/values.ts";
import type { Route } from "./route.ts";

const marketPath = z.strictObject({ base: address, quote: address });
const candleLimit = countText.pipe(z.number().int().min(1).max(1500));

/** Which trades: the newest, those before a sequence, or those after one. */
export const tradePage = z.strictObject({
  limit: limitText.default(100),
  before: uint64.optional().describe("Sequence: only earlier trades"),
  after: uint64.optional().describe("Sequence: only later trades, oldest first"),
});

export const MARKET_ROUTES = {
  fetchOrderBook: {
    method: "GET",
    path: "/v1/markets/:base/:quote/book",
    access: "public",
    params: marketPath,
    query: z.strictObject({
      depth: limitText.default(50).describe("Levels of each side, at most"),
      group: amount
        .refine((size) => size > 0n, "Expected a price above zero.")
        .optional()
        .describe("Prices are rounded to multiples of this, away from the middle"),
    }),
    answer: book,
    about: "Price levels, best first.",
  },
  fetchTrades: {
    method: "GET",
    path: "/v1/markets/:base/:quote/trades",
    access: "public",
    params: marketPath,
    query: tradePage,
    answer: z.array(trade),
    about:
      "The market's trades, newest first; with `after`, from there on, oldest first. The last 5000 " +
      "are kept.",
  },
  fetchTickers: {
    method: "GET",
    path: "/v1/tickers",
    access: "public",
    answer: z.array(ticker),
    about: "Best prices, last price and 24 hours of every market.",
  },
  fetchTicker: {
    method: "GET",
    path: "/v1/markets/:base/:quote/ticker",
    access: "public",
    params: marketPath,
    answer: ticker,
    about: "Best prices, last price and 24 hours of one market.",
  },
  fetchCandles: {
    method: "GET",
    path: "/v1/markets/:base/:quote/candles",
    access: "public",
    params: marketPath,
    query: z.strictObject({
      interval: candleInterval.default("1m"),
      from: countText.optional().describe("First millisecond; the candles after it come first"),
      before: countText.optional().describe("Millisecond; only candles that open earlier"),
      limit: candleLimit.default(500),
    }),
    answer: z.array(candle),
    about:
      "Candles, oldest first; the newest of them unless `from` is given. A span without a trade has " +
      "none. The last 1500 of each interval are kept.",
  },
} as const satisfies Record<string, Route>;
