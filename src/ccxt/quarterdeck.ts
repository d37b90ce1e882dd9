/**
 * The exchange as a class of ccxt, over the client library: orders are signed here, answers are
 * held against the chain, and evidence is kept. Register it with `register`.
 */
import type {
  Balances,
  Dict,
  Exchange,
  Int,
  OHLCV,
  Order,
  OrderBook,
  Str,
  Strings,
  Ticker,
  Tickers,
  Trade,
} from "ccxt";
import { Rest } from "./rest.ts";

export class quarterdeck extends Rest {
  /** The whole book, at once where it changed since the last call, else when it does. */
  override async watchOrderBook(
    symbol: string,
    limit?: Int,
    _params: Dict = {},
  ): Promise<OrderBook> {
    const book = await this.watching(false, (watches) => watches.orderBook(symbol));
    const shown = this.structures.book(book, limit);
    this.orderbooks[book.symbol] = shown;
    return shown as unknown as OrderBook;
  }

  override async watchTicker(symbol: string, _params: Dict = {}): Promise<Ticker> {
    const [ticker] = await this.watching(false, (watches) => watches.tickers([symbol]));
    return this.structures.ticker(ticker as NonNullable<typeof ticker>);
  }

  override async watchTickers(symbols?: Strings, _params: Dict = {}): Promise<Tickers> {
    const tickers = await this.watching(false, (watches) => watches.tickers(symbols));
    return this.structures.tickers(tickers);
  }

  override async watchBidsAsks(symbols?: Strings, _params: Dict = {}): Promise<Tickers> {
    const books = await this.watching(false, (watches) => watches.bidsAsks(symbols));
    return this.structures.bestPrices(books);
  }

  /** Trades since the last call. */
  override async watchTrades(symbol: string, since?: Int, limit?: Int, _params: Dict = {}) {
    const trades = await this.watching(false, (watches) => watches.trades(symbol));
    return this.#page<Trade>(this.structures.trades(trades), since, limit);
  }

  override async watchOHLCV(
    symbol: string,
    timeframe = "1m",
    since?: Int,
    limit?: Int,
    _params: Dict = {},
  ): Promise<OHLCV[]> {
    const ask = await this.watching(false, (watches) => watches.candles(symbol, timeframe));
    const candles = this.structures.candles(ask);
    return this.filterBySinceLimit(candles, since, limit, 0, true) as OHLCV[];
  }

  override async watchBalance(_params: Dict = {}): Promise<Balances> {
    const balances = await this.watching(true, (watches) => watches.balance());
    this.balance = this.structures.balance(balances);
    return this.balance as Balances;
  }

  /** Orders that changed since the last call, each as it is now. */
  override async watchOrders(symbol?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const orders = await this.watching(true, (watches) => watches.orders(symbol));
    return this.#page<Order>(this.structures.orders(orders), since, limit);
  }

  override async watchMyTrades(symbol?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const trades = await this.watching(true, (watches) => watches.myTrades(symbol));
    return this.#page<Trade>(this.structures.trades(trades), since, limit);
  }

  override async createOrderWs(...asked: Parameters<Exchange["createOrder"]>): Promise<Order> {
    await this.#open();
    return this.createOrder(...asked);
  }

  override async createOrdersWs(...asked: Parameters<Exchange["createOrders"]>): Promise<Order[]> {
    await this.#open();
    return this.createOrders(...asked);
  }

  override async editOrderWs(...asked: Parameters<Exchange["editOrder"]>): Promise<Order> {
    await this.#open();
    return this.editOrder(...asked);
  }

  override async cancelOrderWs(...asked: Parameters<Exchange["cancelOrder"]>): Promise<Order> {
    await this.#open();
    return this.cancelOrder(...asked);
  }

  override async cancelOrdersWs(...asked: Parameters<Exchange["cancelOrders"]>) {
    await this.#open();
    return this.cancelOrders(...asked);
  }

  override async cancelAllOrdersWs(...asked: Parameters<Exchange["cancelAllOrders"]>) {
    await this.#open();
    return this.cancelAllOrders(...asked);
  }

  /** While the stream is open, whatever is written goes over it. */
  async #open(): Promise<void> {
    await this.watching(true, async () => {});
  }

  override async unWatchOrderBook(symbol: string, _params: Dict = {}) {
    return this.#unwatch("book", symbol);
  }

  override async unWatchTrades(symbol: string, _params: Dict = {}) {
    return this.#unwatch("trades", symbol);
  }

  override async unWatchTicker(symbol: string, _params: Dict = {}) {
    return this.#unwatch("ticker", symbol);
  }

  /** Ends the stream, and whatever waits for it. */
  override async close(cleanInstanceCache = false): Promise<void> {
    await this.watches?.close();
    this.watches = undefined;
    await super.close(cleanInstanceCache);
  }

  #unwatch(name: "book" | "trades" | "ticker", symbol: string): Promise<void> {
    return this.watching(false, async (watches) => watches.stop(name, symbol));
  }

  #page<T extends object>(news: readonly T[], since: Int, limit: Int): T[] {
    return this.filterBySinceLimit([...news], since, limit, "timestamp", true) as T[];
  }
}
