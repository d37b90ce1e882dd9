import type { CommittedLog } from "../../protocol/chainLog.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import { type State, tokenOf, tokenSet } from "../model/state.ts";

/**
 * Notes that our own root was committed (logRules.ts compares it), and marks the round complete
 * with its last token. Work grows with the tokens.
 */
export function confirmCommit(state: State, log: CommittedLog, events: ExchangeEvent[]): void {
  const { round } = state.moment;
  const token = tokenOf(state, log.token);
  token.committedRound = log.round;
  events.push({ what: "commitConfirmed", log });

  const complete = tokenSet(state, round).every((other) => other.committedRound === round);
  if (!complete) return;
  state.completedRound = round;
  events.push({ what: "roundCommitted", round });
}
