/** Whole numbers in the form that a machine handles fast, where that form is exact. */

/** A whole number that is not below 0, in the form that is fast where that is exact. */
export type Exact = number | bigint;

/** One form for each number; `<`, `>` and `===` compare forms as the numbers compare. */
export function exact(value: bigint): Exact {
  // A value that is not exact is beyond 2^53 however it was rounded.
  const number = Number(value);
  return number <= Number.MAX_SAFE_INTEGER ? number : value;
}

export function sum(a: Exact, b: Exact): Exact {
  if (typeof a === "number" && typeof b === "number") {
    const both = a + b;
    if (both <= Number.MAX_SAFE_INTEGER) return both;
  }
  return exact(BigInt(a) + BigInt(b));
}

/** `a - b`, where `b` is not above `a`. */
export function difference(a: Exact, b: Exact): Exact {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return exact(BigInt(a) - BigInt(b));
}
