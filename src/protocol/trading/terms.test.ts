import { expect, test } from "vitest";
import {
  DEFAULT_TERMS,
  FIRST_TERMS_ID,
  idHasTerms,
  isSameTerms,
  isTag,
  LAST_TERMS_ID,
  termsOf,
} from "./terms.ts";

test("ids of orders with terms are one range of 2^48", () => {
  expect(LAST_TERMS_ID - FIRST_TERMS_ID + 1n).toBe(2n ** 48n);
  for (const id of [FIRST_TERMS_ID, FIRST_TERMS_ID + 5n, LAST_TERMS_ID]) {
    expect(idHasTerms(id)).toBe(true);
  }
  for (const id of [0n, 1n, FIRST_TERMS_ID - 1n, LAST_TERMS_ID + 1n, 2n ** 64n - 1n]) {
    expect(idHasTerms(id)).toBe(false);
  }
});

test.each([
  ["mm-1", true],
  ["x".repeat(36), true],
  [" ", true],
  ["", false],
  ["x".repeat(37), false],
  ["naïve", false],
  ["two\nlines", false],
])("%j is a tag: %s", (text, is) => {
  expect(isTag(text)).toBe(is);
});

test("each field makes terms others", () => {
  const changes = [
    { timeInForce: "ioc" },
    { goodTillBlock: 7 },
    { selfTrade: "cancelBoth" },
    { tag: "a" },
  ] as const;
  for (const change of changes) {
    expect(isSameTerms({ ...DEFAULT_TERMS, ...change }, DEFAULT_TERMS)).toBe(false);
  }
  expect(isSameTerms({ ...DEFAULT_TERMS }, DEFAULT_TERMS)).toBe(true);
  expect(termsOf(undefined)).toBe(DEFAULT_TERMS);
});
