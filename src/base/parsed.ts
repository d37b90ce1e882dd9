import { QuarterdeckError } from "./errors.ts";

/** The result of reading text from outside: the value, or the fault and how to correct it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string; readonly hint: string };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function unparsable(problem: string, hint: string): Parsed<never> {
  return { ok: false, problem, hint };
}

/**
 * The value; throws a `QuarterdeckError` with code `BadInput` where there is none. For places in
 * which wrong text is a failure, as in configuration. `what` names the text: "the Mediator's
 * address".
 */
export function parsedOrThrow<T>(outcome: Parsed<T>, what: string): T {
  if (outcome.ok) return outcome.value;
  throw new QuarterdeckError({
    code: "BadInput",
    message: `Cannot read ${what}: ${outcome.problem}`,
    hint: outcome.hint,
  });
}
