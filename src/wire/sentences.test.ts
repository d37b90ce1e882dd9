/** Every refusal as a person reads it. */
import { expect, it } from "vitest";
import type { Address } from "../base/hex.ts";
import { REFUSAL_CODES, type Refusal, type RefusalOf, refuse } from "../protocol/refusals.ts";
import { errorBody, sentenceOf } from "./sentences.ts";

const A = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const B = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const order = { owner: A, round: 3, id: 9n };
const fault = (one: RefusalOf<"InvalidOrder">["fault"]) => refuse("InvalidOrder", { fault: one });
const stated = (one: RefusalOf<"WrongStatement">["fault"]) =>
  refuse("WrongStatement", { round: 3, fault: one });
const aligned = { sellAmount: 4n, buyAmount: 6n };

const REFUSALS: readonly Refusal[] = [
  refuse("BadInput", { field: "body.x", problem: "It is odd.", hint: "Make it even." }),
  refuse("BadSignature", { owner: A, recovered: undefined }),
  refuse("BadSignature", { owner: A, recovered: B, slip: { slip: "personalSign" } }),
  refuse("Unauthorized", { problem: "The session is past." }),
  refuse("RateLimited", { limitPerSecond: 5, retryAfterMs: 200 }),
  refuse("Overloaded", { retryAfterMs: 1000 }),
  refuse("NotLeader", { leader: undefined }),
  refuse("NotLeader", { leader: "http://b.example" }),
  refuse("NotReady", { waitingFor: "3 blocks of the chain" }),
  refuse("FillUnsigned", {}),
  refuse("ExchangeHalted", { haltRound: 4 }),
  refuse("NotFound", { what: "market" }),
  refuse("UnknownToken", { token: A }),
  refuse("UnknownMarket", { sellToken: A, buyToken: B }),
  refuse("UnknownClient", { client: A }),
  fault({ fault: "BadAddress", field: "owner" }),
  fault({ fault: "BadRound", round: -1 }),
  fault({ fault: "BadId", id: -1n }),
  fault({ fault: "AmountOutOfRange", field: "sellAmount", amount: 0n }),
  fault({ fault: "SameToken" }),
  fault({ fault: "BadIntent" }),
  refuse("MisalignedAmount", { sellAmount: 5n, buyAmount: 7n, nearest: [aligned] }),
  refuse("MisalignedAmount", { sellAmount: 5n, buyAmount: 7n, nearest: [] }),
  refuse("OrderRoundClosed", { orderRound: 2, currentRound: 3 }),
  refuse("DuplicateOrderId", { round: 3, id: 9n }),
  refuse("TooManyOrders", { round: 3, limit: 100 }),
  refuse("IdBelowWatermark", { round: 3, id: 9n, watermark: 12n }),
  stated({ fault: "form", field: "except" }),
  stated({ fault: "round", currentRound: 5 }),
  stated({ fault: "disputed" }),
  stated({ fault: "coversLess", watermark: 12n }),
  stated({ fault: "nothing" }),
  stated({ fault: "openOrder", id: 9n }),
  stated({ fault: "sums", token: A, sold: 5n, bought: 0n }),
  refuse("InsufficientFunds", { token: A, needed: 8n, free: 5n }),
  refuse("TooManyPlacements", { round: 3, limit: 20_000 }),
  refuse("PlacedTooFast", { block: 77, limit: 500 }),
  refuse("OldNonce", { nonce: 4n, last: 7n }),
  refuse("WouldTake", { price: 45n }),
  refuse("NotFilled", { wanted: 90n, available: 60n }),
  refuse("Expired", { goodTillBlock: 120, block: 121 }),
  refuse("UnknownOrder", order),
  refuse("NotYourOrder", order),
  refuse("OrderNotOpen", { ...order, end: "filled" }),
];

it("the examples here have every code of a refusal", () => {
  expect([...new Set(REFUSALS.map(({ code }) => code))].sort()).toEqual([...REFUSAL_CODES].sort());
});

it.each(REFUSALS)("$code is whole sentences, none of them twice", (refusal) => {
  const text = sentenceOf(refusal);
  expect(text).toMatch(/^[^\s].*[^.]\.$/);
  expect(text).not.toMatch(/\.\.| {2}|undefined|\[object|\bNaN\b/);
  const sentences = text.split(/(?<=\.) /).map((one) => one.replace(/ shortly|\.$/g, ""));
  expect(new Set(sentences).size).toBe(sentences.length);
  // What happened, and then what to do.
  expect(sentences.length).toBeGreaterThan(1);
});

it.each(
  REFUSALS.flatMap((refusal) =>
    Object.entries(refusal)
      .filter(([name, value]) => name !== "code" && /bigint|number/.test(typeof value))
      .map(([name, value]) => [refusal.code, name, String(value), refusal] as const),
  ),
)("%s tells its %s", (_code, _name, value, refusal) => {
  expect(sentenceOf(refusal)).toContain(value);
});

it("an error's body holds code, who must act, the sentence, and the values", () => {
  const values = refuse("TooManyOrders", { round: 3, limit: 100 });
  expect(errorBody(values)).toEqual({
    error: { code: "TooManyOrders", act: "caller", message: sentenceOf(values), values },
  });
});
