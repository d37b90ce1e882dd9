import fc from "fast-check";
import { expect, it } from "vitest";
import { parseDecimal } from "../base/decimal.ts";
import { toStep } from "./decimals.ts";

const units = (text: string, decimals: number) => {
  const parsed = parseDecimal(text, decimals);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
};

it("every result is on its step: amounts not above what was asked, prices next to it", () => {
  const decimals = fc.integer({ min: 0, max: 24 });
  const step = fc.bigInt({ min: 1n, max: 10n ** 12n });
  // More digits than the token has: in tenths of a unit.
  const tenths = fc.bigInt({ min: 0n, max: 10n ** 26n });
  fc.assert(
    fc.property(decimals, step, tenths, (places, size, asked) => {
      const digits = asked.toString().padStart(places + 2, "0");
      const at = digits.length - places - 1;
      const text = `${digits.slice(0, at)}.${digits.slice(at)}`;
      const of = (rounding: "cut" | "nearest") => {
        try {
          return 10n * units(toStep("x", text, { step: size, decimals: places }, rounding), places);
        } catch (error) {
          expect(error).toMatchObject({ type: "InvalidOrder" });
          return 0n;
        }
      };
      const [cut, nearest] = [of("cut"), of("nearest")];
      expect([cut % (10n * size), nearest % (10n * size)]).toEqual([0n, 0n]);
      expect(cut <= asked && asked - cut < 10n * size).toBe(true);
      const away = nearest > asked ? nearest - asked : asked - nearest;
      expect(2n * away <= 10n * size).toBe(true);
    }),
  );
});

it.each([
  [0.1 + 0.2, "0.3"],
  [1e-7, "0.0000001"],
  ["2.5e-7", "0.0000002"],
  ["  7. ", "7"],
  [1e21, "1000000000000000000000"],
])("the number %s is cut to %s", (value, text) => {
  expect(toStep("x", value, { step: 1n, decimals: 7 }, "cut")).toBe(text);
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, "", "x", "1,5", "0x10", null, {}, 5n, "1e9999"])(
  "no number is made of %s",
  (value) => {
    expect(() => toStep("x", value, { step: 1n, decimals: 7 }, "cut")).toThrow(
      expect.objectContaining({ type: "InvalidOrder" }),
    );
  },
);
