/** How orders with terms travel (protocol/trading/terms.ts). */
import * as z from "zod";
import {
  isTag,
  MAX_TAG_LENGTH,
  type OrderTerms,
  SELF_TRADES,
  type SignedTerms,
  TIMES_IN_FORCE,
} from "../../protocol/trading/terms.ts";
import type { SignedOrder } from "../../protocol/units.ts";
import { signatureInput } from "./signature.ts";

const tag = z.string().refine(isTag, `Expected 1 to ${MAX_TAG_LENGTH} printable ASCII characters.`);
const lastBlock = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/** As an order shows them: all of them, also where it came without. */
export const orderTerms = z.object({
  timeInForce: z.enum(TIMES_IN_FORCE),
  goodTillBlock: lastBlock.nullable(),
  selfTrade: z.enum(SELF_TRADES),
  tag: tag.nullable(),
}) satisfies z.ZodType<OrderTerms>;

/** As clients send them: what is left out is as in an order without terms. */
export const signedTermsInput: z.ZodType<SignedTerms> = z.strictObject({
  timeInForce: z.enum(TIMES_IN_FORCE).default("round"),
  goodTillBlock: lastBlock.nullable().default(null),
  selfTrade: z.enum(SELF_TRADES).default("cancelTaker"),
  tag: tag.nullable().default(null),
  signature: signatureInput,
});

/** A signed order, with its terms where it has some. */
export interface Placement extends SignedOrder {
  readonly terms?: SignedTerms | undefined;
}

/** Why an order ended without being filled; null while it is open, or where that is not known. */
export const endReason = z
  .enum([
    "owner",
    "selfTrade",
    "tradingKey",
    "ioc",
    "replaced",
    "cancelAll",
    "deadMan",
    "goodTillBlock",
    "roundEnded",
    "insufficientFunds",
    "wouldTake",
    "notFilled",
  ])
  .nullable();
