/** How commands end when they cannot go on: what happened, what to do, and a non-zero code. */
import { QuarterdeckError } from "../base/errors.ts";

/**
 * Exit code of a failure that no restart corrects: an operator must change the configuration first,
 * or restore the journal. A supervisor should not restart after it (`RestartPreventExitStatus` of
 * systemd).
 */
export const EXIT_CONFIGURATION = 78;
const EXIT_FAILURE = 1;
const CONFIGURATION_CODES: readonly string[] = [
  "BadConfiguration",
  "BadOption",
  "ForeignFolder",
  "NotAFolder",
  "OtherExchange",
  "WrongJournal",
  "BadPlan",
  "BadManifest",
  "BadRecord",
  "AnotherDeployment",
  "DatabaseSessionless",
  // Started again, the operator would not remember the records that the journal has lost, and build
  // on the rest.
  "JournalWentBack",
  "JournalChanged",
  "BadKeystore",
  "EmptyPassword",
  "KeyFileExposed",
  "KeystoreDamaged",
  "WrongPassword",
];

/**
 * Prints the error, `details` below it, and ends the process. Stack traces only for our own faults.
 */
export function fail(error: unknown, details: readonly string[] = []): never {
  const known = error instanceof QuarterdeckError;
  const text = error instanceof Error ? (known ? error.message : error.stack) : String(error);
  process.stderr.write(`${[`quarterdeck: ${text}`, ...details].join("\n")}\n`);
  process.exit(exitCodeOf(error));
}

export function exitCodeOf(error: unknown): number {
  const isConfiguration =
    error instanceof QuarterdeckError && CONFIGURATION_CODES.includes(error.code);
  return isConfiguration ? EXIT_CONFIGURATION : EXIT_FAILURE;
}
