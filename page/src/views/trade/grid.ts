/**
 * A market's lots and ticks for people: exact prices and amounts, and the nearest ones where a
 * number does not fit. Pure; nothing is rounded in silence.
 */
import { formatDecimal, parseDecimal } from "../../../../src/base/decimal.ts";
import type { ExchangeResponse, MarketResponse } from "../../../../src/wire/schemas/exchange.ts";
import { decimalsOf, fixed, grouped, symbolOf } from "../../ui/format.ts";

export interface Grid {
  readonly market: MarketResponse;
  readonly base: string;
  readonly quote: string;
  readonly baseDecimals: number;
  readonly quoteDecimals: number;
  /** Lots in a whole base: a price for people is so many times that of a lot. */
  readonly scale: bigint;
  /** Digits after the point of any price, and of any amount. */
  readonly priceDigits: number;
  readonly amountDigits: number;
}

/** Digits with which numbers are read before they are held against a step: more than any token's. */
const FINE_DECIMALS = 40;

export function gridOf(exchange: ExchangeResponse, market: MarketResponse): Grid {
  const baseDecimals = decimalsOf(exchange, market.base);
  const quoteDecimals = decimalsOf(exchange, market.quote);
  const scale = 10n ** BigInt(baseDecimals) / market.lot;
  return {
    market,
    base: symbolOf(exchange, market.base),
    quote: symbolOf(exchange, market.quote),
    baseDecimals,
    quoteDecimals,
    scale,
    priceDigits: digitsOf(market.tick * scale, quoteDecimals),
    amountDigits: digitsOf(market.lot, baseDecimals),
  };
}

function digitsOf(step: bigint, decimals: number): number {
  return formatDecimal(step, decimals).split(".")[1]?.length ?? 0;
}

/** A price of a lot, as that of a whole base; every price of a market has the same digits. */
export function priceText(grid: Grid, price: bigint): string {
  return fixed(formatDecimal(price * grid.scale, grid.quoteDecimals), grid.priceDigits);
}

export function sizeText(grid: Grid, amount: bigint): string {
  return fixed(formatDecimal(amount, grid.baseDecimals), grid.amountDigits);
}

export function quoteText(grid: Grid, amount: bigint): string {
  return grouped(formatDecimal(amount, grid.quoteDecimals));
}

/** A price for charts, which count in floats. */
export function priceNumber(grid: Grid, price: bigint): number {
  return Number(formatDecimal(price * grid.scale, grid.quoteDecimals));
}

export type Reading =
  | { readonly kind: "empty" }
  | { readonly kind: "fits"; readonly value: bigint; readonly text: string }
  /** `nearest`: the values beside it that fit, the smaller first. */
  | { readonly kind: "misfit"; readonly problem: string; readonly nearest: readonly string[] };

/** `value`: base units of quote for a lot. */
export function readPrice(grid: Grid, written: string): Reading {
  const { market, scale, quoteDecimals } = grid;
  const step = market.tick * scale;
  const reading = read(written, step, quoteDecimals, "Prices go by steps of");
  return reading.kind === "fits" ? { ...reading, value: reading.value / scale } : reading;
}

/** `value`: base units of base. */
export function readAmount(grid: Grid, written: string): Reading {
  return read(written, grid.market.lot, grid.baseDecimals, "Amounts are whole lots of");
}

function read(written: string, step: bigint, decimals: number, words: string): Reading {
  const text = written.trim().replaceAll(",", "");
  if (text === "") return { kind: "empty" };
  const fine = parseDecimal(text, FINE_DECIMALS);
  if (!fine.ok)
    return { kind: "misfit", problem: "Write digits with at most one point.", nearest: [] };
  const fineStep = step * 10n ** BigInt(FINE_DECIMALS - decimals);
  const steps = fine.value / fineStep;
  const isWhole = fine.value % fineStep === 0n;
  if (isWhole && steps > 0n) return { kind: "fits", value: steps * step, text };
  const nearest = [steps, steps + 1n]
    .filter((count) => count > 0n)
    .map((count) => formatDecimal(count * step, decimals));
  return { kind: "misfit", problem: `${words} ${formatDecimal(step, decimals)}.`, nearest };
}

/** Base units of quote for an amount at a price: exact, as every trade is. */
export function costOf(grid: Grid, price: bigint, amount: bigint): bigint {
  return (amount / grid.market.lot) * price;
}

/** The most whole lots that `quote` buys at `price`, in base units of base. */
export function mostFor(grid: Grid, price: bigint, quote: bigint): bigint {
  return price === 0n ? 0n : (quote / price) * grid.market.lot;
}
