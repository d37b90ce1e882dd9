import { haltBoundary, isHalted } from "../../protocol/haltRule.ts";
import { momentOf } from "../../protocol/rounds.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import type { State } from "../model/state.ts";

/** First block in which the Mediator is HALTED if nothing more is committed and closed. */
export function haltBlockOf(state: State): BlockNumber | undefined {
  return haltBoundary(state.genesis.schedule, {
    completedRound: state.completedRound,
    tokenCount: state.tokens.size,
    openDisputeRounds: Array.from(state.disputes.values(), (dispute) => dispute.round),
  });
}

/**
 * Halts at a quarter boundary if an obligation was missed before it (docs/protocol.md section 2):
 * time
 * stands still from there on, and nothing trades any more. Says whether it did. Work grows with
 * the open disputes.
 */
export function halt(state: State, boundary: BlockNumber, events: ExchangeEvent[]): boolean {
  if (!isHalted(haltBlockOf(state), boundary)) return false;

  const { round } = state.moment;
  state.moment = momentOf(state.genesis.schedule, boundary);
  state.halted = { round, block: boundary };

  events.push({ what: "halted", round, block: boundary });
  return true;
}
