/** Numbers as bots write them, on the grid of a market: exact, whatever the size of a step. */
import { formatDecimal } from "../base/decimal.ts";
import { UnifiedError } from "./errors.ts";

/** `cut`: towards zero, as amounts are; `nearest`: as prices are. */
export type Rounding = "cut" | "nearest";

const NUMBER = /^(\d+)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?$/i;

interface Ratio {
  readonly above: bigint;
  readonly below: bigint;
}

/** A number, or its digits as text, as a fraction. Throws `InvalidOrder`. */
function ratioOf(field: string, value: unknown): Ratio {
  const text = typeof value === "number" ? String(value) : value;
  const [, whole, part = "", exponent = "0"] =
    (typeof text === "string" ? NUMBER.exec(text.trim()) : null) ?? [];
  if (whole === undefined) {
    throw new UnifiedError("InvalidOrder", `${field}: ${String(value)} is no number above 0.`);
  }
  const power = Number(exponent) - part.length;
  const digits = BigInt(whole + part);
  return power >= 0
    ? { above: digits * 10n ** BigInt(power), below: 1n }
    : { above: digits, below: 10n ** BigInt(-power) };
}

/**
 * `value` as text, moved to a multiple of `step` (both of `decimals` decimals). Throws
 * `InvalidOrder` where nothing is left.
 */
export function toStep(
  field: string,
  value: unknown,
  { step, decimals }: { readonly step: bigint; readonly decimals: number },
  rounding: Rounding,
): string {
  const { above, below } = ratioOf(field, value);
  const wanted = above * 10n ** BigInt(decimals);
  const unit = below * step;
  const steps = rounding === "cut" ? wanted / unit : (2n * wanted + unit) / (2n * unit);
  if (steps > 0n) return formatDecimal(steps * step, decimals);
  const least = formatDecimal(step, decimals);
  throw new UnifiedError("InvalidOrder", `${field}: ${value} is below the least step, ${least}.`);
}
