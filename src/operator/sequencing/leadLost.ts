import {
  FencedOff,
  JournalStopped,
  StorageFailure,
  type StorageFailureCode,
} from "../../journal/errors.ts";

/** Shared journals alone fail with these. */
const OUTAGES: readonly StorageFailureCode[] = ["DatabaseUnreachable", "DatabaseUnwritable"];

/**
 * Whether `error` only says that this operator cannot write to the shared journal any more, while
 * another can, or this one later: no reason to end the process.
 */
export function isLeadLost(error: unknown): boolean {
  if (error instanceof FencedOff) return true;
  if (error instanceof JournalStopped) return error.cause === undefined || isLeadLost(error.cause);
  return error instanceof StorageFailure && OUTAGES.includes(error.code);
}
