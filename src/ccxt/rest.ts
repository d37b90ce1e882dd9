/** The methods of ccxt that ask and answer once. */
import type {
  Balances,
  Dict,
  Exchange,
  Int,
  LedgerEntry,
  Num,
  OHLCV,
  Order,
  OrderRequest,
  OrderSide,
  OrderType,
  Str,
  Strings,
  Ticker,
  Tickers,
  Trade,
  TradingFeeInterface,
  TradingFees,
  Transaction,
} from "ccxt";
import type { UnifiedClient, UnifiedOutcome } from "../unified/unifiedClient.ts";
import { Connection } from "./connection.ts";
import { toCcxtError } from "./errors.ts";

export class Rest extends Connection {
  override async fetchTime(_params: Dict = {}): Promise<Int> {
    return this.ask(false, (api) => api.fetchTime());
  }

  override async fetchStatus(_params: Dict = {}) {
    return this.ask(false, (api) => api.fetchStatus()) as ReturnType<Exchange["fetchStatus"]>;
  }

  override async fetchTradingFees(_params: Dict = {}): Promise<TradingFees> {
    await this.clientFor(false);
    const fees = this.symbols.map((symbol) => [symbol, this.structures.fee(symbol)] as const);
    return Object.fromEntries(fees);
  }

  override async fetchTradingFee(symbol: string, _params: Dict = {}): Promise<TradingFeeInterface> {
    await this.clientFor(false);
    return this.structures.fee(this.market(symbol).symbol);
  }

  override async fetchTicker(symbol: string, _params: Dict = {}): Promise<Ticker> {
    return this.structures.ticker(await this.ask(false, (api) => api.fetchTicker(symbol)));
  }

  override async fetchTickers(symbols?: Strings, _params: Dict = {}): Promise<Tickers> {
    const tickers = await this.ask(false, (api) => api.fetchTickers(symbols));
    return this.structures.tickers(tickers);
  }

  override async fetchOrderBook(symbol: string, limit?: Int, _params: Dict = {}) {
    const book = await this.ask(false, (api) => api.fetchOrderBook(symbol, limit));
    return this.structures.plainBook(book);
  }

  override async fetchTrades(symbol: string, since?: Int, limit?: Int, _params: Dict = {}) {
    const trades = await this.ask(false, (api) => api.fetchTrades(symbol, since, limit));
    return this.structures.trades(trades);
  }

  override async fetchOHLCV(
    symbol: string,
    timeframe = "1m",
    since?: Int,
    limit?: Int,
    _params: Dict = {},
  ): Promise<OHLCV[]> {
    const ask = (api: UnifiedClient) => api.fetchOHLCV(symbol, timeframe, since, limit);
    return this.structures.candles(await this.ask(false, ask));
  }

  override async fetchBalance(_params: Dict = {}): Promise<Balances> {
    return this.structures.balance(await this.ask(true, (api) => api.fetchBalance()));
  }

  override async createOrder(
    symbol: string,
    type: OrderType,
    side: OrderSide,
    amount: number,
    price?: Num,
    params: Dict = {},
  ): Promise<Order> {
    const asked = { symbol, type, side, amount, price, params };
    return this.structures.order(await this.ask(true, (api) => api.createOrder(asked)));
  }

  override async createOrders(orders: OrderRequest[], _params: Dict = {}): Promise<Order[]> {
    return this.outcomes(await this.ask(true, (api) => api.createOrders(orders)));
  }

  override async editOrder(
    id: string,
    symbol: string,
    type: OrderType,
    side: OrderSide,
    amount?: Num,
    price?: Num,
    params: Dict = {},
  ): Promise<Order> {
    const asked = { symbol, type, side, amount, price, params };
    return this.structures.order(await this.ask(true, (api) => api.editOrder(id, asked)));
  }

  override async cancelOrder(id: string, _symbol?: Str, _params: Dict = {}): Promise<Order> {
    return this.structures.order(await this.ask(true, (api) => api.cancelOrder(id)));
  }

  override async cancelOrders(ids: string[], _symbol?: Str, _params: Dict = {}) {
    return this.outcomes(await this.ask(true, (api) => api.cancelOrders(ids)));
  }

  override async cancelAllOrders(symbol?: Str, _params: Dict = {}): Promise<Order[]> {
    return this.structures.orders(await this.ask(true, (api) => api.cancelAllOrders(symbol)));
  }

  override async cancelAllOrdersAfter(timeout: Int, _params: Dict = {}) {
    return this.ask(true, (api) => api.cancelAllOrdersAfter(timeout));
  }

  override async fetchOrder(id: string, _symbol?: Str, _params: Dict = {}): Promise<Order> {
    return this.structures.order(await this.ask(true, (api) => api.fetchOrder(id)));
  }

  override async fetchOrders(symbol?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const ask = (api: UnifiedClient) => api.fetchOrders(symbol, since, limit);
    return this.structures.orders(await this.ask(true, ask));
  }

  override async fetchOpenOrders(symbol?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const ask = (api: UnifiedClient) => api.fetchOpenOrders(symbol, since, limit);
    return this.structures.orders(await this.ask(true, ask));
  }

  override async fetchClosedOrders(symbol?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const ask = (api: UnifiedClient) => api.fetchClosedOrders(symbol, since, limit);
    return this.structures.orders(await this.ask(true, ask));
  }

  override async fetchCanceledOrders(symbol?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const ask = (api: UnifiedClient) => api.fetchCanceledOrders(symbol, since, limit);
    return this.structures.orders(await this.ask(true, ask));
  }

  override async fetchMyTrades(symbol?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const ask = (api: UnifiedClient) => api.fetchMyTrades(symbol, since, limit);
    return this.structures.trades(await this.ask(true, ask));
  }

  override async fetchOrderTrades(
    id: string,
    symbol?: Str,
    since?: Int,
    limit?: Int,
    _params: Dict = {},
  ): Promise<Trade[]> {
    const ask = (api: UnifiedClient) => api.fetchOrderTrades(id, symbol, since, limit);
    return this.structures.trades(await this.ask(true, ask));
  }

  override async fetchDeposits(code?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const ask = (api: UnifiedClient) => api.fetchDeposits(code, since, limit);
    return this.structures.transactions(await this.ask(true, ask));
  }

  override async fetchWithdrawals(code?: Str, since?: Int, limit?: Int, _params: Dict = {}) {
    const ask = (api: UnifiedClient) => api.fetchWithdrawals(code, since, limit);
    return this.structures.transactions(await this.ask(true, ask));
  }

  override async fetchLedger(
    code?: Str,
    since?: Int,
    limit?: Int,
    _params: Dict = {},
  ): Promise<LedgerEntry[]> {
    const ask = (api: UnifiedClient) => api.fetchLedger(code, since, limit);
    return this.structures.ledger(await this.ask(true, ask));
  }

  override async withdraw(
    code: string,
    amount: number,
    address: string,
    _tag?: Str,
    _params: Dict = {},
  ): Promise<Transaction> {
    const sent = await this.ask(true, (api) => api.withdraw(code, amount, address));
    return this.structures.transaction(sent);
  }

  /** Orders that were taken, and the others as `rejected`, in the order of the request. */
  protected outcomes(outcomes: readonly UnifiedOutcome[]): Order[] {
    return outcomes.map(({ order, error }) => {
      if (error === undefined) return this.structures.order(order);
      const failure = toCcxtError(this.id, error);
      const info = { error: failure.name, code: error.code, message: error.message };
      return this.safeOrder({ info, status: "rejected" });
    });
  }
}
