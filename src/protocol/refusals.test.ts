import { expect, test } from "vitest";
import { ACT_OF_REFUSAL, REFUSAL_CODES, type RefusalOf, refuse } from "./refusals.ts";

test("every code says who must act", () => {
  expect(REFUSAL_CODES.length).toBeGreaterThan(15);
  for (const code of REFUSAL_CODES) {
    expect(["retry", "caller", "operator"]).toContain(ACT_OF_REFUSAL[code]);
    expect(code).toMatch(/^[A-Z][A-Za-z]+$/);
  }
});

test("a refusal is to be retried only where another time or place can correct it", () => {
  const retried = REFUSAL_CODES.filter((code) => ACT_OF_REFUSAL[code] === "retry");
  expect(retried.sort()).toEqual([
    "FillUnsigned",
    "NotLeader",
    "NotReady",
    "Overloaded",
    "PlacedTooFast",
    "RateLimited",
  ]);
});

test("a refusal is its code and values", () => {
  const refusal: RefusalOf<"TooManyOrders"> = refuse("TooManyOrders", { round: 3, limit: 256 });
  expect(refusal).toEqual({ code: "TooManyOrders", round: 3, limit: 256 });
});
