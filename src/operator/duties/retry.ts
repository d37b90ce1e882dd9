/** When a duty that failed is tried again, and when that was once too often. Pure. */
import { QuarterdeckError, reasonOf } from "../../base/errors.ts";
import type { BlockNumber } from "../../protocol/units.ts";

/** Exponential back-off, at most this share of the blocks left. */
const MAX_BACKOFF_SHARE = 1 / 8;

/** How often a duty failed, and how it did last. */
export interface DutyFailure {
  /** Failed tries that count: waiting for others, or for the slot, does not. */
  readonly tries: number;
  /** Block of the first try. */
  readonly since: BlockNumber;
  readonly problem: Error;
  /** Not tried again before this block. */
  readonly retryAtBlock: BlockNumber;
}

/** A duty could not be carried out however often it was tried. The process must end. */
export class DutyFailed extends QuarterdeckError {
  override readonly name = "DutyFailed";

  constructor(what: string, failure: DutyFailure, head: BlockNumber, deadlineBlock: BlockNumber) {
    const { tries, since, problem } = failure;
    super({
      code: "DutyFailed",
      message:
        `${what} failed ${tries} times since block ${since}; at block ${head} ` +
        `${deadlineBlock - head} blocks are left until its deadline. Last: ${reasonOf(problem)}.`,
      hint: "Look at the last error, correct it, and start the operator again: it goes on from there.",
      cause: problem,
    });
  }
}

/** One try that failed. */
export interface FailedTry {
  readonly problem: Error;
  /** Head when the try began, and now. */
  readonly begun: BlockNumber;
  readonly head: BlockNumber;
  readonly deadlineBlock: BlockNumber;
  /** True if the failure counts towards the most tries. */
  readonly counts: boolean;
}

/** The duty's failures with one try more. */
export function afterFailure(before: DutyFailure | undefined, failed: FailedTry): DutyFailure {
  const { problem, begun, head, deadlineBlock, counts } = failed;
  const tries = (before?.tries ?? 0) + (counts ? 1 : 0);
  const longest = Math.max(1, Math.floor((deadlineBlock - head) * MAX_BACKOFF_SHARE));
  const backoff = counts ? Math.min(2 ** Math.max(0, tries - 1), longest) : 1;
  return { tries, since: before?.since ?? begun, problem, retryAtBlock: head + backoff };
}
