import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDecimal, parseDecimal } from "./decimal.ts";
import { Alarm } from "./errors.ts";

const decimals = fc.integer({ min: 0, max: 36 });
const amount = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

test("formatted amounts parse back exactly", () => {
  fc.assert(
    fc.property(amount, decimals, (value, places) => {
      const text = formatDecimal(value, places);
      expect(parseDecimal(text, places)).toEqual({ ok: true, value });
      expect(text).not.toMatch(/\.\d*0$|\.$/);
      if (value > 0n) expect(formatDecimal(-value, places)).toBe(`-${text}`);
    }),
  );
});

test.each([
  ["1.25", 6, 1_250_000n],
  ["0.000001", 6, 1n],
  ["007", 0, 7n],
  ["1.0", 1, 10n],
])("amounts parse exactly: %s with %i decimals", (text, places, value) => {
  expect(parseDecimal(text, places)).toEqual({ ok: true, value });
});

test("too many digits are refused with the number that is allowed, zeros too", () => {
  expect(parseDecimal("1.2345678", 6)).toMatchObject({
    ok: false,
    problem: "1.2345678 has 7 digits after the point.",
    hint: "This token has at most 6: leave out the last 1.",
  });
  expect(parseDecimal("1.0", 0)).toMatchObject({
    ok: false,
    hint: expect.stringContaining("whole"),
  });
});

test.each(["", ".5", "5.", "-1", "+1", "1e18", "1,000", " 1", "1 ", "0x10", "1.2.3", "١", "NaN"])(
  "%j is no amount",
  (text) => {
    expect(parseDecimal(text, 18)).toMatchObject({
      ok: false,
      hint: expect.stringContaining("1.25"),
    });
  },
);

test("text beyond any amount is refused unread, and shown cut", () => {
  const outcome = parseDecimal("9".repeat(10_000), 18);
  expect(outcome.ok).toBe(false);
  expect(outcome).toMatchObject({ problem: expect.stringMatching(/^.{0,150}$/) });
});

test("a token of no possible decimals is an Alarm", () => {
  expect(() => parseDecimal("1", -1)).toThrow(Alarm);
  expect(() => formatDecimal(1n, 1.5)).toThrow(Alarm);
});
