import { assert } from "./errors.ts";
import { type Parsed, parsed, unparsable } from "./parsed.ts";

/** Digits that any amount of the protocol has at most, and then some: longer text is no amount. */
const MAX_TEXT_LENGTH = 120;
const DECIMAL = /^(\d+)(?:\.(\d+))?$/;

/**
 * Reads a plain decimal number, as "1.25", into base units of a token with `decimals` decimals,
 * exactly: digits that the token cannot hold are refused, never rounded. No sign, no exponent.
 */
export function parseDecimal(text: string, decimals: number): Parsed<bigint> {
  assertDecimals(decimals);
  const match = text.length <= MAX_TEXT_LENGTH ? DECIMAL.exec(text) : null;
  if (match === null) {
    return unparsable(
      `${JSON.stringify(text.slice(0, MAX_TEXT_LENGTH))} is not an amount.`,
      "Give digits with at most one point, as 1.25: no sign, spaces, commas or exponent.",
    );
  }
  const whole = match[1] as string;
  const fraction = match[2] ?? "";
  if (fraction.length > decimals) {
    return unparsable(
      `${text} has ${fraction.length} digits after the point.`,
      decimals === 0
        ? "This token has none: give a whole number."
        : `This token has at most ${decimals}: leave out the last ${fraction.length - decimals}.`,
    );
  }
  return parsed(BigInt(whole + fraction.padEnd(decimals, "0")));
}

/** `amount` base units as a decimal number without trailing zeros; negative differences too. */
export function formatDecimal(amount: bigint, decimals: number): string {
  assertDecimals(decimals);
  const sign = amount < 0n ? "-" : "";
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return fraction === "" ? `${sign}${whole}` : `${sign}${whole}.${fraction}`;
}

function assertDecimals(decimals: number): void {
  const valid = Number.isInteger(decimals) && decimals >= 0 && decimals <= 255;
  assert(valid, () => `a token has 0 to 255 decimals, not ${decimals}.`);
}
