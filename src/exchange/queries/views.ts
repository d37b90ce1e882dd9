/**
 * Queries of the state for the outside, between two entries. No query changes the state, and no
 * result changes with it.
 */
import type { Address } from "../../base/hex.ts";
import { orderHash } from "../../protocol/messages.ts";
import type { BalanceProof, Fill, Round, TokenRoot } from "../../protocol/units.ts";
import type { OrderRecord } from "../model/book.ts";
import { openingBalance } from "../model/evidence.ts";
import { balanceOf } from "../model/funds.ts";
import type { OrderRef } from "../model/outcome.ts";
import { bookOf, type State, type Token, tokenSet, type Withdrawal } from "../model/state.ts";
import type {
  BalanceView,
  BookView,
  ClockView,
  CommitView,
  DisputeView,
  FlowView,
  OrderView,
  TokenPair,
  TokenSums,
  TokenView,
  WithdrawalState,
  WithdrawalView,
} from "../model/viewTypes.ts";
import { haltBlockOf } from "../rounds/halt.ts";

export { disputeAnswer, evidenceAgainst, openingBalance } from "../model/evidence.ts";
export { tradingKeyOf } from "../model/state.ts";
export type * from "../model/viewTypes.ts";

const NO_FLOW: FlowView = { deposits: 0n, requested: 0n };

export function clock(state: State): ClockView {
  const { head, moment, halted } = state;
  return { head, moment, haltRound: halted?.round, haltBlock: haltBlockOf(state) };
}

/** In the order of listing, which is that of every commit. */
export function tokens(state: State): TokenView[] {
  return Array.from(state.tokens.values(), tokenView);
}

/** The tokens of the commit of `round`, in order. */
export function tokensOfRound(state: State, round: Round): TokenView[] {
  return tokenSet(state, round).map(tokenView);
}

function tokenView({ address, listedRound, committedRound }: Token): TokenView {
  return { token: address, listedRound, committedRound };
}

/** Every client by leaf index. */
export function clients(state: State): Address[] {
  return state.clientList.map((client) => client.address);
}

/** Undefined for an account that never deposited. */
export function leafIndexOf(state: State, client: Address): number | undefined {
  return state.clients.get(client)?.leafIndex;
}

/** One for each listed token, in their order; undefined for an account that never deposited. */
export function balances(state: State, address: Address): BalanceView[] | undefined {
  const client = state.clients.get(address);
  if (client === undefined) return undefined;
  return Array.from(state.tokens.keys(), (token) => {
    const { total, locked } = balanceOf(client, token);
    return { token, total, locked, free: total - locked };
  });
}

/** The client's deposits and requests of a round of r-2 .. r. */
export function flows(state: State, client: Address, token: Address, round: Round): FlowView {
  const flow = state.clients.get(client)?.rounds.get(round)?.flows.get(token) ?? NO_FLOW;
  return { ...flow };
}

/** An order of rounds r-2 .. r+1. */
export function order(state: State, ref: OrderRef): OrderView | undefined {
  const record = recordOf(state, ref);
  return record === undefined ? undefined : orderView(record);
}

/** The client's orders of a round of r-2 .. r+1, in order of arrival. */
export function orders(state: State, owner: Address, round: Round): OrderView[] {
  const records = state.clients.get(owner)?.rounds.get(round)?.orders.values() ?? [];
  return Array.from(records, orderView);
}

function orderView(record: OrderRecord): OrderView {
  const { order, signature, side, price, state, terms, placedMs, sold, bought } = record;
  const sequence = BigInt(record.sequence);
  const reason = record.reason ?? (state === "expired" ? "roundEnded" : undefined);
  return { order, signature, side, price, state, terms, reason, placedMs, sold, bought, sequence };
}

/** The order's cumulative executions, for the operator to sign; undefined before the first. */
export function fill(state: State, ref: OrderRef): Fill | undefined {
  const record = recordOf(state, ref);
  return record === undefined || record.sequence === 0 ? undefined : fillOf(record);
}

/** Fills of the client's orders of a round, in order of arrival of the orders. */
export function fills(state: State, owner: Address, round: Round): Fill[] {
  const records = [...(state.clients.get(owner)?.rounds.get(round)?.orders.values() ?? [])];
  return records.filter((record) => record.sequence > 0).map(fillOf);
}

function fillOf(record: OrderRecord): Fill {
  const { order, sold, bought, sequence } = record;
  const { owner, round } = order;
  return { orderHash: orderHash(order), owner, round, sold, bought, sequence: BigInt(sequence) };
}

function recordOf(state: State, { owner, round, id }: OrderRef): OrderRecord | undefined {
  return state.clients.get(owner)?.rounds.get(round)?.orders.get(id);
}

/** The best `levels` prices of each side; undefined where there is no such market. */
export function book(state: State, pair: TokenPair, levels: number): BookView | undefined {
  const found = bookOf(state, pair.sellToken, pair.buyToken);
  if (found === undefined) return undefined;
  const { market } = found;
  return { market, bids: found.depth("bid", levels), asks: found.depth("ask", levels) };
}

/** Active requests, of one client where given, by leaf index and then in the order seen. */
export function withdrawals(
  state: State,
  filter: { readonly client?: Address; readonly state?: WithdrawalState } = {},
): WithdrawalView[] {
  const one = filter.client === undefined ? undefined : state.clients.get(filter.client);
  const asked = filter.client === undefined ? state.clientList : one === undefined ? [] : [one];
  const found: WithdrawalView[] = [];
  for (const { withdrawals: active } of asked) {
    for (const withdrawal of active.values()) {
      if (filter.state === undefined || withdrawal.state === filter.state) {
        found.push(withdrawalView(withdrawal));
      }
    }
  }
  return found;
}

function withdrawalView(withdrawal: Withdrawal): WithdrawalView {
  return { ...withdrawal };
}

/**
 * For each listed token the sums that the Mediator must hold of the current round: credited
 * deposits, requests that are not cancelled, and A(r) with what is still to be cancelled taken out.
 * Base units.
 */
export function tokenSums(state: State): TokenSums[] {
  const { round } = state.moment;
  const open = [...state.undecided, ...withdrawals(state, { state: "refused" })];
  return Array.from(state.tokens.values(), ({ address: token, flows: byRound, expected }) => {
    const flow = byRound.get(round) ?? NO_FLOW;
    const asked = (of: Round) =>
      open
        .filter((one) => one.token === token && one.round === of)
        .reduce((sum, { amount }) => sum + amount, 0n);
    const requested = flow.requested + asked(round);
    return { token, deposits: flow.deposits, requested, expected: expected - asked(round - 1) };
  });
}

/** Disputes not closed, the first to fall due first. */
export function disputes(state: State): DisputeView[] {
  return [...state.disputes.values()].sort((a, b) => a.deadlineBlock - b.deadlineBlock);
}

/** The trees with which `round` (of r-3 .. r) opened, in token order; those still kept. */
export function roots(state: State, round: Round): TokenRoot[] {
  return tokenSet(state, round).flatMap((token) => {
    const frozen = token.frozen.get(round);
    return frozen === undefined ? [] : [{ token: token.address, ...frozen.root() }];
  });
}

/** How the commit of the current round stands. */
export function commit(state: State): CommitView {
  const { round } = state.moment;
  const all = roots(state, round);
  const missing = all.filter(({ token }) => state.tokens.get(token)?.committedRound !== round);
  const cancelFirst = withdrawals(state, { state: "refused" }).filter((w) => w.round < round);
  return { round, roots: all, missing, cancelFirst };
}

/**
 * Proof of the client's opening balance of a round of r-3 .. r; undefined where that is not kept,
 * or the client had no leaf in it. O(log n).
 */
export function proof(
  state: State,
  client: Address,
  token: Address,
  round: Round,
): BalanceProof | undefined {
  if (openingBalance(state, client, token, round) === undefined) return undefined;
  const index = state.clients.get(client)?.leafIndex;
  const tree = state.tokens.get(token)?.frozen.get(round);
  return index === undefined ? undefined : tree?.prove(index);
}
