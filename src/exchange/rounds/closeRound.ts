import { assert } from "../../base/errors.ts";
import type { FrozenSumTree } from "../../protocol/sumTree.ts";
import type { Round, TokenRoot } from "../../protocol/units.ts";
import { lockedBy, type OrderRecord } from "../model/book.ts";
import { unlock } from "../model/funds.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import {
  clientOf,
  EVIDENCE_ROUNDS_BEHIND,
  FROZEN_ROUNDS_BEHIND,
  flowIn,
  type State,
  type Token,
  tokenSet,
} from "../model/state.ts";

/**
 * Ends the current round, whose withdrawals are decided: its orders expire, and every balance is
 * frozen as the opening of the next (docs/protocol.md section 9). Each tree's total must be the
 * Mediator's own sum. Work grows with open orders, clients, and balances changed since the last
 * round.
 */
export function closeRound(state: State, events: ExchangeEvent[]): void {
  const closed = state.moment.round;

  expireOrders(state, events);
  const roots = tokenSet(state, closed + 1).map((token) => freezeBalances(state, token, closed));
  forgetBefore(state, closed + 1);

  events.push({ what: "roundClosed", closed, roots });
}

function expireOrders(state: State, events: ExchangeEvent[]): void {
  const open: OrderRecord[] = [];
  for (const book of state.books) open.push(...book.orders());
  open.sort((a, b) => a.arrivalSeq - b.arrivalSeq);

  for (const record of open) {
    const { owner, round, id, sellToken } = record.order;
    record.book.remove(record);
    record.state = "expired";
    unlock(state, clientOf(state, owner), sellToken, lockedBy(record));
    events.push({ what: "orderExpired", owner, round, id });
  }
}

function freezeBalances(state: State, token: Token, closed: Round): TokenRoot {
  const { tree, changed, address } = token;
  const leafOf = (index: number) => {
    const client = state.clientList[index];
    assert(client !== undefined, () => `no client has leaf ${index}.`);
    return { client: client.address, balance: client.balances.get(address)?.total ?? 0n };
  };

  for (const index of changed) {
    if (index < tree.leafCount) tree.set(index, leafOf(index));
  }
  changed.clear();
  while (tree.leafCount < state.clientList.length) tree.append(leafOf(tree.leafCount));

  const { deposits, requested } = flowIn(token.flows, closed);
  token.expected += deposits - requested;
  const frozen: FrozenSumTree = tree.freeze();
  token.frozen.set(closed + 1, frozen);

  const root = { token: address, ...frozen.root() };
  assert(
    root.total === token.expected,
    () => `balances of ${address} are ${root.total} in all, A(${closed + 1}) ${token.expected}.`,
  );
  return root;
}

/** Drops what the chain cannot ask about any more once `round` is open. */
function forgetBefore(state: State, round: Round): void {
  for (const token of state.tokens.values()) {
    dropBefore(token.frozen, round - FROZEN_ROUNDS_BEHIND);
    dropBefore(token.flows, round - EVIDENCE_ROUNDS_BEHIND);
  }
  for (const client of state.clientList) {
    dropBefore(client.rounds, round - EVIDENCE_ROUNDS_BEHIND);
  }
}

function dropBefore(rounds: Map<Round, unknown>, oldest: Round): void {
  for (const round of rounds.keys()) if (round < oldest) rounds.delete(round);
}
