/** The facts of a market that everybody may know. */
import { z } from "zod";
import { address, amount, asOf, count, timeMs, uint64 } from "./values.ts";

/** Base units of quote for a lot. */
export const price = amount.describe("Base units of quote for one lot");
/** Base units of base. */
export const baseAmount = amount.describe("Base units of base");

export const level = z.object({ price, amount: baseAmount });
export type LevelResponse = z.output<typeof level>;

export const book = z.object({
  base: address,
  quote: address,
  bids: z.array(level).describe("Best first"),
  asks: z.array(level).describe("Best first"),
  asOf,
});
export type BookResponse = z.output<typeof book>;

export const trade = z.object({
  sequence: uint64.describe("Counts the trades of the exchange from 1"),
  block: count.describe("The exchange's block when it happened"),
  round: count,
  base: address,
  quote: address,
  price,
  baseAmount,
  quoteAmount: amount.describe("Base units of quote"),
  takerSide: z.enum(["buy", "sell"]).describe("What the later order did"),
  timeMs,
});
export type TradeResponse = z.output<typeof trade>;

/** Milliseconds since 1970; null where nobody wrote it down. */
export const recordTime = count
  .nullable()
  .describe("Milliseconds since 1970, by the records of the journal; null: not written down");

export const bestPrices = z.object({
  base: address,
  quote: address,
  bid: level.nullable().describe("Best price at which somebody buys, with all that is there"),
  ask: level.nullable(),
  asOf,
});
export type BestPricesResponse = z.output<typeof bestPrices>;

export const ticker = bestPrices.extend({
  timeMs,
  last: price.nullable().describe("Of the last trade; null: there was none"),
  open: price.nullable().describe("24 hours ago, of the first trade since; null: none since"),
  high: price.nullable().describe("In 24 hours"),
  low: price.nullable().describe("In 24 hours"),
  baseVolume: amount.describe("Base units of base in 24 hours"),
  quoteVolume: amount.describe("Base units of quote in 24 hours"),
  trades: count.describe("In 24 hours"),
});
export type TickerResponse = z.output<typeof ticker>;

export const CANDLE_INTERVALS = ["1m", "5m", "15m", "1h", "4h", "1d"] as const;
export const candleInterval = z.enum(CANDLE_INTERVALS);
export type CandleInterval = z.output<typeof candleInterval>;

export const candle = z.object({
  openMs: count.describe(
    "First millisecond of its span since 1970, a whole multiple of the interval",
  ),
  open: price,
  high: price,
  low: price,
  close: price,
  baseVolume: amount.describe("Base units of base"),
  quoteVolume: amount.describe("Base units of quote"),
  trades: count,
  closed: z.boolean().describe("Its span is over: it changes no more"),
});
export type CandleResponse = z.output<typeof candle>;
