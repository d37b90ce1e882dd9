/**
 * The watching half of the unified API: each call gives what is new since the one before, at once
 * where there is something, and waits where there is not. Nothing that happens between two calls is
 * lost; of states the newest counts.
 */
import type { ExchangeClient } from "../client/client.ts";
import type { ChannelRequest, ChannelUpdate } from "../client/streaming/channels.ts";
import { ExchangeStream } from "../client/streaming/exchangeStream.ts";
import type { ChannelName } from "../wire/schemas/stream.ts";
import { toUnifiedError } from "./errors.ts";
import { intervalOf } from "./marketReads.ts";
import * as shapes from "./structures.ts";
import { idOf, type Market, Symbols } from "./symbols.ts";

/** News kept for a caller that does not ask. */
const MOST_UNREAD = 1000;
/** Orders of which it is remembered what was told. */
const MOST_SEEN = 5000;

/** News of one channel, until somebody asks. */
class News<T> {
  #unread: readonly T[] = [];
  #waiting: PromiseWithResolvers<readonly T[]> | undefined;
  #error: Error | undefined;

  /** `mergeOf`: of what was not read yet, and what comes. */
  put(items: readonly T[], mergeOf: (unread: readonly T[], items: readonly T[]) => readonly T[]) {
    this.#unread = mergeOf(this.#unread, items).slice(-MOST_UNREAD);
    this.#settle();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#settle();
  }

  /** All who wait are told the same. */
  async next(): Promise<readonly T[]> {
    this.#waiting ??= Promise.withResolvers<readonly T[]>();
    const { promise } = this.#waiting;
    this.#settle();
    return promise;
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#error !== undefined) waiting.reject(this.#error);
    else if (this.#unread.length > 0) waiting.resolve(this.#unread);
    else return;
    this.#unread = [];
    this.#waiting = undefined;
  }
}

const append = <T>(unread: readonly T[], items: readonly T[]) => [...unread, ...items];
const newest = <T>(_: readonly T[], items: readonly T[]) => items.slice(-1);

export class Watches {
  readonly #client: ExchangeClient;
  readonly #news = new Map<string, { readonly news: News<unknown>; readonly stop: () => void }>();
  readonly #stream: ExchangeStream;

  /** Opens the stream: from now on orders of the client are written over it. */
  constructor(client: ExchangeClient) {
    this.#client = client;
    this.#stream = new ExchangeStream(client);
    this.#stream.closed.catch((error: unknown) => {
      for (const { news } of this.#news.values()) news.fail(toUnifiedError(error));
    });
  }

  /** The whole book, whenever it is another. */
  async orderBook(symbol: unknown): Promise<shapes.UnifiedBook> {
    const symbols = this.#symbols();
    const market = symbols.market(symbol);
    const [book] = await this.#next<shapes.UnifiedBook>(`book ${idOf(market)}`, (news) =>
      this.#stream.subscribeBook(
        idOf(market),
        (one) => news.put([shapes.bookOf(symbols, market, one, one.sequence)], newest),
        { onRefused: (error) => news.fail(toUnifiedError(error)) },
      ),
    );
    return book as shapes.UnifiedBook;
  }

  /** Tickers that changed, of the markets that are asked for; undefined: of all. */
  async tickers(names?: readonly unknown[]) {
    const symbols = this.#symbols();
    return this.#many("ticker", names, (market, update) =>
      shapes.tickerOf(symbols, market, (update as ChannelUpdate<"ticker">).data),
    );
  }

  /** Best prices that changed, as books of one level. */
  async bidsAsks(names?: readonly unknown[]): Promise<readonly shapes.UnifiedBook[]> {
    const symbols = this.#symbols();
    return this.#many("bestPrices", names, (market, update) => {
      const { data, sequence } = update as ChannelUpdate<"bestPrices">;
      const side = (one: typeof data.bid) => (one === null ? [] : [one]);
      const levels = { bids: side(data.bid), asks: side(data.ask) };
      return shapes.bookOf(symbols, market, levels, sequence);
    });
  }

  /** Trades that came, oldest first; at first the last ones that there were. */
  async trades(symbol: unknown): Promise<readonly shapes.UnifiedTrade[]> {
    const symbols = this.#symbols();
    const market = symbols.market(symbol);
    const request = { name: "trades", market: idOf(market) } as const;
    let last = -1n;
    return this.#list(request, ({ data }) => {
      const fresh = data.filter(({ sequence }) => sequence > last);
      last = fresh.at(-1)?.sequence ?? last;
      return fresh.map((one) => shapes.tradeOf(symbols, market, one));
    });
  }

  async candles(symbol: unknown, timeframe: unknown): Promise<readonly shapes.UnifiedCandle[]> {
    const symbols = this.#symbols();
    const market = symbols.market(symbol);
    const interval = intervalOf(timeframe);
    const request = { name: "candles", market: idOf(market), interval } as const;
    const key = `candles ${idOf(market)} ${interval}`;
    return this.#next<shapes.UnifiedCandle>(key, (news) =>
      this.#subscribe(request, news, ({ data }) => {
        const candles = data.map((one) => shapes.candleOf(symbols, market, one));
        news.put(candles, (unread, items) => {
          const isOld = ([openMs]: shapes.UnifiedCandle) => items.some(([one]) => one === openMs);
          return [...unread.filter((one) => !isOld(one)), ...items];
        });
      }),
    );
  }

  async balance(): Promise<shapes.UnifiedBalances> {
    const symbols = this.#symbols();
    const [balances] = await this.#state({ name: "balances" }, ({ data }) =>
      shapes.balancesOf(symbols, data),
    );
    return balances as shapes.UnifiedBalances;
  }

  /** Orders that changed, each as it is now; at first those of the round. */
  async orders(symbol?: unknown): Promise<readonly shapes.UnifiedOrder[]> {
    const symbols = this.#symbols();
    const wanted = symbol == null ? undefined : symbols.symbol(symbols.market(symbol));
    const seen = new Map<string, number>();
    const shape = ({ data }: ChannelUpdate<"orders">) => {
      const fresh = data.filter(({ orderHash, asOf }) => (seen.get(orderHash) ?? -1) < asOf);
      for (const { orderHash, asOf } of fresh) seen.set(orderHash, asOf);
      for (const hash of [...seen.keys()].slice(0, seen.size - MOST_SEEN)) seen.delete(hash);
      return fresh
        .flatMap((one) => shapes.orderOf(symbols, one) ?? [])
        .filter((one) => wanted === undefined || one.symbol === wanted);
    };
    return this.#list({ name: "orders" }, shape, wanted);
  }

  /** The client's own trades. Those before the first call are not told. */
  async myTrades(symbol?: unknown): Promise<readonly shapes.UnifiedTrade[]> {
    const symbols = this.#symbols();
    const wanted = symbol == null ? undefined : symbols.market(symbol);
    let last: bigint | undefined;
    const shape = ({ data }: ChannelUpdate<"fills">) => {
      const isFirst = last === undefined;
      const before = last ?? -1n;
      const fresh = data.filter(({ sequence }) => sequence > before);
      last = fresh.at(-1)?.sequence ?? before;
      if (isFirst) return [];
      return fresh.flatMap((one) => {
        const market = symbols.marketOf(one.base, one.quote);
        const isAsked = wanted === undefined || market === wanted;
        return market === undefined || !isAsked ? [] : [shapes.ownTradeOf(symbols, market, one)];
      });
    };
    return this.#list({ name: "fills" }, shape, wanted && idOf(wanted));
  }

  /** Ends a subscription; who waits is told so. `key`: as `keyOf` gives it. */
  stop(name: ChannelName, symbol?: unknown): void {
    const symbols = this.#symbols();
    const prefix = symbol === undefined ? name : `${name} ${idOf(symbols.market(symbol))}`;
    for (const [key, { stop }] of this.#news) {
      if (key !== prefix && !key.startsWith(`${prefix} `)) continue;
      stop();
      this.#news.delete(key);
    }
  }

  async close(): Promise<void> {
    await this.#stream.close().catch(() => {});
    const closed = toUnifiedError(new Error("The stream was closed by its user."));
    for (const { news } of this.#news.values()) news.fail(closed);
    this.#news.clear();
  }

  #symbols(): Symbols {
    return new Symbols(this.#client.exchange);
  }

  #subscribe<Name extends ChannelName>(
    request: ChannelRequest & { readonly name: Name },
    news: Pick<News<unknown>, "fail">,
    take: (update: ChannelUpdate<Name>) => void,
  ): () => void {
    const onRefused = (error: Error) => news.fail(toUnifiedError(error));
    return this.#stream.subscribe<Name>(request, take, { onRefused });
  }

  #state<Name extends ChannelName, T>(
    request: ChannelRequest & { readonly name: Name },
    shape: (update: ChannelUpdate<Name>) => T,
  ): Promise<readonly T[]> {
    return this.#next<T>(keyOf(request), (news) =>
      this.#subscribe<Name>(request, news, (update) => news.put([shape(update)], newest)),
    );
  }

  /** `of`: which of the channel's items, where there are several lists of them. */
  #list<Name extends ChannelName, T>(
    request: ChannelRequest & { readonly name: Name },
    shape: (update: ChannelUpdate<Name>) => readonly T[],
    of?: string,
  ): Promise<readonly T[]> {
    const key = of === undefined ? keyOf(request) : `${keyOf(request)} ${of}`;
    return this.#next<T>(key, (news) =>
      this.#subscribe<Name>(request, news, (update) => news.put(shape(update), append)),
    );
  }

  /** One list of the newest states of several markets. */
  #many<T extends { readonly symbol: string }>(
    name: "ticker" | "bestPrices",
    names: readonly unknown[] | undefined,
    shape: (market: Market, update: ChannelUpdate) => T,
  ): Promise<readonly T[]> {
    const symbols = this.#symbols();
    const markets = names?.map((one) => symbols.market(one)) ?? symbols.exchange.markets;
    const key = `${name} ${markets.map(idOf).join(" ")}`;
    return this.#next<T>(key, (news) => {
      const stops = markets.map((market) =>
        this.#subscribe({ name, market: idOf(market) }, news, (update) => {
          const state = shape(market, update);
          news.put([state], (unread) => [
            ...unread.filter(({ symbol }) => symbol !== state.symbol),
            state,
          ]);
        }),
      );
      return () => {
        for (const stop of stops) stop();
      };
    });
  }

  #next<T>(key: string, begin: (news: News<T>) => () => void): Promise<readonly T[]> {
    const known = this.#news.get(key);
    if (known !== undefined) return (known.news as unknown as News<T>).next();
    const news = new News<T>();
    // Subscribed to with the first call, and from then on until it is stopped.
    this.#news.set(key, { news: news as unknown as News<unknown>, stop: begin(news) });
    return news.next();
  }
}

function keyOf(request: ChannelRequest): string {
  return "market" in request ? `${request.name} ${request.market}` : request.name;
}
