/** A finding of the doctor about one thing that it examined. */
import { messageOf, QuarterdeckError } from "../../base/errors.ts";

/** `warn`: it works, and will not for long or not under stress. `fail`: do not start. */
export type FindingState = "ok" | "warn" | "fail";

export interface Finding {
  /** A word or two that stay the same over releases. */
  readonly check: string;
  readonly state: FindingState;
  readonly detail: string;
  /** The next step to take; undefined where all is well. */
  readonly hint: string | undefined;
}

export function fine(check: string, detail: string): Finding {
  return { check, state: "ok", detail, hint: undefined };
}

export function warning(check: string, detail: string, hint: string): Finding {
  return { check, state: "warn", detail, hint };
}

export function failure(check: string, detail: string, hint: string): Finding {
  return { check, state: "fail", detail, hint };
}

/** The finding for something thrown: our own errors bring their hint with them. */
export function failureOf(check: string, error: unknown): Finding {
  if (error instanceof QuarterdeckError) {
    const detail = error.message.slice(0, -error.hint.length).trimEnd();
    return failure(check, detail, error.hint);
  }
  const detail = messageOf(error);
  return failure(check, detail, "Look at the message; if it says nothing to you, report it.");
}

/** Runs one check; what it throws becomes its finding. */
export async function looking(
  check: string,
  inspect: () => Promise<readonly Finding[]> | readonly Finding[],
): Promise<readonly Finding[]> {
  try {
    return await inspect();
  } catch (error) {
    return [failureOf(check, error)];
  }
}

/** A line for each, with its hint below it, and how many there are. */
export function shownFindings(findings: readonly Finding[]): string {
  const count = (state: FindingState) => findings.filter((one) => one.state === state).length;
  const sum = `${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failures\n`;
  return findings.map(lineOf).join("") + sum;
}

const SHOWN: Readonly<Record<FindingState, string>> = { ok: "ok  ", warn: "WARN", fail: "FAIL" };

function lineOf({ check, state, detail, hint }: Finding): string {
  const line = `${SHOWN[state]}  ${check.padEnd(16)}${detail}\n`;
  return hint === undefined ? line : `${line}      ${"".padEnd(16)}${hint}\n`;
}
