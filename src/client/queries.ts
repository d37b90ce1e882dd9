/**
 * Questions of a client about markets and about its own account, beside its orders. Answers about a
 * market are held against its grid (checks/marketAnswers.ts); one that does not fit is taken for
 * none, and the next operator is asked. `priceText` and `amountText` are as people write them.
 */
import type { Address } from "../base/hex.ts";
import type { Amount } from "../protocol/units.ts";
import type { Answer, RouteName } from "../wire/routes/routes.ts";
import {
  CANDLE_INTERVALS,
  type CandleInterval,
  type CandleResponse,
  type LevelResponse,
} from "../wire/schemas/market.ts";
import { type CallOptions, OperatorUnreachable } from "./api.ts";
import { parseCount, parseFields, parseId } from "./arguments.ts";
import { BadArgument } from "./checks/badArgument.ts";
import type { ExchangeFacts } from "./checks/exchangeFacts.ts";
import * as checks from "./checks/marketAnswers.ts";
import type { Operators } from "./operators.ts";
import {
  findMarket,
  formatAmount,
  formatPrice,
  type MarketFacts,
  priceOfLot,
  withTexts,
} from "./orders.ts";

const MAX_ROWS = 500;
const MAX_CANDLES = 1500;
const MINUTE_MS = 60_000;

/** Milliseconds of a candle. */
export const CANDLE_MS: Readonly<Record<CandleInterval, number>> = {
  "1m": MINUTE_MS,
  "5m": 5 * MINUTE_MS,
  "15m": 15 * MINUTE_MS,
  "1h": 60 * MINUTE_MS,
  "4h": 240 * MINUTE_MS,
  "1d": 1440 * MINUTE_MS,
};

export interface BookQuery {
  /** Levels of each side; 50. */
  readonly depth?: number;
  /** A price as people write it, to multiples of which levels are rounded, away from the middle. */
  readonly group?: string;
}

/** `before`, `after`: sequences of trades; with `after` the oldest of the later come first. */
export interface TradeQuery {
  readonly limit?: number;
  readonly before?: bigint | string;
  readonly after?: bigint | string;
}

export interface CandleQuery {
  /** Default: "1m". */
  readonly interval?: CandleInterval;
  /** Milliseconds since 1970: candles that open in `from` <= t < `before`. */
  readonly from?: number;
  readonly before?: number;
  readonly limit?: number;
}

interface Source {
  readonly api: Operators;
  /** The exchange as the client knows it. */
  readonly exchange: () => ExchangeFacts;
}

/** Asks operators until one gives an answer in which no fault can be seen. */
async function ask<Name extends RouteName>(
  api: Operators,
  name: Name,
  options: CallOptions<Name>,
  faultOf: (answer: Answer<Name>) => checks.Fault,
): Promise<Answer<Name>> {
  return api.ask(async (one) => {
    const answer = await one.call(name, options);
    const fault = faultOf(answer);
    if (fault === undefined) return answer;
    throw new OperatorUnreachable(one.url, fault);
  });
}

/** The public side of the markets: nobody's session is needed. */
export class MarketQueries {
  readonly #api: Operators;
  readonly #exchange: Source["exchange"];

  constructor({ api, exchange }: Source) {
    this.#api = api;
    this.#exchange = exchange;
  }

  /** The best prices of each side. */
  async fetchOrderBook(name: string, given: BookQuery = {}) {
    const market = findMarket(this.#exchange(), name);
    const asked = parseFields("options", given, ["depth", "group"]);
    const depth = parseCount("depth", orUsual(asked["depth"], 50), 1, MAX_ROWS);
    const group =
      asked["group"] === undefined
        ? undefined
        : priceOfLot(this.#exchange(), market, asked["group"] as string, "group");
    const query = { depth, ...(group !== undefined && { group: String(group) }) };
    const book = await ask(this.#api, "fetchOrderBook", { ...inMarket(market), query }, (said) =>
      said.bids.length > depth || said.asks.length > depth
        ? "more levels than were asked for"
        : checks.bookFault(said, market, group),
    );
    const read = (level: LevelResponse) => withTexts(this.#exchange(), market, level, level.amount);
    return { ...book, bids: book.bids.map(read), asks: book.asks.map(read) };
  }

  /** Trades of everybody, newest first; with `after` oldest first. */
  async fetchTrades(name: string, given: TradeQuery = {}) {
    const market = findMarket(this.#exchange(), name);
    const page = parsePage(given);
    const options = { ...inMarket(market), query: queryOf(page) };
    const trades = await ask(
      this.#api,
      "fetchTrades",
      options,
      (said) => checks.pageFault(said, page) ?? faultOfAny(said, market),
    );
    return trades.map((one) => withTexts(this.#exchange(), market, one, one.baseAmount));
  }

  async fetchTicker(name: string) {
    const market = findMarket(this.#exchange(), name);
    const said = await ask(this.#api, "fetchTicker", inMarket(market), (one) =>
      checks.tickerFault(one, market),
    );
    return this.#tickerWithTexts(said, market);
  }

  /** Of every market that this client knows. */
  async fetchTickers() {
    const { markets } = this.#exchange();
    const marketOf = ({ base, quote }: { base: Address; quote: Address }) =>
      markets.find((one) => one.base === base && one.quote === quote);
    const said = await ask(this.#api, "fetchTickers", {}, (all) => {
      const known = all.flatMap((one) => [{ one, market: marketOf(one) }]);
      const fault = known.find(
        ({ one, market }) => market !== undefined && checks.tickerFault(one, market) !== undefined,
      );
      return fault === undefined ? undefined : "a ticker does not fit its market";
    });
    return said.flatMap((one) => {
      const market = marketOf(one);
      return market === undefined ? [] : [this.#tickerWithTexts(one, market)];
    });
  }

  /** Oldest first; the newest of them unless `from` is given. A span without a trade has none. */
  async fetchCandles(name: string, given: CandleQuery = {}) {
    const market = findMarket(this.#exchange(), name);
    const asked = parseFields("options", given, ["interval", "from", "before", "limit"]);
    const interval = parseInterval(orUsual(asked["interval"], "1m"));
    const optional = (field: string) =>
      asked[field] === undefined ? undefined : parseCount(field, asked[field]);
    const [from, before] = [optional("from"), optional("before")];
    const limit = parseCount("limit", orUsual(asked["limit"], 500), 1, MAX_CANDLES);
    const query = { interval, from, before, limit };
    const candles = await ask(this.#api, "fetchCandles", { ...inMarket(market), query }, (said) => {
      const isAsked = ({ openMs }: CandleResponse) =>
        openMs >= (from ?? 0) && openMs < (before ?? Number.POSITIVE_INFINITY);
      if (said.length > limit || !said.every(isAsked)) return "other candles than were asked for";
      return checks.candlesFault(said, market, CANDLE_MS[interval]);
    });
    const text = (price: Amount) => formatPrice(this.#exchange(), market, price);
    return candles.map((one) => ({
      ...one,
      openText: text(one.open),
      highText: text(one.high),
      lowText: text(one.low),
      closeText: text(one.close),
      baseVolumeText: formatAmount(this.#exchange(), market.base, one.baseVolume),
    }));
  }

  #tickerWithTexts(said: Answer<"fetchTicker">, market: MarketFacts) {
    const exchange = this.#exchange();
    const price = (one: Amount | null) =>
      one === null ? null : formatPrice(exchange, market, one);
    return {
      ...said,
      market: market.name,
      bidText: price(said.bid?.price ?? null),
      askText: price(said.ask?.price ?? null),
      lastText: price(said.last),
      openText: price(said.open),
      highText: price(said.high),
      lowText: price(said.low),
      baseVolumeText: formatAmount(exchange, market.base, said.baseVolume),
      quoteVolumeText: formatAmount(exchange, market.quote, said.quoteVolume),
    };
  }
}

interface OwnSource extends Source {
  /** Path and session of the client's own routes. */
  readonly own: () => Promise<{
    readonly params: { readonly client: Address };
    readonly session: string;
  }>;
}

/** The client's own account, beside its orders. */
export class AccountQueries {
  readonly #source: OwnSource;

  constructor(source: OwnSource) {
    this.#source = source;
  }

  /** How many more orders are taken: of this round and the next, and at this block. */
  async fetchLimits(): Promise<Answer<"fetchLimits">> {
    const { api, own } = this.#source;
    return api.call("fetchLimits", await own());
  }

  /**
   * The client's own trades of every market, newest first, with `after` oldest first; `role` says
   * whether its order came first (maker) or second (taker).
   */
  async fetchFills(given: TradeQuery = {}) {
    const { api, own, exchange } = this.#source;
    const page = parsePage(given);
    const options = { ...(await own()), query: queryOf(page) };
    const fills = await ask(api, "fetchMyTrades", options, (said) => checks.pageFault(said, page));
    return fills.flatMap((one) => {
      const market = exchange().markets.find(
        ({ base, quote }) => base === one.base && quote === one.quote,
      );
      // A market that is traded no more has no grid to read its prices by.
      if (market === undefined) return [];
      const texts = withTexts(exchange(), market, one, one.baseAmount);
      return [{ ...texts, market: market.name }];
    });
  }

  /** Movements of the balances beside trades, newest first. `before`: a record. */
  async fetchLedger(given: { readonly limit?: number; readonly before?: number } = {}) {
    const { api, own, exchange } = this.#source;
    const asked = parseFields("options", given, ["limit", "before"]);
    const limit = parseCount("limit", orUsual(asked["limit"], 100), 1, MAX_ROWS);
    const before = asked["before"] === undefined ? undefined : parseCount("before", given.before);
    const options = { ...(await own()), query: { limit, before } };
    const moves = await ask(api, "fetchLedger", options, (said) => {
      const isAsked = said.every(({ record }) => before === undefined || record < before);
      const isSorted = said.every((one, at) => one.record <= (said[at - 1]?.record ?? one.record));
      const fits = said.length <= limit && isAsked && isSorted;
      return fits ? undefined : "other entries than were asked for";
    });
    return moves.map((one) => withAmountText(exchange(), one));
  }

  /** Deposits, those that wait for confirmations first (`confirmationsLeft` above 0). */
  async fetchDeposits(limit = 100) {
    const { api, own, exchange } = this.#source;
    const query = { limit: parseCount("limit", limit, 1, MAX_ROWS) };
    const deposits = await ask(api, "fetchDeposits", { ...(await own()), query }, (said) => {
      const fits = ({ state, confirmationsLeft }: (typeof said)[number]) =>
        (state === "pending") === confirmationsLeft > 0;
      return said.every(fits) ? undefined : "a deposit's state is not that of its confirmations";
    });
    return deposits.map((one) => withAmountText(exchange(), one));
  }
}

/** `amountText` is null for a token that this client does not know. */
function withAmountText<T extends { readonly token: Address; readonly amount: Amount }>(
  exchange: ExchangeFacts,
  one: T,
): T & { readonly symbol: string | null; readonly amountText: string | null } {
  const token = exchange.tokens.find((known) => known.token === one.token);
  const amountText = token === undefined ? null : formatAmount(exchange, one.token, one.amount);
  return { ...one, symbol: token?.symbol ?? null, amountText };
}

function inMarket({ base, quote }: MarketFacts) {
  return { params: { base, quote } };
}

function faultOfAny(trades: Answer<"fetchTrades">, market: MarketFacts): checks.Fault {
  return trades.map((one) => checks.tradeFault(one, market)).find((fault) => fault !== undefined);
}

function parsePage(given: unknown): checks.Page {
  const asked = parseFields("options", given, ["limit", "before", "after"]);
  const sequence = (field: string) =>
    asked[field] === undefined ? undefined : parseId(field, asked[field]);
  return {
    limit: parseCount("limit", orUsual(asked["limit"], 100), 1, MAX_ROWS),
    before: sequence("before"),
    after: sequence("after"),
  };
}

function queryOf({ limit, before, after }: checks.Page) {
  return { limit, before: before?.toString(), after: after?.toString() };
}

function parseInterval(value: unknown): CandleInterval {
  const found = CANDLE_INTERVALS.find((one) => one === value);
  if (found !== undefined) return found;
  const hint = `Choose from: ${CANDLE_INTERVALS.join(", ")}.`;
  throw new BadArgument("interval", "There are no such candles", hint);
}

/** Null is no way to leave something out. */
function orUsual(value: unknown, usual: unknown): unknown {
  return value === undefined ? usual : value;
}
