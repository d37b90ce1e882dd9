/**
 * Terms of an order: how it trades beyond what the contract knows of it. They are a promise of the
 * operator. The contract's `Order` says nothing of them, so no dispute can be about them; but they
 * are signed, bound to the hash of their order, and an order with terms has an id of a range of its
 * own, so that nobody on the way can add, change or drop them (docs/protocol.md section 5b).
 */
import type { Hex } from "../../base/hex.ts";
import type { BlockNumber, Order, Signature } from "../units.ts";

/**
 * The fate of the part that cannot trade at once. `round`: it rests until its round ends. `ioc`
 * (immediate or cancel): it is cancelled. `fok` (fill or kill): an order that would not fill whole
 * is refused. `postOnly`: an order of which anything would trade at once is refused.
 */
export type TimeInForce = "round" | "ioc" | "fok" | "postOnly";

/** Which order is cancelled when two of one owner meet: the one that came, that rests, or both. */
export type SelfTrade = "cancelTaker" | "cancelMaker" | "cancelBoth";

export interface OrderTerms {
  readonly timeInForce: TimeInForce;
  /** Last block of the exchange's clock at which it is open; null: that of its round. */
  readonly goodTillBlock: BlockNumber | null;
  readonly selfTrade: SelfTrade;
  /** The client's own words: 1 to `MAX_TAG_LENGTH` printable ASCII characters. */
  readonly tag: string | null;
}

/** Terms as their order's owner, or its trading key of that round, signed them. */
export interface SignedTerms extends OrderTerms {
  readonly signature: Signature;
}

/** The signed form of terms: never seen by the contract. */
export interface TermsMessage extends OrderTerms {
  /** EIP-712 struct hash of the order (without the domain). */
  readonly orderHash: Hex;
}

/** Of an order that came without. */
export const DEFAULT_TERMS: OrderTerms = {
  timeInForce: "round",
  goodTillBlock: null,
  selfTrade: "cancelTaker",
  tag: null,
};

export const MAX_TAG_LENGTH = 36;
const TAG = new RegExp(`^[\\x20-\\x7e]{1,${MAX_TAG_LENGTH}}$`);

export const TIMES_IN_FORCE: readonly TimeInForce[] = ["round", "ioc", "fok", "postOnly"];
export const SELF_TRADES: readonly SelfTrade[] = ["cancelTaker", "cancelMaker", "cancelBoth"];

/** How terms are written where they are signed. */
export const TIME_IN_FORCE_CODE = { round: 0, ioc: 1, fok: 2, postOnly: 3 } as const;
export const SELF_TRADE_CODE = { cancelTaker: 0, cancelMaker: 1, cancelBoth: 2 } as const;

export function isTag(text: string): boolean {
  return TAG.test(text);
}

export function isSameTerms(a: OrderTerms, b: OrderTerms): boolean {
  return (
    a.timeInForce === b.timeInForce &&
    a.goodTillBlock === b.goodTillBlock &&
    a.selfTrade === b.selfTrade &&
    a.tag === b.tag
  );
}

/** Terms without what was signed of them; `DEFAULT_TERMS` where there are none. */
export function termsOf(signed: SignedTerms | undefined): OrderTerms {
  if (signed === undefined) return DEFAULT_TERMS;
  const { timeInForce, goodTillBlock, selfTrade, tag } = signed;
  return { timeInForce, goodTillBlock, selfTrade, tag };
}

const TERMS_ID_BITS = 48n;
/** The first 16 bits of the id of an order with terms. */
export const TERMS_ID_PREFIX = 0x7e27n;
/** Ids of orders with terms: these 2^48, and of no others. */
export const FIRST_TERMS_ID = TERMS_ID_PREFIX << TERMS_ID_BITS;
export const LAST_TERMS_ID = FIRST_TERMS_ID + (1n << TERMS_ID_BITS) - 1n;

/**
 * Whether an order of that id comes with terms. The id is signed with the order: an order whose
 * terms were taken off is refused, and so is one that got some on the way.
 */
export function idHasTerms(id: Order["id"]): boolean {
  return id >> TERMS_ID_BITS === TERMS_ID_PREFIX;
}
