/**
 * Candles of each market, kept as trades come: a projection of the journal, bounded in number. A
 * span without a trade has no candle. Times are those of the journal's records.
 */
import type { Address } from "../../base/hex.ts";
import type { Trade } from "../../exchange/model/outcome.ts";
import type { Amount } from "../../protocol/units.ts";
import type { CandleInterval } from "../../wire/schemas/market.ts";

const MINUTE_MS = 60_000;

/** Milliseconds of each interval; all begin at whole multiples of themselves since 1970 (UTC). */
export const INTERVAL_MS: Readonly<Record<CandleInterval, number>> = {
  "1m": MINUTE_MS,
  "5m": 5 * MINUTE_MS,
  "15m": 15 * MINUTE_MS,
  "1h": 60 * MINUTE_MS,
  "4h": 240 * MINUTE_MS,
  "1d": 1440 * MINUTE_MS,
};
const INTERVALS = Object.keys(INTERVAL_MS) as readonly CandleInterval[];

/** Candles kept of each market and interval: a day of minutes, four years of days. */
export const CANDLES_KEPT = 1500;

export interface Candle {
  /** First millisecond of its span. */
  readonly openMs: number;
  readonly open: Amount;
  high: Amount;
  low: Amount;
  close: Amount;
  /** Base units of base, and of quote. */
  baseAmount: Amount;
  quoteAmount: Amount;
  trades: number;
}

/** The trades of a market in the last 24 hours, by whole minutes. */
export interface DayFigures {
  readonly open: Amount;
  readonly high: Amount;
  readonly low: Amount;
  readonly baseAmount: Amount;
  readonly quoteAmount: Amount;
  readonly trades: number;
}

/** Candles as they are saved: by market and interval. */
export type SavedCandles = readonly (readonly [string, CandleInterval, readonly Candle[]])[];

export class Candles {
  /** Oldest first. */
  readonly #lists = new Map<string, Map<CandleInterval, Candle[]>>();

  /** `timeMs`: when the trade was written down; 0 where nobody knows, and it is in no candle. */
  add(trade: Trade, timeMs: number): void {
    if (timeMs === 0) return;
    const market = marketKey(trade.base, trade.quote);
    for (const interval of INTERVALS) {
      const openMs = timeMs - (timeMs % INTERVAL_MS[interval]);
      const list = this.#listOf(market, interval);
      const last = list.at(-1);
      // Times of records never decrease: a trade belongs to the last candle or begins the next.
      if (last !== undefined && last.openMs >= openMs) widen(last, trade);
      else push(list, candleOf(trade, openMs));
    }
  }

  /** At most `limit`, oldest first, of those that begin in `fromMs` <= t < `beforeMs`. */
  of(
    market: { readonly base: Address; readonly quote: Address },
    interval: CandleInterval,
    { fromMs = 0, beforeMs = Number.MAX_SAFE_INTEGER, limit = CANDLES_KEPT } = {},
  ): Candle[] {
    const list = this.#lists.get(marketKey(market.base, market.quote))?.get(interval) ?? [];
    const wanted = list.filter(({ openMs }) => openMs >= fromMs && openMs < beforeMs);
    // From a time on, the first of them; else the newest.
    const kept = fromMs > 0 ? wanted.slice(0, limit) : wanted.slice(-limit);
    return kept.map((candle) => ({ ...candle }));
  }

  /** Undefined where nothing was traded in the 24 hours before `nowMs`. */
  day(base: Address, quote: Address, nowMs: number): DayFigures | undefined {
    const minutes = this.#lists.get(marketKey(base, quote))?.get("1m") ?? [];
    const from = nowMs - INTERVAL_MS["1d"];
    const first = minutes.findIndex(({ openMs }) => openMs > from);
    const opening = minutes[first];
    if (first === -1 || opening === undefined) return undefined;
    const figures = { ...opening };
    for (const minute of minutes.slice(first + 1)) {
      if (minute.high > figures.high) figures.high = minute.high;
      if (minute.low < figures.low) figures.low = minute.low;
      figures.baseAmount += minute.baseAmount;
      figures.quoteAmount += minute.quoteAmount;
      figures.trades += minute.trades;
    }
    const { open, high, low, baseAmount, quoteAmount, trades } = figures;
    return { open, high, low, baseAmount, quoteAmount, trades };
  }

  encode(): SavedCandles {
    return [...this.#lists].flatMap(([market, byInterval]) =>
      [...byInterval].map(
        ([interval, list]) => [market, interval, list.slice(-CANDLES_KEPT)] as const,
      ),
    );
  }

  static decode(saved: SavedCandles): Candles {
    const candles = new Candles();
    for (const [market, interval, list] of saved) candles.#listOf(market, interval).push(...list);
    return candles;
  }

  #listOf(market: string, interval: CandleInterval): Candle[] {
    const byInterval = this.#lists.get(market) ?? new Map<CandleInterval, Candle[]>();
    if (byInterval.size === 0) this.#lists.set(market, byInterval);
    const list = byInterval.get(interval) ?? [];
    if (list.length === 0) byInterval.set(interval, list);
    return list;
  }
}

export function marketKey(base: Address, quote: Address): string {
  return `${base}/${quote}`;
}

function candleOf({ price, baseAmount, quoteAmount }: Trade, openMs: number): Candle {
  return {
    openMs,
    open: price,
    high: price,
    low: price,
    close: price,
    baseAmount,
    quoteAmount,
    trades: 1,
  };
}

function widen(candle: Candle, { price, baseAmount, quoteAmount }: Trade): void {
  if (price > candle.high) candle.high = price;
  if (price < candle.low) candle.low = price;
  candle.close = price;
  candle.baseAmount += baseAmount;
  candle.quoteAmount += quoteAmount;
  candle.trades++;
}

function push(list: Candle[], candle: Candle): void {
  list.push(candle);
  // Cut in chunks: shifting an array at every candle would cost its length.
  if (list.length >= 2 * CANDLES_KEPT) list.splice(0, list.length - CANDLES_KEPT);
}
