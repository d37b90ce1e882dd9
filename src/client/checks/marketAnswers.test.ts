/** Lies about a market in answers: each that can be seen is found, and the truth is taken. */
import { expect, it } from "vitest";
import type { Address } from "../../base/hex.ts";
import * as checks from "./marketAnswers.ts";

const BASE = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const QUOTE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const market = { name: "B/Q", base: BASE, quote: QUOTE, lot: 10n, tick: 5n };
const level = (price: bigint, amount = 10n) => ({ price, amount });

const book = {
  base: BASE,
  quote: QUOTE,
  bids: [level(50n), level(45n)],
  asks: [level(55n), level(65n)],
  asOf: 1,
};

it.each([
  ["as it is", {}, undefined],
  ["another market", { base: QUOTE }, "another market"],
  ["crossed", { asks: [level(50n)] }, "crossed"],
  ["bids out of order", { bids: [level(45n), level(50n)] }, "order"],
  ["asks out of order", { asks: [level(65n), level(55n)] }, "order"],
  ["a price twice", { asks: [level(55n), level(55n)] }, "order"],
  ["a price off the ticks", { bids: [level(51n)] }, "off its steps"],
  ["a part of a lot", { bids: [level(50n, 15n)] }, "multiple"],
  ["an empty level", { bids: [level(50n, 0n)] }, "nothing"],
])("a book: %s", (_what, changes, fault) => {
  const found = checks.bookFault({ ...book, ...changes }, market);
  expect(found ?? "").toContain(fault ?? "");
  expect(found === undefined).toBe(fault === undefined);
});

it("a grouped book keeps to its steps", () => {
  const grouped = { ...book, bids: [level(40n)], asks: [level(60n)] };
  expect(checks.bookFault(grouped, market, 20n)).toBeUndefined();
  expect(checks.bookFault(book, market, 20n)).toContain("off its steps");
});

const trade = {
  sequence: 5n,
  block: 1,
  round: 0,
  base: BASE,
  quote: QUOTE,
  price: 50n,
  baseAmount: 20n,
  quoteAmount: 100n,
  takerSide: "buy" as const,
  timeMs: 1,
};

it.each([
  ["as it is", {}, true],
  ["another market", { quote: BASE }, false],
  ["amounts that are not its price", { quoteAmount: 101n }, false],
  ["no amount", { baseAmount: 0n, quoteAmount: 0n }, false],
  ["a part of a lot", { baseAmount: 25n, quoteAmount: 100n }, false],
  ["a price off the ticks", { price: 51n, quoteAmount: 102n }, false],
])("a trade: %s", (_what, changes, isRight) => {
  expect(checks.tradeFault({ ...trade, ...changes }, market) === undefined).toBe(isRight);
});

const at = (...sequences: bigint[]) => sequences.map((sequence) => ({ ...trade, sequence }));

it.each([
  ["newest first", at(5n, 4n), { limit: 2 }, true],
  ["more than asked", at(5n, 4n), { limit: 1 }, false],
  ["oldest first", at(4n, 5n), { limit: 2 }, false],
  ["one twice", at(5n, 5n), { limit: 2 }, false],
  ["after", at(4n, 5n), { limit: 2, after: 3n }, true],
  ["after, with one before it", at(3n, 4n), { limit: 2, after: 3n }, false],
  ["before", at(4n, 3n), { limit: 2, before: 5n }, true],
  ["before, with one after it", at(5n, 4n), { limit: 2, before: 5n }, false],
])("a page of trades: %s", (_what, trades, page, isRight) => {
  expect(checks.pageFault(trades, page) === undefined).toBe(isRight);
});

const ticker = {
  base: BASE,
  quote: QUOTE,
  bid: level(50n),
  ask: level(55n),
  asOf: 1,
  timeMs: 1,
  last: 50n,
  open: 50n,
  high: 60n,
  low: 45n,
  baseVolume: 10n,
  quoteVolume: 50n,
  trades: 1,
};
const quiet = { open: null, high: null, low: null, trades: 0 };

it.each([
  ["as it is", {}, true],
  ["without trades", quiet, true],
  ["another market", { base: QUOTE }, false],
  ["best prices that cross", { bid: level(55n) }, false],
  ["a day without prices", { open: null }, false],
  ["an opening above the highest", { open: 65n }, false],
  ["a last price off the ticks", { last: 51n }, false],
])("a ticker: %s", (_what, changes, isRight) => {
  expect(checks.tickerFault({ ...ticker, ...changes }, market) === undefined).toBe(isRight);
});

const candle = {
  openMs: 60_000,
  open: 50n,
  high: 60n,
  low: 45n,
  close: 55n,
  baseVolume: 10n,
  quoteVolume: 50n,
  trades: 1,
  closed: true,
};
const next = { ...candle, openMs: 120_000 };

it.each([
  ["as they are", [candle, next], true],
  ["out of order", [next, candle], false],
  ["off their span", [{ ...candle, openMs: 60_001 }], false],
  ["a close above the highest", [{ ...candle, close: 65n }], false],
  ["a price off the ticks", [{ ...candle, high: 61n }], false],
])("candles: %s", (_what, candles, isRight) => {
  expect(checks.candlesFault(candles, market, 60_000) === undefined).toBe(isRight);
});
