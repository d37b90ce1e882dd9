/** Several orders or cancellations in one request, and what a client says of all of its orders. */
import * as z from "zod";
import type { CancelAfter, CancelAll } from "../../protocol/units.ts";
import { errorBody } from "./error.ts";
import { cancelOrder, order, orderResponse, placementInput, signedCancelInput } from "./order.ts";
import { signatureInput } from "./signature.ts";
import { signedTermsInput } from "./terms.ts";
import { address, count, uint64 } from "./values.ts";

/** Orders or cancellations of one request. */
export const MAX_ITEMS = 50;

/** The result of one of several: exactly one of the two is there. */
export const itemResponse = z.object({
  order: orderResponse.nullable().describe("As the answer to it alone"),
  error: errorBody.shape.error
    .nullable()
    .describe("Why it was refused; the others have outcomes of their own"),
});
export type ItemResponse = z.output<typeof itemResponse>;

export const placementsInput = z.strictObject({
  orders: z.array(placementInput).min(1).max(MAX_ITEMS),
});

export const cancelsInput = z.strictObject({
  cancels: z.array(signedCancelInput).min(1).max(MAX_ITEMS),
});

export const replaceInput = z.strictObject({
  cancel: cancelOrder,
  cancelSignature: signatureInput,
  order,
  signature: signatureInput,
  terms: signedTermsInput.optional(),
});
export type Replacement = z.output<typeof replaceInput>;

export const replaceResponse = z.object({
  cancelled: orderResponse,
  placed: orderResponse,
});
export type ReplaceResponse = z.output<typeof replaceResponse>;

const nonce = uint64.describe("Above that of every such message of the owner before");
const cancelAll: z.ZodType<CancelAll> = z.strictObject({ owner: address, round: count, nonce });

export const cancelAllInput = z.strictObject({ cancelAll, signature: signatureInput });

const cancelAfter: z.ZodType<CancelAfter> = z.strictObject({
  owner: address,
  round: count,
  nonce,
  block: count.describe("All orders go once the exchange's clock is past it; 0: the switch is off"),
  graceBlocks: count.describe("It moves to so many blocks ahead while connected; 0: it does not"),
});

export const cancelAfterInput = z.strictObject({ cancelAfter, signature: signatureInput });

export const cancelAfterResponse = z.object({
  block: count.nullable().describe("Last block before all orders go; null: the switch is off"),
  graceBlocks: count,
});
export type CancelAfterResponse = z.output<typeof cancelAfterResponse>;

const limit = z.object({
  limit: count,
  used: count,
  left: count.describe("How many more are taken"),
});

export const limitsResponse = z.object({
  block: count.describe("The exchange's block"),
  rounds: z
    .array(
      z.object({
        round: count,
        orders: limit.describe(
          "Those that count as evidence: open, queued, or executed and in no statement",
        ),
        watermark: uint64
          .nullable()
          .describe("Of the last statement: new ids are not below it; null: there is none"),
        placements: limit.describe("All that were taken, those that ended among them"),
      }),
    )
    .describe("The current one, and the next"),
  blockPlacements: limit.describe("Orders taken at this block"),
});
export type LimitsResponse = z.output<typeof limitsResponse>;
