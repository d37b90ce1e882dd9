/** The operator's evidence for the Mediator: that a request overdraws, or how a round added up. */

import { ZERO_ADDRESS } from "../../base/address.ts";
import { assert } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { TokenAccount } from "../../protocol/disputeRule.ts";
import { covers, netSold } from "../../protocol/statementRule.ts";
import type { Round } from "../../protocol/units.ts";
import { cancelWindow } from "../../protocol/withdrawalRule.ts";
import type { OrderRecord } from "./orderRecord.ts";
import {
  type Client,
  disputeKey,
  type OrderName,
  orderOf,
  orderState,
  presentedKey,
  type RefusalEvidence,
  type State,
  type Token,
  tokenOf,
  tokenSet,
} from "./state.ts";
import type {
  DisputeAnswerView,
  EvidenceView,
  ExecutionView,
  WithdrawalView,
} from "./viewTypes.ts";

/**
 * The evidence that a refused request is overdrawn, as it was when the request was decided;
 * undefined where no request of that client is refused. Work grows with the client's orders.
 */
export function evidenceAgainst(
  state: State,
  address: Address,
  token: Address,
): EvidenceView | undefined {
  const client = state.clients.get(address);
  const withdrawal = client?.withdrawals.get(token);
  if (client === undefined || withdrawal?.state !== "refused") return undefined;

  const { evidence, ...view } = withdrawal;
  const { round } = view;
  // A version without statements decided it: each of its orders is evidence.
  const { statements, orders } = evidence ?? { statements: [], orders: allOf(client, view) };
  const presented = state.presented.get(presentedKey(address, token, round))?.covers ?? [];
  const signed = orders.map((one) => {
    const { order, signature } = orderOf(state, { owner: address, ...one });
    return { order, signature };
  });
  const window = cancelWindow(state.genesis.schedule, round);
  return { ...view, orders: signed, statements, presented, ...window };
}

function allOf(client: Client, { round, token }: WithdrawalView): readonly OrderName[] {
  return [...ordersOf(client, round - 1), ...ordersOf(client, round)]
    .filter(({ sellToken }) => sellToken === token)
    .map(({ round: of, id }) => ({ round: of, id }))
    .sort(byRoundAndId);
}

/**
 * The evidence that a request which does not fit the free balance is overdrawn: the statements of
 * both rounds, and the fewest of the orders beside them that are open or were executed. That it
 * suffices is argued in decideWithdrawals.ts, and asserted.
 */
export function evidenceNow(
  state: State,
  client: Client,
  { token, round, amount, opening }: WithdrawalView,
): RefusalEvidence {
  const statements = [round - 1, round].flatMap((one) => {
    const kept = client.rounds.get(one)?.statement;
    return kept === undefined ? [] : [{ statement: kept.statement, signature: kept.signature }];
  });
  const candidates = [round - 1, round]
    .flatMap((one) => [...(client.rounds.get(one)?.counted.values() ?? [])])
    .filter((record) => record.sellToken === token)
    .filter((record) => record.sold > 0n || orderState(state, record) === "open")
    .sort(bySize);
  let claimed = amount;
  for (const { statement } of statements) claimed += netSold(statement, token);
  const chosen: OrderRecord[] = [];
  for (const record of candidates) {
    if (claimed > opening) break;
    chosen.push(record);
    claimed += record.sellAmount;
  }
  const { address } = client;
  assert(claimed > opening, () => `the request of ${address} was refused without evidence.`);
  const orders = chosen.sort(byRoundAndId).map(({ round: of, id }) => ({ round: of, id }));
  return { statements, orders };
}

/**
 * All that answers an open dispute; undefined where there is none. `presented` of the answer that
 * protocol/disputeRule.ts checks comes from the chain. Work grows with the client's orders.
 */
export function disputeAnswer(
  state: State,
  address: Address,
  round: Round,
): DisputeAnswerView | undefined {
  const dispute = state.disputes.get(disputeKey(address, round));
  if (dispute === undefined) return undefined;
  const client = state.clients.get(address);
  const disputedRound = round - 1;

  const affairs = client?.rounds.get(disputedRound);
  const kept = affairs?.statement;
  const executions: ExecutionView[] = [...(affairs?.counted.values() ?? [])]
    .filter((record) => record.sold > 0n)
    .map(({ order, signature, sold, bought }) => ({ order, signature, sold, bought }))
    .sort((a, b) => compare(a.order.id, b.order.id));
  return {
    ...dispute,
    disputedRound,
    leafIndex: client?.leafIndex,
    tokens: tokenSet(state, round).map((token) => accountOf(client, token, disputedRound)),
    openingTokens: tokenSet(state, disputedRound).map((token) => token.address),
    executions,
    statement: kept?.statement,
    signedStatement: kept && { statement: kept.statement, signature: kept.signature },
    presentedCover: state.presented.get(presentedKey(address, ZERO_ADDRESS, round))?.covers[0],
  };
}

/**
 * Orders that the statement of an answer covers and that were executed, ascending by id: of these a
 * client may have presented fills. Work grows with the client's orders.
 */
export function coveredExecutions(
  state: State,
  { client: address, disputedRound, statement }: DisputeAnswerView,
): ExecutionView[] {
  if (statement === undefined) return [];
  return ordersOf(state.clients.get(address), disputedRound)
    .filter(({ id, sold }) => sold > 0n && covers(statement, id))
    .map(({ order, signature, sold, bought }) => ({ order, signature, sold, bought }))
    .sort((a, b) => compare(a.order.id, b.order.id));
}

function accountOf(client: Client | undefined, token: Token, disputed: Round): TokenAccount {
  const flow = client?.rounds.get(disputed)?.flows.get(token.address);
  return {
    token: token.address,
    opening: frozenBalance(client, token, disputed),
    deposits: flow?.deposits ?? 0n,
    requested: flow?.requested ?? 0n,
    closing: frozenBalance(client, token, disputed + 1),
  };
}

function frozenBalance(client: Client | undefined, token: Token, round: Round): bigint {
  const tree = token.frozen.get(round);
  const inside = client !== undefined && tree !== undefined && client.leafIndex < tree.leafCount;
  return inside ? tree.balanceOf(client.leafIndex) : 0n;
}

/** The client's opening balance of a round still kept; undefined where it had no leaf. */
export function openingBalance(
  state: State,
  address: Address,
  token: Address,
  round: Round,
): bigint | undefined {
  const client = state.clients.get(address);
  const tree = state.tokens.has(token) ? tokenOf(state, token).frozen.get(round) : undefined;
  if (client === undefined || tree === undefined) return undefined;
  return client.leafIndex < tree.leafCount ? tree.balanceOf(client.leafIndex) : undefined;
}

function ordersOf(client: Client | undefined, round: Round): OrderRecord[] {
  return [...(client?.rounds.get(round)?.orders.values() ?? [])];
}

function bySize(a: OrderRecord, b: OrderRecord): number {
  return compare(b.sellAmount, a.sellAmount) || byRoundAndId(a, b);
}

function byRoundAndId(a: OrderName, b: OrderName): number {
  return a.round - b.round || compare(a.id, b.id);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
