/**
 * Each refusal for the references: what it means and what whoever must act does next. The sentence
 * with the values of one case is in sentences.ts.
 */
import { ACT_OF_REFUSAL, type RefusalCode } from "../protocol/refusals.ts";

export interface Meaning {
  readonly meaning: string;
  readonly hint: string;
}

const AGAIN = "Send the same again.";
const ELSEWHERE = "Send the same to `leader`, or again shortly.";

export const MEANING_OF_REFUSAL: { readonly [Code in RefusalCode]: Meaning } = {
  BadInput: { meaning: "A field is missing or malformed.", hint: "Correct the field it names." },
  BadSignature: {
    meaning: "The signature is not the owner's, nor its trading key's of that round.",
    hint: "Sign with the owner's key in this exchange's domain; `slip` names a likely slip.",
  },
  Unauthorized: {
    meaning: "No session was sent, or one that is past or somebody else's.",
    hint: "Sign a new session with the client's key.",
  },
  RateLimited: {
    meaning: "More requests than the limit of this address or session.",
    hint: "Wait `retryAfterMs`; the `RateLimit` header tells what is left.",
  },
  Overloaded: { meaning: "Intake is full; nothing was taken.", hint: "Wait `retryAfterMs`." },
  NotLeader: { meaning: "Another operator takes writes now.", hint: ELSEWHERE },
  NotReady: { meaning: "The node catches up with journal or chain.", hint: AGAIN },
  FillUnsigned: {
    meaning: "It was taken, but the key's holder signs no fills now.",
    hint: "Read the order again shortly: what was taken stays taken.",
  },
  ExchangeHalted: {
    meaning: "The Mediator is HALTED: money can only be recovered.",
    hint: "Recover balances and deposits on chain.",
  },
  NotFound: { meaning: "There is no such thing.", hint: "Check address, round and path." },
  UnknownToken: { meaning: "The token is not listed.", hint: "See the tokens of /v1/exchange." },
  UnknownMarket: { meaning: "Nothing trades that pair.", hint: "See the markets of /v1/exchange." },
  UnknownClient: {
    meaning: "No deposit of this client has been seen yet.",
    hint: "Deposit, and wait for the confirmations.",
  },
  InvalidOrder: {
    meaning: "The order breaks a rule that every order must keep.",
    hint: "Build it anew as `fault` says, and sign it.",
  },
  MisalignedAmount: {
    meaning: "The amounts are no whole number of lots at a whole number of ticks.",
    hint: "Take one of `nearest`.",
  },
  OrderRoundClosed: {
    meaning: "The order is of neither the current round nor the next.",
    hint: "Sign it for the current round once the chain shows the other to be over.",
  },
  DuplicateOrderId: {
    meaning: "Another order of this owner and round has that id.",
    hint: "Choose another id.",
  },
  IdBelowWatermark: {
    meaning: "A statement of the client closed the ids of that round up to its watermark.",
    hint: "Choose an id at or above the watermark.",
  },
  WrongStatement: {
    meaning: "The operator does not countersign the statement.",
    hint: "Read the orders that no statement covers, and state what is closed of them.",
  },
  TooManyOrders: {
    meaning:
      "The client's limit of orders of that round are open, queued, or executed and in no statement.",
    hint: "Sign a statement about those that are closed, cancel some, or wait for the next round.",
  },
  TooManyPlacements: {
    meaning: "The client has placed as many orders in that round as are kept.",
    hint: "Wait for the next round.",
  },
  PlacedTooFast: {
    meaning: "The client has placed as many orders at that block as one block takes.",
    hint: "Send it again with the next block.",
  },
  InsufficientFunds: {
    meaning: "Less is free than the order needs.",
    hint: "Lower the amount, cancel orders, or deposit.",
  },
  OldNonce: {
    meaning: "A newer command of this client, such as CancelAll, came before.",
    hint: "Sign it anew with a greater nonce, such as the milliseconds of the clock.",
  },
  WouldTake: {
    meaning: "A post-only order would trade at once.",
    hint: "Lower a bid or raise an ask, or drop the term.",
  },
  NotFilled: {
    meaning: "A fill-or-kill order would not fill whole.",
    hint: "Lower the amount, or give a worse price.",
  },
  Expired: {
    meaning: "It is good till a block that is past.",
    hint: "Sign it anew with a later block.",
  },
  UnknownOrder: {
    meaning: "No such order is known, or no longer.",
    hint: "Check owner, round and id; orders are kept for two rounds after their own.",
  },
  NotYourOrder: { meaning: "It is another owner's.", hint: "Only its owner may cancel it." },
  OrderNotOpen: {
    meaning: "It is filled, cancelled or expired.",
    hint: "Read it to see what was executed.",
  },
};

/**
 * HTTP status of a refusal: what the code says, else by who must act. Writes that another operator
 * takes are answered with 307 and its location instead.
 */
export function statusOf(code: RefusalCode): number {
  switch (code) {
    case "Unauthorized":
      return 401;
    case "NotFound":
    case "UnknownOrder":
      return 404;
    case "RateLimited":
      return 429;
    case "DuplicateOrderId":
    case "OrderNotOpen":
    case "ExchangeHalted":
      return 409;
    case "BadInput":
      return 400;
    default:
      return ACT_OF_REFUSAL[code] === "retry" ? 503 : 422;
  }
}
