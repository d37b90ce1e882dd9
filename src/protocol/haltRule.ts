/**
 * When the Mediator is HALTED: a pure function of the block number and the commits and closings so
 * far (docs/protocol.md section 2), so that the moment of the query does not matter.
 */
import { firstBlockOf, momentOf } from "./rounds.ts";
import type { BlockNumber, Moment, Round, Schedule } from "./units.ts";

/** The Mediator's record of commits and disputes. */
export interface Obligations {
  /**
   * The last round that owes no commit any more: every token of its set is committed, or its set
   * is empty, as that of round 0 and of every round up to the one that lists the first token.
   */
  readonly completedRound: Round;
  /** Tokens listed: while there is none, no commit is owed. */
  readonly tokenCount: number;
  /** Rounds in which disputes were opened that are not closed. */
  readonly openDisputeRounds: Iterable<Round>;
}

/**
 * The first block in which the Mediator is HALTED if nothing more is committed and closed;
 * undefined while nothing is owed. The block is always the first of a quarter 1, and commits and
 * closings in time only ever move it to a later round.
 */
export function haltBoundary(
  schedule: Schedule,
  obligations: Obligations,
): BlockNumber | undefined {
  let haltRound: Round | undefined;
  if (obligations.tokenCount > 0) haltRound = obligations.completedRound + 1;
  for (const round of obligations.openDisputeRounds) {
    if (haltRound === undefined || round + 1 < haltRound) haltRound = round + 1;
  }
  return haltRound === undefined ? undefined : firstBlockOf(schedule, haltRound, 1);
}

/** Whether the Mediator is HALTED in `block`. */
export function isHalted(boundary: BlockNumber | undefined, block: BlockNumber): boolean {
  return boundary !== undefined && block >= boundary;
}

/** The exchange's time in `block`: it stands still from the halt on. */
export function frozenMoment(
  schedule: Schedule,
  boundary: BlockNumber | undefined,
  block: BlockNumber,
): Moment {
  return momentOf(schedule, isHalted(boundary, block) ? (boundary as BlockNumber) : block);
}
