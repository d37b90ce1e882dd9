/** Unified structures with ccxt's own numbers: those that `exchange.number` makes of text. */
import type {
  Balances,
  CurrencyInterface,
  Dict,
  Exchange,
  Int,
  LedgerEntry,
  Market,
  OHLCV,
  Order,
  OrderBook,
  Ticker,
  Tickers,
  Trade,
  TradingFeeInterface,
  Transaction,
} from "ccxt";
import type * as shapes from "../unified/structures.ts";

type Text = string | undefined;

export class Structures {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  #number(text: Text) {
    return this.#exchange.parseNumber(text);
  }

  #range({ min, max }: { readonly min: Text; readonly max: Text }) {
    return { min: this.#number(min), max: this.#number(max) };
  }

  market(one: ReturnType<typeof shapes.marketOf>): Market {
    const { precision, limits } = one;
    return this.#exchange.safeMarketStructure({
      ...one,
      taker: this.#number(one.taker),
      maker: this.#number(one.maker),
      precision: {
        amount: this.#number(precision.amount),
        price: this.#number(precision.price),
      },
      limits: {
        amount: this.#range(limits.amount),
        price: this.#range(limits.price),
        cost: this.#range(limits.cost),
        leverage: this.#range(limits.leverage),
      },
    });
  }

  currency(one: ReturnType<typeof shapes.currencyOf>): CurrencyInterface {
    const { limits } = one;
    return this.#exchange.safeCurrencyStructure({
      ...one,
      fee: this.#number(one.fee),
      precision: this.#number(one.precision),
      limits: {
        amount: this.#range(limits.amount),
        withdraw: this.#range(limits.withdraw),
        deposit: this.#range(limits.deposit),
      },
    });
  }

  fee(symbol: string): TradingFeeInterface {
    const zero = this.#number("0");
    return { info: {}, symbol, maker: zero, taker: zero, percentage: true, tierBased: false };
  }

  ticker(one: ReturnType<typeof shapes.tickerOf>): Ticker {
    return this.#exchange.safeTicker({ ...one }, this.#exchange.market(one.symbol));
  }

  tickers(all: readonly ReturnType<typeof shapes.tickerOf>[]): Tickers {
    return Object.fromEntries(all.map((one) => [one.symbol, this.ticker(one)] as const));
  }

  /** Tickers that hold best prices, and nothing else. */
  bestPrices(books: readonly shapes.UnifiedBook[]): Tickers {
    return Object.fromEntries(
      books.map(({ symbol, bids: [bid], asks: [ask], nonce }) => {
        const prices = { bid: bid?.[0], bidVolume: bid?.[1], ask: ask?.[0], askVolume: ask?.[1] };
        const ticker = { symbol, ...prices, info: { nonce } };
        return [symbol, this.#exchange.safeTicker(ticker, this.#exchange.market(symbol))] as const;
      }),
    );
  }

  #levels(levels: readonly (readonly [string, string])[]) {
    return levels.map(([price, amount]) => [this.#number(price), this.#number(amount)]);
  }

  plainBook(book: shapes.UnifiedBook): OrderBook {
    return {
      ...book,
      bids: this.#levels(book.bids),
      asks: this.#levels(book.asks),
    } as unknown as OrderBook;
  }

  /** As ccxt keeps it, with `limit` levels of each side. */
  book(book: shapes.UnifiedBook, limit: Int): ReturnType<Exchange["orderBook"]> {
    const depth = limit ?? Number.MAX_SAFE_INTEGER;
    return this.#exchange.orderBook(this.plainBook(book), depth).limit();
  }

  trade(one: shapes.UnifiedTrade): Trade {
    return this.#exchange.safeTrade({ ...one }, this.#exchange.market(one.symbol));
  }

  trades(all: readonly shapes.UnifiedTrade[]): Trade[] {
    return all.map((one) => this.trade(one));
  }

  order(one: shapes.UnifiedOrder): Order {
    const fee = { currency: one.fee.currency, cost: this.#number(one.fee.cost) };
    return this.#exchange.safeOrder({ ...one, fee }, this.#exchange.market(one.symbol));
  }

  orders(all: readonly shapes.UnifiedOrder[]): Order[] {
    return all.map((one) => this.order(one));
  }

  balance({ accounts, info }: shapes.UnifiedBalances): Balances {
    const codes = Object.entries(accounts).map(([code, one]) => [code, { ...one }] as const);
    const balances: Dict = { info, timestamp: undefined, datetime: undefined };
    return this.#exchange.safeBalance({ ...balances, ...Object.fromEntries(codes) });
  }

  candles(all: readonly shapes.UnifiedCandle[]): OHLCV[] {
    return all.map(
      ([openMs, ...texts]) => [openMs, ...texts.map((text) => this.#number(text))] as OHLCV,
    );
  }

  transaction(one: shapes.UnifiedTransaction): Transaction {
    const fee = { currency: one.fee.currency, cost: this.#number(one.fee.cost) };
    return { ...one, amount: this.#number(one.amount), fee } as Transaction;
  }

  transactions(all: readonly shapes.UnifiedTransaction[]): Transaction[] {
    return all.map((one) => this.transaction(one));
  }

  ledger(all: readonly ReturnType<typeof shapes.ledgerEntryOf>[]): LedgerEntry[] {
    return all.map((one) => ({ ...one, amount: this.#number(one.amount) }) as LedgerEntry);
  }
}
