/** Terms of orders as callers of the library give them. */
import { QuarterdeckError } from "../../base/errors.ts";
import {
  DEFAULT_TERMS,
  FIRST_TERMS_ID,
  idHasTerms,
  isTag,
  MAX_TAG_LENGTH,
  type OrderTerms,
  SELF_TRADES,
  type SelfTrade,
  TIMES_IN_FORCE,
  type TimeInForce,
} from "../../protocol/trading/terms.ts";
import type { Round } from "../../protocol/units.ts";
import { BadArgument } from "./badArgument.ts";

/** The terms that a caller may give with an order; a missing field has its default. */
export interface TermsRequest {
  /** Rest until the round ends (`round`), or `ioc`, `fok`, `postOnly`. */
  readonly timeInForce?: TimeInForce;
  /** Last block of the exchange's clock at which it may trade. */
  readonly goodTillBlock?: number;
  /** Which order goes when it meets one of this client: itself, as a rule. */
  readonly selfTrade?: SelfTrade;
  /** Up to 36 printable ASCII characters, shown with the order. */
  readonly tag?: string;
}

export const TERMS_FIELDS = ["timeInForce", "goodTillBlock", "selfTrade", "tag"] as const;

type Given = Readonly<Record<string, unknown>>;

/**
 * The terms in a request, undefined where it names none and its id is not of an order with terms.
 * Throws `BadArgument`.
 */
export function parseTerms(given: Given, id: bigint | undefined): OrderTerms | undefined {
  const hasTerms = TERMS_FIELDS.some((name) => given[name] !== undefined);
  if (!hasTerms && (id === undefined || !idHasTerms(id))) return undefined;
  if (id !== undefined && !idHasTerms(id)) {
    const hint = `Give an order with terms an id of ${FIRST_TERMS_ID} on, or leave the id out.`;
    throw new BadArgument("id", "It is of orders without terms", hint);
  }
  const { goodTillBlock, tag } = given;
  return {
    timeInForce: parseOneOf("timeInForce", given["timeInForce"], TIMES_IN_FORCE, "round"),
    goodTillBlock: goodTillBlock === undefined ? null : parseBlock(goodTillBlock),
    selfTrade: parseOneOf("selfTrade", given["selfTrade"], SELF_TRADES, DEFAULT_TERMS.selfTrade),
    tag: tag === undefined ? null : parseTag(tag),
  };
}

function parseBlock(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw new BadArgument("goodTillBlock", "It is no block", "Give a whole number above 0.");
}

function parseOneOf<T extends string>(
  field: string,
  value: unknown,
  allowed: readonly T[],
  usual: T,
): T {
  if (value === undefined) return usual;
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  const hint = `Choose from: ${allowed.join(", ")}.`;
  throw new BadArgument(field, "It is none of them", hint);
}

function parseTag(value: unknown): string {
  if (typeof value === "string" && isTag(value)) return value;
  const hint = `Give 1 to ${MAX_TAG_LENGTH} printable ASCII characters, or leave it out.`;
  throw new BadArgument("tag", "It is no tag", hint);
}

/** An operator shows an order with other terms than those that were signed. */
export function termsNotKept({ round, id }: { readonly round: Round; readonly id: bigint }) {
  return new QuarterdeckError({
    code: "TermsNotKept",
    message: `The operator holds order ${id} of round ${round} with other terms than were signed.`,
    hint: "Cancel it, and do not trade with this operator.",
  });
}
