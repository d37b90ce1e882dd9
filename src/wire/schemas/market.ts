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
