/** The sums that a client takes out of a HALTED Mediator (docs/protocol.md section 7). */

import type { Amount, Round } from "./units.ts";
import { confirmable } from "./withdrawalRule.ts";

/** How far back of a halt the commit lies that nobody can dispute any more. */
const ROUNDS_TO_CONFIRM = 2;

/** The rounds that count when the Mediator halted in a given round. */
export interface RecoveryPlan {
  /**
   * The round of the commit whose balances are paid; undefined where no commit is old enough, and
   * deposits are all there is.
   */
  readonly commitRound: Round | undefined;
  /** The rounds whose deposits are paid back, ascending. */
  readonly depositRounds: readonly Round[];
}

/** The debt of a HALTED Mediator to one client in one token: three sums, paid separately. */
export interface Recoverable {
  /** `recoverBalance`. */
  readonly balance: Amount;
  /** `recoverDeposits`. */
  readonly deposits: Amount;
  /** `confirmWithdrawal`: the active request, 0 where it is void. */
  readonly withdrawal: Amount;
}

/** One client's affairs of one token, as chain and proofs show them. */
export interface Claims {
  /** The client's balance in the commit of `commitRound`, 0 where there is none. */
  readonly opening: Amount;
  /** The client's deposits by round. */
  readonly deposits: ReadonlyMap<Round, Amount>;
  /** The client's active request, neither paid nor cancelled. */
  readonly request: { readonly round: Round; readonly amount: Amount } | undefined;
}

/** The first commit is that of round 1: a halt in round 2 or before leaves deposits only. */
export function recoveryPlan(haltRound: Round): RecoveryPlan {
  const oldest = haltRound - ROUNDS_TO_CONFIRM;
  const depositRounds: Round[] = [];
  for (let round = Math.max(0, oldest); round <= haltRound; round++) depositRounds.push(round);
  return { commitRound: oldest >= 1 ? oldest : undefined, depositRounds };
}

/** Whether a request not yet paid is void: its money is inside the balances of `commitRound`. */
export function isVoid(requestRound: Round, haltRound: Round): boolean {
  return !confirmable(requestRound, FROZEN, haltRound);
}

// `confirmable` reads no moment when HALTED.
const FROZEN = { block: 0, round: 0, quarter: 1 } as const;

export function recoverable(haltRound: Round, claims: Claims): Recoverable {
  const { commitRound, depositRounds } = recoveryPlan(haltRound);
  const { request } = claims;
  let deposits = 0n;
  for (const round of depositRounds) deposits += claims.deposits.get(round) ?? 0n;
  return {
    balance: commitRound === undefined ? 0n : claims.opening,
    deposits,
    withdrawal: request === undefined || isVoid(request.round, haltRound) ? 0n : request.amount,
  };
}
