/** A health check probes one thing that the node lives on and gives values to be judged. */
import { messageOf } from "../../base/errors.ts";
import type { CheckValue, Levels } from "./level.ts";

/** One value of one probe. */
export interface Reading {
  /** Name of the check, as in `/health`, alerts and the label of `quarterdeck_check_state`. */
  readonly check: string;
  readonly levels: Levels;
  /** Undefined when it could not be read; `detail` says why. */
  readonly value: CheckValue | undefined;
  /** The value in words, with its unit. */
  readonly detail: string;
  /** The next step when the level is bad, as a sentence. */
  readonly hint: string;
}

export interface Check {
  readonly name: string;
  /** Sets its metrics, and gives a reading for each of its checks. */
  probe(): readonly Reading[] | Promise<readonly Reading[]>;
  stop?(): void;
}

/** Levels of a yes-or-no check: 1 is a failure, at once; 0 is well. */
export const FAILS_AT_ONCE: Levels = {
  bad: "above",
  warn: { raise: 1, clear: 0 },
  failed: { raise: 1, clear: 0 },
  raiseAfter: 1,
  clearAfter: 1,
};

/** The next step where endpoints contradict each other in what only the owner can put right. */
export const DISAGREE_HINT =
  "Look at the chain through a source of somebody else's before you act, and take the endpoint " +
  "that is wrong out of the configuration.";

export function problemOf(error: unknown): string {
  const text = messageOf(error);
  return text.split("\n")[0] as string;
}
