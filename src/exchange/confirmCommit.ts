import { assert } from "../base/errors.ts";
import type { CommittedLog } from "../protocol/chainLog.ts";
import type { Happening } from "./outcome.ts";
import { type State, tokenOf, tokenSet } from "./state.ts";

/**
 * Compares a committed root with our own, and marks the round complete with its last token. A
 * difference means that somebody committed balances which this journal does not give: nothing may
 * go on from there. Work grows with the tokens.
 */
export function confirmCommit(state: State, log: CommittedLog, happenings: Happening[]): void {
  const { round, quarter } = state.moment;
  const token = tokenOf(state, log.token);
  const own = token.frozen.get(log.round)?.root();
  assert(quarter === 0, () => `${log.token} was committed in quarter ${quarter}.`);
  assert(own !== undefined, () => `${log.token} was committed, and is not of ${log.round}.`);
  assert(token.committedRound !== log.round, () => `${log.token} was committed twice.`);
  assert(
    own.node === log.node && own.total === log.total && own.leafCount === log.leafCount,
    () =>
      `the commit of ${log.token} in round ${log.round} is ${log.node}, ${log.total}, ` +
      `${log.leafCount} leaves; ours is ${own.node}, ${own.total}, ${own.leafCount} leaves.`,
  );

  token.committedRound = log.round;
  happenings.push({ what: "commitConfirmed", log });

  const complete = tokenSet(state, round).every((other) => other.committedRound === round);
  if (!complete) return;
  state.completedRound = round;
  happenings.push({ what: "roundCommitted", round });
}
