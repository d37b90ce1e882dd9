/** The public half of the unified API: markets, prices, trades, the exchange's time and state. */

import { ask } from "../chain/rpc/rpc.ts";
import type { ExchangeClient } from "../client/client.ts";
import { CANDLE_INTERVALS, type CandleInterval } from "../wire/schemas/market.ts";
import { UnifiedError } from "./errors.ts";
import * as shapes from "./structures.ts";
import { idOf, Symbols } from "./symbols.ts";

const MAX_ROWS = 500;
const MAX_CANDLES = 1500;

/** A number of rows that an operator gives at once, of what a bot asks for. */
export function rows(limit: unknown, usual: number, most: number): number {
  if (limit === undefined || limit === null) return usual;
  if (typeof limit === "number" && Number.isSafeInteger(limit) && limit > 0) {
    return Math.min(limit, most);
  }
  throw new UnifiedError("BadRequest", `limit: ${limit} is no whole number above 0.`);
}

/** Milliseconds since 1970, of what a bot asks for. */
export function since(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UnifiedError("BadRequest", `since: ${value} is no time in milliseconds.`);
}

/** Entries from a time on, the first `limit` of them; without a time the last. */
export function page<T extends { readonly timestamp: number | undefined }>(
  oldestFirst: readonly T[],
  from: unknown,
  limit: unknown,
): T[] {
  const begin = since(from);
  const most = rows(limit, oldestFirst.length || 1, Number.MAX_SAFE_INTEGER);
  if (begin === undefined) return oldestFirst.slice(-most);
  return oldestFirst.filter(({ timestamp }) => (timestamp ?? 0) >= begin).slice(0, most);
}

export class MarketReads {
  protected readonly client: ExchangeClient;

  constructor(client: ExchangeClient) {
    this.client = client;
  }

  get symbols(): Symbols {
    return new Symbols(this.client.exchange);
  }

  async fetchMarkets() {
    const { symbols } = this;
    return symbols.exchange.markets.map((one) => shapes.marketOf(symbols, one));
  }

  async fetchCurrencies() {
    const { symbols } = this;
    return symbols.exchange.tokens.map((one) => shapes.currencyOf(symbols, one));
  }

  /** By the chain's own clock: the time of the newest block, in milliseconds. */
  async fetchTime(): Promise<number> {
    const block = await ask("the newest block", () => this.client.chain.getBlock());
    return Number(block.timestamp) * 1000;
  }

  /** `shutdown`: the exchange is halted, and money can only be recovered. */
  async fetchStatus() {
    const clock = await this.client.api.call("fetchClock");
    const status = clock.haltRound === null ? "ok" : "shutdown";
    return { status, updated: undefined, eta: undefined, url: undefined, info: clock };
  }

  async fetchTicker(symbol: unknown) {
    const { symbols } = this;
    const market = symbols.market(symbol);
    return shapes.tickerOf(symbols, market, await this.client.market.fetchTicker(idOf(market)));
  }

  async fetchTickers(wanted?: unknown) {
    const { symbols } = this;
    const names = wanted === undefined || wanted === null ? undefined : listOf(wanted);
    const asked = names?.map((one) => symbols.market(one));
    const tickers = await this.client.market.fetchTickers();
    return tickers.flatMap((one) => {
      const market = symbols.marketOf(one.base, one.quote);
      if (market === undefined || asked?.includes(market) === false) return [];
      return [shapes.tickerOf(symbols, market, one)];
    });
  }

  async fetchOrderBook(symbol: unknown, limit?: unknown) {
    const { symbols } = this;
    const market = symbols.market(symbol);
    const depth = rows(limit, 50, MAX_ROWS);
    const book = await this.client.market.fetchOrderBook(idOf(market), { depth });
    return shapes.bookOf(symbols, market, book, book.asOf);
  }

  /** Oldest first. */
  async fetchTrades(symbol: unknown, from?: unknown, limit?: unknown) {
    const { symbols } = this;
    const market = symbols.market(symbol);
    const count = since(from) === undefined ? rows(limit, 100, MAX_ROWS) : MAX_ROWS;
    const trades = await this.client.market.fetchTrades(idOf(market), { limit: count });
    const oldestFirst = trades.reverse().map((one) => shapes.tradeOf(symbols, market, one));
    return page(oldestFirst, from, limit);
  }

  async fetchOHLCV(symbol: unknown, timeframe: unknown = "1m", from?: unknown, limit?: unknown) {
    const { symbols } = this;
    const market = symbols.market(symbol);
    const begin = since(from);
    const candles = await this.client.market.fetchCandles(idOf(market), {
      interval: intervalOf(timeframe),
      limit: rows(limit, 500, MAX_CANDLES),
      ...(begin !== undefined && { from: begin }),
    });
    return candles.map((one) => shapes.candleOf(symbols, market, one));
  }
}

export function intervalOf(timeframe: unknown): CandleInterval {
  const found = CANDLE_INTERVALS.find((one) => one === timeframe);
  if (found !== undefined) return found;
  const known = CANDLE_INTERVALS.join(", ");
  throw new UnifiedError("BadRequest", `timeframe: ${timeframe} is none of ${known}.`);
}

export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new UnifiedError("BadRequest", `${JSON.stringify(value)} is no list.`);
}
