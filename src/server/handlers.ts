/** The handler of each route: it asks the operator's API, and does nothing else. */
import type { Address } from "../base/hex.ts";
import type { Answered, OperatorApi } from "../operator/api/operatorApi.ts";
import { refuse } from "../protocol/refusals.ts";
import type { Answer, Body, Params, Query, RouteName } from "../wire/routes/routes.ts";
import type { ItemResponse } from "../wire/schemas/batch.ts";
import type { OrderResponse } from "../wire/schemas/order.ts";
import { errorBody } from "../wire/sentences.ts";

export interface Call<Name extends RouteName> {
  readonly params: Params<Name>;
  readonly query: Query<Name>;
  readonly body: Body<Name>;
}

export type Handler<Name extends RouteName> = (
  api: OperatorApi,
  call: Call<Name>,
) => Answered<Answer<Name>> | Promise<Answered<Answer<Name>>>;

function ok<T>(value: T): Answered<T> {
  return { ok: true, value };
}

function inMarket<T>(value: T | undefined, base: Address, quote: Address): Answered<T> {
  if (value !== undefined) return ok(value);
  return { ok: false, refusal: refuse("NotFound", { what: `market ${base}/${quote}` }) };
}

/** Each of several by itself; one that holds for all is that of the request. */
function itemized(answer: Answered<readonly Answered<OrderResponse>[]>): Answered<ItemResponse[]> {
  if (!answer.ok) return answer;
  return ok(
    answer.value.map((item) =>
      item.ok
        ? { order: item.value, error: null }
        : { order: null, error: errorBody(item.refusal).error },
    ),
  );
}

export const HANDLERS: { readonly [Name in RouteName]: Handler<Name> } = {
  fetchExchange: (api) => ok(api.exchange()),
  fetchIdentity: (api, { query }) => api.identity(query.challenge),
  fetchClock: (api) => ok(api.clock()),
  fetchPublicBalances: (api, { params }) => api.publicBalances(params.round),
  fetchOrderBook: (api, { params: { base, quote }, query }) =>
    inMarket(api.book(base, quote, query), base, quote),
  fetchTrades: (api, { params: { base, quote }, query }) =>
    inMarket(api.trades(base, quote, query), base, quote),
  fetchTickers: (api) => ok(api.tickers()),
  fetchTicker: (api, { params: { base, quote } }) => inMarket(api.ticker(base, quote), base, quote),
  fetchCandles: (api, { params: { base, quote }, query }) =>
    inMarket(api.candles(base, quote, query), base, quote),
  placeOrder: (api, { body }) => api.placeOrder(body),
  cancelOrder: (api, { body }) => api.cancelOrder(body.cancel, body.signature),
  placeOrders: async (api, { body }) => itemized(await api.placeOrders(body.orders)),
  cancelOrders: async (api, { body }) => itemized(await api.cancelOrders(body.cancels)),
  cancelAllOrders: (api, { body }) => api.cancelAll(body.cancelAll, body.signature),
  replaceOrder: (api, { body }) => api.replaceOrder(body),
  cancelOrdersAfter: (api, { body }) => api.cancelAfter(body.cancelAfter, body.signature),
  fetchLimits: (api, { params }) => ok(api.limits(params.client)),
  fetchBalances: (api, { params }) => ok(api.balances(params.client)),
  fetchOrders: (api, { params, query }) =>
    api.orders(params.client, query.round, query.uncovered !== undefined),
  countersign: (api, { body }) => api.countersign(body),
  fetchStatements: (api, { params }) => ok(api.statements(params.client)),
  fetchMyTrades: (api, { params, query }) => ok(api.clientTrades(params.client, query)),
  fetchLedger: (api, { params, query }) => ok(api.ledger(params.client, query)),
  fetchDeposits: async (api, { params, query }) =>
    ok(await api.deposits(params.client, query.limit)),
  fetchProofs: (api, { params }) => api.proofs(params.client, params.round),
  fetchWithdrawals: (api, { params }) => ok(api.withdrawals(params.client)),
};
