import { expect, test } from "vitest";
import { parsed, parsedOrThrow, unparsable } from "./parsed.ts";

test("a value is given back as it is", () => {
  expect(parsedOrThrow(parsed(0n), "an amount")).toBe(0n);
});

test("text that cannot be read throws, with what is wrong and how to correct it", () => {
  const outcome = unparsable("7 is odd.", "Give an even number.");
  expect(outcome).toEqual({ ok: false, problem: "7 is odd.", hint: "Give an even number." });
  expect(() => parsedOrThrow(outcome, "the round size")).toThrow(
    expect.objectContaining({
      code: "BadInput",
      message: "Cannot read the round size: 7 is odd. Give an even number.",
    }),
  );
});
