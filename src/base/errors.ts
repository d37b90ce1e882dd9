/**
 * Failures that are no refusals: an environment failure (`QuarterdeckError`) or something that
 * must always hold does not (`Alarm`). Refusals are data, see protocol/refusals.ts.
 */

export interface ErrorDetails {
  /** A word that stays the same over releases: for logs, metrics and tests. */
  readonly code: string;
  /** The event and the value concerned, as a sentence. */
  readonly message: string;
  /** The next step for the reader, as a sentence. */
  readonly hint: string;
  readonly cause?: unknown;
}

/** An environment or configuration failure. The message ends with the next step to take. */
export class QuarterdeckError extends Error {
  override readonly name: string = "QuarterdeckError";
  readonly code: string;
  readonly hint: string;

  constructor(details: ErrorDetails) {
    super(
      `${details.message} ${details.hint}`.trimEnd(),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = details.code;
    this.hint = details.hint;
  }
}

/** A broken invariant: the process must stop before it does harm, and an operator must act. */
export class Alarm extends QuarterdeckError {
  override readonly name: string = "Alarm";
}

const BROKEN_INVARIANT_HINT =
  "This must never happen: stop the node, keep its storage and logs as they are, and report it.";

/** Throws an `Alarm` unless `condition`. A function as `message` is only called when it fails. */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (condition) return;
  throw new Alarm({
    code: "BrokenInvariant",
    message: typeof message === "string" ? message : message(),
    hint: BROKEN_INVARIANT_HINT,
  });
}

/** Ends a `switch` that covers every member of a union: the compiler refuses a forgotten one. */
export function unreachable(value: never): never {
  throw new Alarm({
    code: "BrokenInvariant",
    message: `a case was forgotten: ${describe(value)}.`,
    hint: BROKEN_INVARIANT_HINT,
  });
}

function describe(value: unknown): string {
  return (
    JSON.stringify(value, (_, part) => (typeof part === "bigint" ? part.toString() : part)) ??
    String(value)
  );
}

/** The message of an error, or the text of any other thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same as `messageOf` gives, for the middle of a sentence or before its full stop. */
export function reasonOf(error: unknown): string {
  return clause(messageOf(error));
}

/** `text` without the full stop at its end: other libraries end their messages with one, or not. */
export function clause(text: string): string {
  return text.trimEnd().replace(/\.$/, "");
}

/** `text` with one full stop at its end. */
export function sentence(text: string): string {
  return `${clause(text)}.`;
}
