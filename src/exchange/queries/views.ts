/**
 * Queries of the state for the outside, between two entries. No query changes the state, and no
 * result changes with it.
 */
import type { Address } from "../../base/hex.ts";
import { orderHash } from "../../protocol/messages.ts";
import { covers } from "../../protocol/statementRule.ts";
import type { Amount, BalanceProof, Fill, Round, TokenRoot } from "../../protocol/units.ts";
import { openingBalance } from "../model/evidence.ts";
import { lockedOf, totalOf } from "../model/funds.ts";
import { blockLimit, ordersLimit, placementsLimit } from "../model/orderLimits.ts";
import type { OrderRecord } from "../model/orderRecord.ts";
import type { OrderRef } from "../model/outcome.ts";
import {
  bookOf,
  type Client,
  type ClientRound,
  isWhole,
  oldestEvidence,
  orderState,
  type State,
  type Token,
  tokenSet,
  type Withdrawal,
} from "../model/state.ts";
import type {
  BalanceView,
  BookView,
  ClockView,
  CommitView,
  DisputeView,
  FlowView,
  OrderView,
  StatementView,
  TokenPair,
  TokenSums,
  TokenView,
  WithdrawalState,
  WithdrawalView,
} from "../model/viewTypes.ts";
import { haltBlockOf } from "../rounds/halt.ts";

export {
  coveredExecutions,
  disputeAnswer,
  evidenceAgainst,
  openingBalance,
} from "../model/evidence.ts";
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
    const total = totalOf(client, token);
    const locked = lockedOf(state, client, token);
    return { token, total, locked, free: total - locked };
  });
}

/** The client's deposits and requests of a round of r-2 .. r. */
export function flows(state: State, client: Address, token: Address, round: Round): FlowView {
  const flow = affairsOf(state, client, round)?.flows.get(token) ?? NO_FLOW;
  return { ...flow };
}

/** The rest of a client's limits; an unknown client has the whole of them. */
export function limits(state: State, address: Address) {
  const { round, block } = state.moment;
  const client = state.clients.get(address) ?? NO_CLIENT;
  const ofRound = (one: Round) => ({
    round: one,
    orders: ordersLimit(state, client, one),
    watermark: client.rounds.get(one)?.statement?.statement.watermark ?? null,
    placements: placementsLimit(client, one),
  });
  return {
    block,
    rounds: [ofRound(round), ofRound(round + 1)],
    blockPlacements: blockLimit(state, client),
  };
}

const NO_CLIENT: Pick<Client, "rounds" | "placed"> = {
  rounds: new Map(),
  placed: { block: 0, count: 0 },
};

/** An order of rounds r-2 .. r+1. */
export function order(state: State, ref: OrderRef): OrderView | undefined {
  const record = recordOf(state, ref);
  return record === undefined ? undefined : orderView(state, record);
}

/**
 * The client's orders of a round of r-2 .. r+1, in order of arrival; `uncovered`: only those that
 * the last statement does not cover.
 */
export function orders(state: State, owner: Address, round: Round, uncovered = false): OrderView[] {
  const affairs = affairsOf(state, owner, round);
  const statement = uncovered ? affairs?.statement?.statement : undefined;
  return [...(affairs?.orders.values() ?? [])]
    .filter(({ id }) => statement === undefined || !covers(statement, id))
    .map((record) => orderView(state, record));
}

/** The last statement countersigned of a round of r-2 .. r, if there is one. */
export function statement(state: State, client: Address, round: Round): StatementView | undefined {
  return affairsOf(state, client, round)?.statement;
}

function orderView(state: State, record: OrderRecord): OrderView {
  const { order, side, terms, placedMs, sold, bought } = record;
  const price = BigInt(record.price);
  const sequence = BigInt(record.sequence);
  const current = orderState(state, record);
  const reason = record.reason ?? (current === "expired" ? "roundEnded" : undefined);
  return { order, side, price, state: current, terms, reason, placedMs, sold, bought, sequence };
}

/** The order's cumulative executions, for the operator to sign; undefined before the first. */
export function fill(state: State, ref: OrderRef): Fill | undefined {
  const record = recordOf(state, ref);
  return record === undefined || record.sequence === 0 ? undefined : fillOf(record);
}

/** Fills of the client's orders of a round, in order of arrival of the orders. */
export function fills(state: State, owner: Address, round: Round): Fill[] {
  const records = [...(affairsOf(state, owner, round)?.orders.values() ?? [])];
  return records.filter((record) => record.sequence > 0).map(fillOf);
}

function fillOf(record: OrderRecord): Fill {
  const { order, sold, bought, sequence } = record;
  const { owner, round } = order;
  return { orderHash: orderHash(order), owner, round, sold, bought, sequence: BigInt(sequence) };
}

function recordOf(state: State, { owner, round, id }: OrderRef): OrderRecord | undefined {
  return affairsOf(state, owner, round)?.orders.get(id);
}

/** The client's kept affairs of a round; undefined once it is too old to be evidence. */
function affairsOf(state: State, client: Address, round: Round): ClientRound | undefined {
  if (round < oldestEvidence(state)) return undefined;
  return state.clients.get(client)?.rounds.get(round);
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
  const asked = filter.client === undefined ? requestersOf(state) : one === undefined ? [] : [one];
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

function requestersOf({ requesters, clientList }: State): Client[] {
  return [...requesters].sort((a, b) => a - b).map((index) => clientList[index] as Client);
}

function withdrawalView({ evidence: _, ...view }: Withdrawal): WithdrawalView {
  return view;
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

/**
 * Whether roots and proofs of `round` are there without a hash: see `prepareTrees`. False while
 * blocks are half applied: a cancellation among the logs that follow changes the tree.
 */
export function areTreesHashed(state: State, round: Round): boolean {
  if (!isWhole(state)) return false;
  return tokenSet(state, round).every((token) => token.frozen.get(round)?.isHashed !== false);
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
 * All leaves of `round` (of r-3 .. r), by token; undefined where they are not kept. Work grows with
 * clients and tokens.
 */
export function leavesOf(state: State, round: Round) {
  const tokens: { token: Address; balances: Amount[] }[] = [];
  let most = 0;
  for (const { address, frozen } of tokenSet(state, round)) {
    const tree = frozen.get(round);
    if (tree === undefined) return undefined;
    most = Math.max(most, tree.leafCount);
    const balances = Array.from({ length: tree.leafCount }, (_, index) => tree.balanceOf(index));
    tokens.push({ token: address, balances });
  }
  if (tokens.length === 0) return undefined;
  return { clients: clients(state).slice(0, most), tokens };
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
