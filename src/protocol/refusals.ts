/**
 * Every way in which the exchange says no, as data: a code, its values, and who must act. The
 * sentences for people are in wire/sentences.ts. Broken invariants are no refusals: they throw.
 */
import type { Address } from "../base/hex.ts";
import type { OrderFault } from "./orderRule.ts";
import type { StatementFault } from "./statementRule.ts";
import type { Amount, BlockNumber, Round } from "./units.ts";

/**
 * The party that must act: `retry`: the same request later or elsewhere; `caller`: the request was
 * wrong and stays wrong; `operator`: the person who runs the node must act.
 */
export type Act = "retry" | "caller" | "operator";

/** A usual slip in signing: what the owner signed in place of the message. See slips.ts. */
export type SignatureSlip =
  /** A domain without the field, as libraries make it of a value of the wrong type. */
  | { readonly slip: "domainWithout"; readonly field: "chainId" | "version" | "verifyingContract" }
  /** A domain with another value in it. */
  | { readonly slip: "otherDomain"; readonly field: "chainId" | "version"; readonly used: string }
  | { readonly slip: "otherContract"; readonly used: Address }
  /** Signed as a personal message (EIP-191), of the digest or of the message's hash. */
  | { readonly slip: "personalSign" }
  /** The message's hash itself, or keccak-256 of the digest. */
  | { readonly slip: "bareHash" | "hashedTwice" }
  /** The other intent: 0 is buyAll, 1 sellAll. */
  | { readonly slip: "otherIntent" };

/** Why an order is no longer open. */
export type OrderEnd = "filled" | "cancelled" | "expired";

/** Why an operator does not countersign a statement (docs/protocol.md section 10). */
export type StatementRefusal =
  /** The statement has not its one form; the field that is wrong. */
  | { readonly fault: "form"; readonly field: StatementFault }
  /** The round is neither the current one nor the one before. */
  | { readonly fault: "round"; readonly currentRound: Round }
  /** A dispute about its round is open. */
  | { readonly fault: "disputed" }
  /** The statement leaves out orders that the one before, of this watermark, covers. */
  | { readonly fault: "coversLess"; readonly watermark: bigint }
  /** No order more than before that was executed: such a one would only take room. */
  | { readonly fault: "nothing" }
  /** An order that is open or queued is covered. */
  | { readonly fault: "openOrder"; readonly id: bigint }
  /** The orders that it covers sold and bought this of the token. */
  | {
      readonly fault: "sums";
      readonly token: Address;
      readonly sold: Amount;
      readonly bought: Amount;
    };

/** Amounts of an order that its market can take. */
export interface AlignedAmounts {
  readonly sellAmount: Amount;
  readonly buyAmount: Amount;
}

/** Each code with the values that explain it. Amounts in base units. */
export interface RefusalValues {
  /** A field of the request is missing or malformed. */
  BadInput: { readonly field: string; readonly problem: string; readonly hint: string };
  /** The signature is nobody's, or not of the owner's key nor its trading key of that round. */
  BadSignature: {
    readonly owner: Address;
    readonly recovered: Address | undefined;
    /** The likely mistake of the signer, where one could be found out. */
    readonly slip?: SignatureSlip;
  };
  /** No session, an expired one, or one of somebody else. */
  Unauthorized: { readonly problem: string };
  RateLimited: { readonly limitPerSecond: number; readonly retryAfterMs: number };
  /** Intake is full: nothing of the request was taken. */
  Overloaded: { readonly retryAfterMs: number };
  /** This operator does not sequence; `leader` is the address of the one that does, if known. */
  NotLeader: { readonly leader: string | undefined };
  /** The node is still catching up with journal or chain. */
  NotReady: { readonly waitingFor: string };
  /** The result is in the journal, but the key's holder signs no fills now. */
  FillUnsigned: Readonly<Record<never, never>>;
  /** HALTED: money can only be recovered (docs/protocol.md section 7). */
  ExchangeHalted: { readonly haltRound: Round };
  NotFound: { readonly what: string };
  UnknownToken: { readonly token: Address };
  UnknownMarket: { readonly sellToken: Address; readonly buyToken: Address };
  /** No deposit of this client has been seen yet. */
  UnknownClient: { readonly client: Address };
  /** The order breaks a rule that every order must keep (section 5). */
  InvalidOrder: { readonly fault: OrderFault };
  /** Amounts that are no whole number of lots at a whole number of ticks. */
  MisalignedAmount: AlignedAmounts & { readonly nearest: readonly AlignedAmounts[] };
  /** Orders are taken for the current round and the next. */
  OrderRoundClosed: { readonly orderRound: Round; readonly currentRound: Round };
  DuplicateOrderId: { readonly round: Round; readonly id: bigint };
  /** The client stated that its orders below `watermark` are closed: no more of them are taken. */
  IdBelowWatermark: { readonly round: Round; readonly id: bigint; readonly watermark: bigint };
  /** The operator does not countersign it. */
  WrongStatement: { readonly round: Round; readonly fault: StatementRefusal };
  /**
   * `limit` orders of the client are open, queued, or executed and in no statement (limits.ts).
   */
  TooManyOrders: { readonly round: Round; readonly limit: number };
  /** The client has placed `limit` orders in that round, those that ended among them. */
  TooManyPlacements: { readonly round: Round; readonly limit: number };
  /** The client has placed `limit` orders at that block of the exchange's clock. */
  PlacedTooFast: { readonly block: BlockNumber; readonly limit: number };
  InsufficientFunds: { readonly token: Address; readonly needed: Amount; readonly free: Amount };
  /** A newer `CancelAll` or `CancelAfter` of this client came before. */
  OldNonce: { readonly nonce: bigint; readonly last: bigint };
  /** A post-only order would trade at once: `price` rests against it, for one lot. */
  WouldTake: { readonly price: Amount };
  /** A fill-or-kill order wants so many base units of base, and gets fewer at its price now. */
  NotFilled: { readonly wanted: Amount; readonly available: Amount };
  /** Good till a block that is past at `block`, the first in which it could count. */
  Expired: { readonly goodTillBlock: BlockNumber; readonly block: BlockNumber };
  UnknownOrder: { readonly owner: Address; readonly round: Round; readonly id: bigint };
  NotYourOrder: { readonly owner: Address; readonly round: Round; readonly id: bigint };
  OrderNotOpen: {
    readonly owner: Address;
    readonly round: Round;
    readonly id: bigint;
    readonly end: OrderEnd;
  };
}

export type RefusalCode = keyof RefusalValues;

/** One refusal with its values: `RefusalOf<"TooManyOrders">`. */
export type RefusalOf<Code extends RefusalCode> = {
  [C in Code]: { readonly code: C } & RefusalValues[C];
}[Code];

export type Refusal = RefusalOf<RefusalCode>;

/** The party that must act on each refusal. The compiler refuses a code without an entry. */
export const ACT_OF_REFUSAL: { readonly [Code in RefusalCode]: Act } = {
  BadInput: "caller",
  BadSignature: "caller",
  Unauthorized: "caller",
  RateLimited: "retry",
  Overloaded: "retry",
  NotLeader: "retry",
  NotReady: "retry",
  FillUnsigned: "retry",
  ExchangeHalted: "operator",
  NotFound: "caller",
  UnknownToken: "caller",
  UnknownMarket: "caller",
  UnknownClient: "caller",
  InvalidOrder: "caller",
  MisalignedAmount: "caller",
  OrderRoundClosed: "caller",
  DuplicateOrderId: "caller",
  IdBelowWatermark: "caller",
  WrongStatement: "caller",
  TooManyOrders: "caller",
  TooManyPlacements: "caller",
  PlacedTooFast: "retry",
  InsufficientFunds: "caller",
  OldNonce: "caller",
  WouldTake: "caller",
  NotFilled: "caller",
  Expired: "caller",
  UnknownOrder: "caller",
  NotYourOrder: "caller",
  OrderNotOpen: "caller",
};

export const REFUSAL_CODES = Object.keys(ACT_OF_REFUSAL) as readonly RefusalCode[];

/** Builds a refusal: `refuse("TooManyOrders", { round, limit })`. */
export function refuse<Code extends RefusalCode>(
  code: Code,
  values: RefusalValues[Code],
): { readonly code: Code } & RefusalValues[Code] {
  return { code, ...values };
}
