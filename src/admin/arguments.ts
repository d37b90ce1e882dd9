/** Arguments of the operators' commands, parsed. */
import { parseAddress } from "../base/address.ts";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";

/** Throws a `QuarterdeckError` with code `BadOption`. */
export function addressOf(text: string): Address {
  const outcome = parseAddress(text);
  if (outcome.ok) return outcome.value;
  throw badOption(`${text}: ${outcome.problem}`, outcome.hint);
}

/** A whole number, of the argument `name`. Throws a `QuarterdeckError` with code `BadOption`. */
export function wholeOf(name: string, text: string): number {
  if (/^[0-9]{1,10}$/.test(text)) return Number(text);
  throw badOption(`${name} is "${text}".`, "Give a whole number.");
}

export function badOption(message: string, hint: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadOption", message, hint });
}
