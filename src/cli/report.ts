/** How commands end when they cannot go on: what happened, what to do, and a non-zero code. */
import { QuarterdeckError } from "../base/errors.ts";

/** Prints the error and ends the process with code 1. Stack traces only for our own faults. */
export function fail(error: unknown): never {
  const known = error instanceof QuarterdeckError;
  const text = error instanceof Error ? (known ? error.message : error.stack) : String(error);
  process.stderr.write(`quarterdeck: ${text}\n`);
  process.exit(1);
}
