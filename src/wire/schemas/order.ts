/** Orders as clients sign them and operators tell of them, and the fills that are evidence. */
import * as z from "zod";
import type { CancelOrder, Fill, Order, SignedFill, SignedOrder } from "../../protocol/units.ts";
import { signature, signatureInput } from "./signature.ts";
import { endReason, orderTerms, type Placement, signedTermsInput } from "./terms.ts";
import { address, amount, asOf, count, hash, timeMs, uint64 } from "./values.ts";

const terms = {
  owner: address.describe("Whose money it is"),
  round: count.describe("Round in which it can be executed: the current one, or the next"),
  id: uint64.describe("Chosen by the owner; unique for owner and round"),
  sellToken: address,
  sellAmount: amount.describe("Base units sold at most"),
  buyToken: address,
  buyAmount: amount.describe("Base units bought for all of `sellAmount`, at least"),
  intent: z
    .enum(["buyAll", "sellAll"])
    .describe("A bid is `buyAll` (0 in the signature), an ask `sellAll` (1)"),
};

export const order: z.ZodType<Order> = z.strictObject(terms);

export const signedOrder: z.ZodType<SignedOrder> = z.strictObject({ order, signature });
/** As clients keep it: with its terms where it has some. */
export const placement: z.ZodType<Placement> = z.strictObject({
  order,
  signature,
  terms: signedTermsInput.optional(),
});
/** As clients send it; see `signatureInput`. */
export const signedOrderInput: z.ZodType<SignedOrder> = z.strictObject({
  order,
  signature: signatureInput,
});

/** As clients send it: with its terms where it has some. */
export const placementInput: z.ZodType<Placement> = z.strictObject({
  order,
  signature: signatureInput,
  terms: signedTermsInput.optional(),
});

export const cancelOrder: z.ZodType<CancelOrder> = z.strictObject({
  owner: address,
  round: count,
  id: uint64,
});
/** As clients send it. */
export const signedCancelInput = z.strictObject({ cancel: cancelOrder, signature: signatureInput });

export const fill: z.ZodType<Fill> = z.strictObject({
  orderHash: hash,
  owner: address,
  round: count,
  sold: amount.describe("Base units sold so far, of all executions"),
  bought: amount.describe("Base units bought so far"),
  sequence: uint64.describe("Of the last trade in it"),
});

export const signedFill: z.ZodType<SignedFill> = z.strictObject({ fill, signature });

export const orderResponse = z.object({
  orderHash: hash.describe("Struct hash of the order: its name, whatever the signature's form"),
  ...terms,
  state: z
    .enum(["queued", "open", "filled", "cancelled", "expired", "refused"])
    .describe("`queued`: for the next round; `refused`: it did not fit when its round opened"),
  reason: endReason.describe("Why it ended without being filled; null where it did not"),
  terms: orderTerms.describe("Those it was placed with; the default ones where it came without"),
  timeMs: timeMs.describe("When it was taken"),
  sold: amount.describe("Base units sold so far"),
  bought: amount.describe("Base units bought so far"),
  asOf,
  fill: signedFill
    .nullable()
    .describe("The operator's signature on what was executed so far: keep it, it is evidence"),
});
export type OrderResponse = z.output<typeof orderResponse>;
