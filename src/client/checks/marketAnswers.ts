/**
 * Market data as operators answer it, held against the grid of the market that was asked for, and
 * against itself. Prices and volumes cannot be proven: they are what the operator says. An answer
 * that cannot be right is taken for no answer.
 */
import type { Amount } from "../../protocol/units.ts";
import type { Answer } from "../../wire/routes/routes.ts";
import type { CandleResponse, LevelResponse, TradeResponse } from "../../wire/schemas/market.ts";
import type { ExchangeFacts } from "./exchangeFacts.ts";

export type MarketGrid = ExchangeFacts["markets"][number];

/** The fault of an answer; undefined: none that can be seen. */
export type Fault = string | undefined;

function firstFault<T>(items: readonly T[], faultOf: (item: T, index: number) => Fault): Fault {
  for (const [index, item] of items.entries()) {
    const fault = faultOf(item, index);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function priceFault(price: Amount, { tick }: MarketGrid): Fault {
  return price > 0n && price % tick === 0n ? undefined : `the price ${price} is off the ticks`;
}

/** `group`: prices are multiples of that in place of the tick; `least`: in lots. */
function levelFault({ price, amount }: LevelResponse, market: MarketGrid, group?: Amount): Fault {
  if (group !== undefined ? price % group !== 0n : priceFault(price, market) !== undefined) {
    return `the price ${price} is off its steps`;
  }
  return amount % market.lot === 0n ? undefined : `the amount ${amount} is no multiple of a lot`;
}

/** Levels best first, of which none is empty and none crosses the other side. */
export function bookFault(
  { base, quote, bids, asks }: Answer<"fetchOrderBook">,
  market: MarketGrid,
  group?: Amount,
): Fault {
  if (base !== market.base || quote !== market.quote) return "it is of another market";
  const side = (levels: readonly LevelResponse[], isAfter: (a: Amount, b: Amount) => boolean) =>
    firstFault(levels, (level, at) => {
      const before = levels[at - 1];
      if (before !== undefined && !isAfter(level.price, before.price)) return "levels out of order";
      if (level.amount === 0n) return `nothing is at ${level.price}`;
      return levelFault(level, market, group);
    });
  const [bid, ask] = [bids[0], asks[0]];
  // Grouped, both sides are rounded away from the middle.
  if (bid !== undefined && ask !== undefined && bid.price >= ask.price) return "it is crossed";
  return side(bids, (a, b) => a < b) ?? side(asks, (a, b) => a > b);
}

/** Levels that changed: in any order, and 0 where nothing is left. */
export function changedLevelsFault(levels: readonly LevelResponse[], market: MarketGrid): Fault {
  return firstFault(levels, (level) => levelFault(level, market));
}

export function tradeFault(trade: TradeResponse, market: MarketGrid): Fault {
  const { base, quote, price, baseAmount, quoteAmount } = trade;
  if (base !== market.base || quote !== market.quote) return "a trade is of another market";
  if (baseAmount === 0n || baseAmount % market.lot !== 0n) return `${baseAmount} are no lots`;
  const isExact = quoteAmount === (baseAmount / market.lot) * price;
  return isExact ? priceFault(price, market) : "a trade's amounts are not its price";
}

export interface Page {
  readonly limit: number;
  /** Sequences, of which neither is in the answer. */
  readonly before?: bigint | undefined;
  readonly after?: bigint | undefined;
}

/** Trades within the page: newest first, or oldest first where it is after a sequence. */
export function pageFault(trades: readonly TradeResponse[], { limit, before, after }: Page): Fault {
  if (trades.length > limit) return "more trades than were asked for";
  return firstFault(trades, ({ sequence }, at) => {
    const last = trades[at - 1]?.sequence;
    const isNext = last === undefined || (after === undefined ? sequence < last : sequence > last);
    const isAsked = sequence > (after ?? -1n) && (before === undefined || sequence < before);
    return isNext && isAsked ? undefined : "trades out of order";
  });
}

export function tickerFault(ticker: Answer<"fetchTicker">, market: MarketGrid): Fault {
  const { base, quote, bid, ask, last, open, high, low, trades } = ticker;
  if (base !== market.base || quote !== market.quote) return "it is of another market";
  if (bid !== null && ask !== null && bid.price >= ask.price) return "its best prices cross";
  const day = [open, high, low];
  if (day.some((one) => (one === null) !== (trades === 0))) return "its day is not whole";
  if (high !== null && low !== null && open !== null && (open > high || open < low)) {
    return "its day's prices do not fit";
  }
  const prices = [bid?.price, ask?.price, last, ...day];
  return firstFault(prices, (price) => (price == null ? undefined : priceFault(price, market)));
}

/** `spanMs`: of one candle. Oldest first. */
export function candlesFault(
  candles: readonly CandleResponse[],
  market: MarketGrid,
  spanMs: number,
): Fault {
  return firstFault(candles, (one, at) => {
    const { openMs, open, high, low, close } = one;
    const before = candles[at - 1]?.openMs ?? -1;
    if (openMs <= before || openMs % spanMs !== 0) return "candles out of order";
    const isIn = (price: Amount) => price >= low && price <= high;
    if (!isIn(open) || !isIn(close)) return "a candle's prices do not fit";
    return firstFault([open, high, low, close], (price) => priceFault(price, market));
  });
}
