/** The unified methods as the gateway takes them: by name, with named arguments. */
import { UnifiedError } from "../unified/errors.ts";
import type { UnifiedOrderRequest } from "../unified/orderRequests.ts";
import type { UnifiedBalances } from "../unified/structures.ts";
import type { UnifiedClient, UnifiedOutcome } from "../unified/unifiedClient.ts";
import type { Watches } from "../unified/watches.ts";

export type Args = Readonly<Record<string, unknown>>;

interface Method<Source> {
  /** Arguments that it knows: any other is refused. */
  readonly takes: readonly string[];
  readonly call: (source: Source, args: Args) => Promise<unknown>;
}

const LIST = ["symbol", "since", "limit"];
const ORDER = ["symbol", "type", "side", "amount", "price", "params"];
const OF_CODE = ["code", "since", "limit"];

function method<Source>(takes: readonly string[], call: Method<Source>["call"]): Method<Source> {
  return { takes, call };
}

function byKey<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, T> {
  return Object.fromEntries(items.map((item) => [keyOf(item), item]));
}

function balances({ accounts, info }: UnifiedBalances) {
  const all = Object.entries(accounts);
  const part = (name: "free" | "used" | "total") =>
    Object.fromEntries(all.map(([code, account]) => [code, account[name]]));
  return { ...accounts, free: part("free"), used: part("used"), total: part("total"), info };
}

/** Orders, and in the place of one that was refused why. */
function outcomes(all: readonly UnifiedOutcome[]) {
  return all.map(({ order, error }) =>
    error === undefined ? order : { status: "rejected", error: errorOf(error) },
  );
}

/** An error as the gateway tells it. `retry`: the same call may succeed later by itself. */
export function errorOf({ type, code, message, isRetried }: UnifiedError) {
  return { type, code, message, retry: isRetried };
}

/** Methods that are answered once. */
export const METHODS: Readonly<Record<string, Method<UnifiedClient>>> = {
  fetchMarkets: method([], (api) => api.fetchMarkets()),
  fetchCurrencies: method([], async (api) =>
    byKey(await api.fetchCurrencies(), ({ code }) => code),
  ),
  fetchTime: method([], (api) => api.fetchTime()),
  fetchStatus: method([], (api) => api.fetchStatus()),
  fetchTicker: method(["symbol"], (api, { symbol }) => api.fetchTicker(symbol)),
  fetchTickers: method(["symbols"], async (api, { symbols }) =>
    byKey(await api.fetchTickers(symbols), ({ symbol }) => symbol),
  ),
  fetchOrderBook: method(["symbol", "limit"], (api, { symbol, limit }) =>
    api.fetchOrderBook(symbol, limit),
  ),
  fetchTrades: method(LIST, (api, { symbol, since, limit }) =>
    api.fetchTrades(symbol, since, limit),
  ),
  fetchOHLCV: method([...LIST, "timeframe"], (api, { symbol, timeframe, since, limit }) =>
    api.fetchOHLCV(symbol, timeframe ?? "1m", since, limit),
  ),
  fetchBalance: method([], async (api) => balances(await api.fetchBalance())),
  createOrder: method(ORDER, (api, args) => api.createOrder(orderOf(args))),
  createOrders: method(["orders"], async (api, { orders }) =>
    outcomes(await api.createOrders(orders)),
  ),
  editOrder: method(["id", ...ORDER], (api, { id, ...args }) => api.editOrder(id, orderOf(args))),
  cancelOrder: method(["id", "symbol"], (api, { id }) => api.cancelOrder(id)),
  cancelOrders: method(["ids", "symbol"], async (api, { ids }) =>
    outcomes(await api.cancelOrders(ids)),
  ),
  cancelAllOrders: method(["symbol"], (api, { symbol }) => api.cancelAllOrders(symbol)),
  cancelAllOrdersAfter: method(["timeout"], (api, { timeout }) =>
    api.cancelAllOrdersAfter(timeout),
  ),
  fetchOrder: method(["id", "symbol"], (api, { id }) => api.fetchOrder(id)),
  fetchOrders: method(LIST, (api, { symbol, since, limit }) =>
    api.fetchOrders(symbol, since, limit),
  ),
  fetchOpenOrders: method(LIST, (api, { symbol, since, limit }) =>
    api.fetchOpenOrders(symbol, since, limit),
  ),
  fetchClosedOrders: method(LIST, (api, { symbol, since, limit }) =>
    api.fetchClosedOrders(symbol, since, limit),
  ),
  fetchCanceledOrders: method(LIST, (api, { symbol, since, limit }) =>
    api.fetchCanceledOrders(symbol, since, limit),
  ),
  fetchMyTrades: method(LIST, (api, { symbol, since, limit }) =>
    api.fetchMyTrades(symbol, since, limit),
  ),
  fetchOrderTrades: method(["id", ...LIST], (api, { id, symbol, since, limit }) =>
    api.fetchOrderTrades(id, symbol, since, limit),
  ),
  fetchDeposits: method(OF_CODE, (api, { code, since, limit }) =>
    api.fetchDeposits(code, since, limit),
  ),
  fetchWithdrawals: method(OF_CODE, (api, { code, since, limit }) =>
    api.fetchWithdrawals(code, since, limit),
  ),
  fetchLedger: method(OF_CODE, (api, { code, since, limit }) =>
    api.fetchLedger(code, since, limit),
  ),
  withdraw: method(["code", "amount", "address"], (api, { code, amount, address }) =>
    api.withdraw(code, amount as string, address),
  ),
};

/** Methods that go on telling, over a WebSocket. */
export const WATCHES: Readonly<Record<string, Method<Watches>>> = {
  watchOrderBook: method(["symbol"], (watches, { symbol }) => watches.orderBook(symbol)),
  watchTicker: method(["symbol"], async (watches, { symbol }) =>
    (await watches.tickers([symbol])).at(-1),
  ),
  watchTickers: method(["symbols"], async (watches, { symbols }) =>
    byKey(await watches.tickers(symbols as undefined), ({ symbol }) => symbol),
  ),
  watchTrades: method(["symbol"], (watches, { symbol }) => watches.trades(symbol)),
  watchOHLCV: method(["symbol", "timeframe"], (watches, { symbol, timeframe }) =>
    watches.candles(symbol, timeframe ?? "1m"),
  ),
  watchBalance: method([], async (watches) => balances(await watches.balance())),
  watchOrders: method(["symbol"], (watches, { symbol }) => watches.orders(symbol)),
  watchMyTrades: method(["symbol"], (watches, { symbol }) => watches.myTrades(symbol)),
};

function orderOf(args: Args): UnifiedOrderRequest {
  const { symbol, type, side, amount, price, params } = args;
  return { symbol, type, side, amount, price, params };
}

/** The method of that name. Throws `NotSupported`, and `BadRequest` for arguments it has not. */
export function find<Source>(
  table: Readonly<Record<string, Method<Source>>>,
  name: string,
  args: unknown,
): (source: Source) => Promise<unknown> {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found === undefined) {
    const known = Object.keys(table).join(", ");
    throw new UnifiedError("NotSupported", `${name} is no method. Choose from: ${known}.`);
  }
  const given = args ?? {};
  if (typeof given !== "object" || Array.isArray(given)) {
    throw new UnifiedError("BadRequest", "Arguments are given by name, in an object.");
  }
  const stranger = Object.keys(given).find((key) => !found.takes.includes(key));
  if (stranger === undefined) return (source) => found.call(source, given as Args);
  const known = found.takes.join(", ");
  throw new UnifiedError("BadRequest", `${stranger}: ${name} has no such argument: ${known}.`);
}

/** JSON in which what nobody knows is null. */
export function toText(value: unknown): string {
  return JSON.stringify(value, (_, part) => (part === undefined ? null : part));
}
