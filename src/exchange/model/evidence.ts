/** The operator's evidence for the Mediator: that a request overdraws, or how a round added up. */
import { assert } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { TokenAccount } from "../../protocol/disputeRule.ts";
import type { Round, SignedOrder } from "../../protocol/units.ts";
import { cancelWindow, overdrawn } from "../../protocol/withdrawalRule.ts";
import type { OrderRecord } from "./book.ts";
import { type Client, disputeKey, type State, type Token, tokenOf, tokenSet } from "./state.ts";
import type { DisputeAnswerView, EvidenceView, ExecutionView } from "./viewTypes.ts";

/**
 * The fewest orders that prove a refused request overdrawn, ascending by (round, id), as
 * `cancelWithdrawal` takes them; undefined where no request of that client is refused. That they
 * suffice is argued in decideWithdrawals.ts, and asserted. Work grows with the client's orders.
 */
export function evidenceAgainst(
  state: State,
  address: Address,
  token: Address,
): EvidenceView | undefined {
  const client = state.clients.get(address);
  const withdrawal = client?.withdrawals.get(token);
  if (client === undefined || withdrawal?.state !== "refused") return undefined;

  const { round, amount, opening } = withdrawal;
  const candidates = [...ordersOf(client, round - 1), ...ordersOf(client, round)]
    .filter(({ order }) => order.sellToken === token)
    .sort(bySize);
  const chosen: SignedOrder[] = [];
  for (const { order, signature } of candidates) {
    if (isEnough(chosen)) break;
    chosen.push({ order, signature });
  }
  assert(isEnough(chosen), () => `the request of ${address} was refused without evidence.`);

  const orders = chosen.sort(byRoundAndId);
  return { ...withdrawal, orders, ...cancelWindow(state.genesis.schedule, round) };

  function isEnough(some: readonly SignedOrder[]): boolean {
    return overdrawn(
      amount,
      opening,
      some.map(({ order }) => order.sellAmount),
    );
  }
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

  const executions: ExecutionView[] = ordersOf(client, disputedRound)
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
  };
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
  return compare(b.order.sellAmount, a.order.sellAmount) || byRoundAndId(a, b);
}

function byRoundAndId(a: SignedOrder, b: SignedOrder): number {
  return a.order.round - b.order.round || compare(a.order.id, b.order.id);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
