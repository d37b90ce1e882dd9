import { assert } from "../../base/errors.ts";
import type { Round, TokenRoot } from "../../protocol/units.ts";
import type { OrderRecord } from "../model/orderRecord.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import {
  EVIDENCE_ROUNDS_BEHIND,
  FROZEN_ROUNDS_BEHIND,
  flowIn,
  type State,
  type Token,
  tokenSet,
} from "../model/state.ts";
import { finishTree } from "./prepareTrees.ts";

/** Clients whose past is forgotten at once. */
const FORGOTTEN_AT_ONCE = 1024;

/**
 * Ends the current round, whose withdrawals are decided: its orders expire, and every balance is
 * frozen as the opening of the next (docs/protocol.md section 9). Each tree's total must be the
 * Mediator's own sum. Gives the orders that expired.
 *
 * Nobody may have to wait for it, so the work grows with the tokens, and with the balances that
 * `prepareTrees` has not written yet: orders and locks say of which round they are, the trees are
 * hashed afterwards, and `forgetSome` forgets the past little by little.
 */
export function closeRound(state: State, events: ExchangeEvent[]): Iterable<OrderRecord> {
  const closed = state.moment.round;

  const books = state.books.map((book) => book.clear());
  const trees = tokenSet(state, closed + 1).map((token) => {
    freezeBalances(state, token, closed);
    return { token: token.address, tree: token.tree };
  });
  forgetBefore(state, closed + 1);

  events.push({
    what: "roundClosed",
    closed,
    get roots(): readonly TokenRoot[] {
      return trees.map(({ token, tree }) => ({ token, ...tree.root() }));
    },
  });
  return {
    *[Symbol.iterator]() {
      for (const records of books) yield* records;
    },
  };
}

function freezeBalances(state: State, token: Token, closed: Round): void {
  const { deposits, requested } = flowIn(token.flows, closed);
  token.expected += deposits - requested;
  const tree = finishTree(state, token);
  token.frozen.set(closed + 1, tree);
  assert(
    tree.total === token.expected,
    () => `${token.address}: balances of ${tree.total}, A(${closed + 1}) is ${token.expected}.`,
  );
}

/** Drops what the chain cannot ask about any more once `round` is open. */
function forgetBefore(state: State, round: Round): void {
  for (const token of state.tokens.values()) {
    for (const [of, tree] of token.frozen) {
      if (of >= round - FROZEN_ROUNDS_BEHIND) continue;
      token.frozen.delete(of);
      tree.release();
    }
    dropBefore(token.flows, round - EVIDENCE_ROUNDS_BEHIND);
  }
  for (const [key, { round: of }] of state.presented) {
    if (of < round - EVIDENCE_ROUNDS_BEHIND) state.presented.delete(key);
  }
  state.forgetting.left = state.clientList.length;
  forgetSome(state, FORGOTTEN_AT_ONCE, round);
}

/**
 * Drops rounds that are no evidence any more, of up to `limit` clients that were not looked at
 * since the last round ended. Nothing that can be asked for changes: queries leave such rounds out.
 */
export function forgetSome(state: State, limit: number, round: Round = state.moment.round): void {
  const { forgetting, clientList } = state;
  for (let i = 0; i < limit && forgetting.left > 0; i++) {
    if (forgetting.next >= clientList.length) forgetting.next = 0;
    const client = clientList[forgetting.next];
    if (client !== undefined) dropBefore(client.rounds, round - EVIDENCE_ROUNDS_BEHIND);
    forgetting.next += 1;
    forgetting.left -= 1;
  }
}

function dropBefore(rounds: Map<Round, unknown>, oldest: Round): void {
  for (const round of rounds.keys()) if (round < oldest) rounds.delete(round);
}
