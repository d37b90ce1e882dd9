/** Answers a server's questions from state and history: the read-only queries of the API. */

import type { Curve } from "../../base/curve.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { OrderRef, Trade } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import {
  areTreesHashed,
  balances,
  clock,
  type OrderView,
  orders,
  proof,
  tokensOfRound,
  type WithdrawalView,
  withdrawals,
} from "../../exchange/queries/views.ts";
import { orderHash } from "../../protocol/messages.ts";
import { refuse } from "../../protocol/refusals.ts";
import { firstBlockOf, quarterSize } from "../../protocol/rounds.ts";
import type { BlockNumber, Domain, Fill, Round, SignedFill } from "../../protocol/units.ts";
import { firstPayableBlock } from "../../protocol/withdrawalRule.ts";
import type {
  BalanceResponse,
  ClientTradeResponse,
  ProofResponse,
  WithdrawalResponse,
} from "../../wire/schemas/account.ts";
import type { ClockResponse } from "../../wire/schemas/health.ts";
import type { TradeResponse } from "../../wire/schemas/market.ts";
import type { OrderResponse } from "../../wire/schemas/order.ts";
import type { ClientTrade, History, TradePage } from "../replay/history.ts";
import type { FillSigner } from "./fillSigner.ts";
import type { Answered } from "./operatorApi.ts";

export interface QuerySources {
  readonly state: State;
  readonly history: History;
  readonly curve: Curve;
  readonly domain: Domain;
  readonly fills: FillSigner;
}

export function clockResponse(state: State, chainHead: BlockNumber): ClockResponse {
  const { moment, haltRound } = clock(state);
  const { schedule } = state.genesis;
  const size = quarterSize(schedule);
  const nextQuarterBlock = firstBlockOf(schedule, moment.round) + (moment.quarter + 1) * size;
  return {
    chainHead,
    block: moment.block,
    round: moment.round,
    quarter: moment.quarter,
    nextQuarterBlock,
    blocksLeft: Math.max(0, nextQuarterBlock - chainHead),
    committedRound: state.completedRound,
    haltRound: haltRound ?? null,
  };
}

export function tradeResponse(trade: Trade): TradeResponse {
  const { sequence, block, round, base, quote, price, baseAmount, quoteAmount } = trade;
  const takerSide = trade.takerSide === "bid" ? "buy" : "sell";
  const timeMs = shownTime(trade.timeMs);
  return { sequence, block, round, base, quote, price, baseAmount, quoteAmount, takerSide, timeMs };
}

/** Null where no time was written down; trades of older snapshots have none at all. */
export function shownTime(timeMs: number | undefined): number | null {
  return timeMs === undefined || timeMs === 0 ? null : timeMs;
}

export function clientTradeResponse({ trade, order: ref }: ClientTrade): ClientTradeResponse {
  const isTaker = sameOrder(trade.taker, ref);
  const takerBuys = trade.takerSide === "bid";
  return {
    ...tradeResponse(trade),
    orderId: ref.id,
    side: takerBuys === isTaker ? "buy" : "sell",
    role: isTaker ? "taker" : "maker",
  };
}

function sameOrder(a: OrderRef, b: OrderRef): boolean {
  return a.owner === b.owner && a.round === b.round && a.id === b.id;
}

/**
 * The order as it is now, though its fill may be signed later: at once where it has none. Rejects
 * with `SignerUnavailable` when it cannot be signed: no execution is reported without its evidence.
 * `hash`: of the order, where it is known already.
 */
export function orderResponse(
  sources: QuerySources,
  view: OrderView,
  hash = orderHash(view.order),
): OrderResponse | Promise<OrderResponse> {
  // Before the signature is waited for: it says of which state the view is.
  const asOf = sources.history.upTo;
  const { sold, bought, sequence } = view;
  if (sequence === 0n) return responseOf(view, hash, asOf, null);
  const { owner, round } = view.order;
  const fill: Fill = { orderHash: hash, owner, round, sold, bought, sequence };
  return sources.fills.sign(fill).then((signed) => responseOf(view, hash, asOf, signed));
}

function responseOf(
  view: OrderView,
  hash: Hex,
  asOf: number,
  fill: SignedFill | null,
): OrderResponse {
  return {
    ...view.order,
    orderHash: hash,
    state: view.state,
    reason: view.reason ?? null,
    terms: view.terms,
    timeMs: shownTime(view.placedMs),
    sold: view.sold,
    bought: view.bought,
    asOf,
    fill,
  };
}

/** As `orderResponse`, of every order of the client in one round, or those in no statement. */
export function ordersResponse(
  sources: QuerySources,
  client: Address,
  round: Round = sources.state.moment.round,
  uncovered = false,
): Promise<OrderResponse[]> {
  const views = orders(sources.state, client, round, uncovered);
  return Promise.all(views.map((view) => orderResponse(sources, view)));
}

export function balancesResponse(
  { state, history }: QuerySources,
  client: Address,
): BalanceResponse[] {
  const asOf = history.upTo;
  const known = balances(state, client);
  if (known !== undefined) return known.map((balance) => ({ ...balance, asOf }));
  const nothing = { total: 0n, locked: 0n, free: 0n, asOf };
  return [...state.tokens.keys()].map((token) => ({ token, ...nothing }));
}

export function clientTradesResponse(
  history: History,
  client: Address,
  page: TradePage,
): ClientTradeResponse[] {
  return history.ofClient(client, page).map(clientTradeResponse);
}

export function proofsResponse(
  state: State,
  client: Address,
  round: Round,
): Answered<ProofResponse[]> {
  // A round that has just opened: nobody's orders may wait for somebody's proof.
  if (!areTreesHashed(state, round)) {
    const waitingFor = `the hashes of round ${round}`;
    return { ok: false, refusal: refuse("NotReady", { waitingFor }) };
  }
  const found: ProofResponse[] = [];
  for (const { token } of tokensOfRound(state, round)) {
    const shown = proof(state, client, token, round);
    if (shown === undefined) {
      const what = `proof of ${client} for round ${round} (kept for the last rounds only)`;
      return { ok: false, refusal: refuse("NotFound", { what }) };
    }
    found.push({ token, proof: shown });
  }
  return { ok: true, value: found };
}

export function withdrawalResponse(
  { state, history }: QuerySources,
  view: WithdrawalView,
): WithdrawalResponse {
  const { token, round, amount, recipient } = view;
  return {
    token,
    round,
    amount,
    recipient,
    state: view.state === "seen" ? "undecided" : view.state,
    payableFrom: firstPayableBlock(state.genesis.schedule, round),
    asOf: history.upTo,
  };
}

export function withdrawalsResponse(sources: QuerySources, client: Address): WithdrawalResponse[] {
  return withdrawals(sources.state, { client }).map((view) => withdrawalResponse(sources, view));
}
