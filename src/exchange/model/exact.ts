/** Whole numbers in the form that a machine handles fast, where that form is exact. */

/** A whole number that is not below 0, in the form that is fast where that is exact. */
export type Exact = number | bigint;

const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** The same for the same number, and of another one never; `<` and `>` compare both forms rightly. */
export function exact(value: bigint): Exact {
  return value <= MAX_EXACT ? Number(value) : value;
}
