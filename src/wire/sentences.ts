/** The sentence of each refusal for a person: the event, with the values, and the hint last. */
import { unreachable } from "../base/errors.ts";
import { ACT_OF_REFUSAL, type Refusal, type RefusalOf } from "../protocol/refusals.ts";
import { slipText } from "../protocol/slips.ts";
import type { ErrorBody } from "./schemas/error.ts";

export function sentenceOf(refusal: Refusal): string {
  switch (refusal.code) {
    case "BadInput":
      return `${refusal.field}: ${refusal.problem} ${refusal.hint}`.trimEnd();
    case "BadSignature":
      return (
        `The signature is ${refusal.recovered ?? "nobody"}'s, not ${refusal.owner}'s nor its ` +
        `trading key's of that round.${slipText(refusal.slip)} Sign with the owner's key and ` +
        "this exchange's domain (chain id and Mediator from /v1/exchange)."
      );
    case "Unauthorized":
      return `${refusal.problem} Sign a new session with the client's key and send it along.`;
    case "RateLimited":
      return (
        `More than ${refusal.limitPerSecond} requests a second. ` +
        `Wait ${refusal.retryAfterMs} ms, or send orders over one connection.`
      );
    case "Overloaded":
      return `The exchange is busy and took nothing. Send it again in ${refusal.retryAfterMs} ms.`;
    case "NotLeader":
      return refusal.leader === undefined
        ? "This operator does not take orders now, and no other is known yet. Try again shortly."
        : `This operator does not take orders now. Send it to ${refusal.leader}.`;
    case "NotReady":
      return `The node waits for ${refusal.waitingFor}. Try again shortly.`;
    case "FillUnsigned":
      return (
        "The operator's signing service does not answer, and nothing leaves without its " +
        "signature. What was taken stays taken: read the order again shortly."
      );
    case "ExchangeHalted":
      return (
        `The Mediator is HALTED at round ${refusal.haltRound}. ` +
        "Recover balances and deposits on chain (recoverBalance, recoverDeposits)."
      );
    case "NotFound":
      return `There is no ${refusal.what}. Check the address, the round and the path.`;
    default:
      return orderSentence(refusal);
  }
}

type OrderRefusal = Exclude<
  Refusal,
  RefusalOf<
    | "BadInput"
    | "BadSignature"
    | "Unauthorized"
    | "RateLimited"
    | "Overloaded"
    | "NotLeader"
    | "NotReady"
    | "FillUnsigned"
    | "ExchangeHalted"
    | "NotFound"
  >
>;

function orderSentence(refusal: OrderRefusal): string {
  switch (refusal.code) {
    case "UnknownToken":
      return `${refusal.token} is not listed here. See the tokens of /v1/exchange.`;
    case "UnknownMarket":
      return (
        `No market trades ${refusal.sellToken} for ${refusal.buyToken}. ` +
        "See the markets of /v1/exchange."
      );
    case "UnknownClient":
      return `No deposit of ${refusal.client} is known yet. Deposit, and wait for confirmations.`;
    case "InvalidOrder":
      return `The order breaks a rule: ${orderFault(refusal.fault)}. Build it anew and sign it.`;
    case "MisalignedAmount":
      return misaligned(refusal);
    case "OrderRoundClosed":
      return (
        `The order is of round ${refusal.orderRound}, and this is round ` +
        `${refusal.currentRound}. Sign it for this round or the next.`
      );
    case "DuplicateOrderId":
      return `Order ${refusal.id} of round ${refusal.round} exists. Choose another id.`;
    case "IdBelowWatermark":
    case "WrongStatement":
      return statementSentence(refusal);
    case "TooManyOrders":
      return (
        `${refusal.limit} orders of round ${refusal.round} are open, or executed and in no ` +
        "statement, which is the limit. Sign a statement about those that are closed, cancel " +
        "some, or wait for the next round."
      );
    case "InsufficientFunds":
      return (
        `It needs ${refusal.needed} base units of ${refusal.token}, and ${refusal.free} are free. ` +
        "Lower the amount, cancel orders, or deposit."
      );
    case "UnknownOrder":
      return (
        `Order ${refusal.id} of round ${refusal.round} by ${refusal.owner} is not known. ` +
        "Check owner, round and id."
      );
    case "NotYourOrder":
      return `Order ${refusal.id} belongs to ${refusal.owner}. Only its owner may cancel it.`;
    case "OrderNotOpen":
      return (
        `Order ${refusal.id} of round ${refusal.round} is ${refusal.end}: nothing to cancel. ` +
        "Read it to see what was executed."
      );
    default:
      return placingSentence(refusal);
  }
}

function statementSentence(refusal: RefusalOf<"IdBelowWatermark" | "WrongStatement">): string {
  if (refusal.code === "IdBelowWatermark") {
    return (
      `Order ${refusal.id} is below the watermark ${refusal.watermark} of a statement about round ` +
      `${refusal.round}. Choose an id from there on.`
    );
  }
  return `The statement about round ${refusal.round} ${statementFault(refusal.fault)}`;
}

function statementFault(fault: RefusalOf<"WrongStatement">["fault"]): string {
  switch (fault.fault) {
    case "form":
      return `has not its one form: see ${fault.field}. Build it anew, and sign it.`;
    case "round":
      return `comes in round ${fault.currentRound}. State this round, or the one before.`;
    case "disputed":
      return "comes while a dispute about it is open. Wait until that is closed.";
    case "coversLess":
      return `covers less than the one with watermark ${fault.watermark}. Read that, and go on from it.`;
    case "nothing":
      return "covers no executed order more than before. Send it once there is one.";
    case "openOrder":
      return `covers order ${fault.id}, which is open. Except it, or cancel it first.`;
    case "sums":
      return (
        `is about orders that sold ${fault.sold} and bought ${fault.bought} base units of ` +
        `${fault.token}. Read the orders again, and compare their fills.`
      );
    default:
      return unreachable(fault);
  }
}

type PlacingRefusal = RefusalOf<
  "TooManyPlacements" | "PlacedTooFast" | "OldNonce" | "WouldTake" | "NotFilled" | "Expired"
>;

function placingSentence(refusal: PlacingRefusal): string {
  switch (refusal.code) {
    case "TooManyPlacements":
      return (
        `${refusal.limit} orders were placed in round ${refusal.round}, as many as are kept. ` +
        "Wait for the next round, and place fewer and longer ones."
      );
    case "PlacedTooFast":
      return (
        `${refusal.limit} orders were placed at block ${refusal.block}, as many as one takes. ` +
        "Send it again with the next block."
      );
    case "OldNonce":
      return (
        `The nonce ${refusal.nonce} is not above ${refusal.last}, the last one of this client. ` +
        "Sign it anew with a greater one, such as the milliseconds of the clock."
      );
    case "WouldTake":
      return (
        `The order is post-only, and would trade at once at ${refusal.price} for a lot. ` +
        "Lower a bid or raise an ask, or drop the term."
      );
    case "NotFilled":
      return (
        `The order is to be filled whole or not at all, and of ${refusal.wanted} base units ` +
        `${refusal.available} are there at its price. Lower the amount, or give a worse price.`
      );
    case "Expired":
      return (
        `It is good till block ${refusal.goodTillBlock}, and the first in which it could count is ` +
        `${refusal.block}. Sign it anew with a later block.`
      );
    default:
      return unreachable(refusal);
  }
}

function orderFault(fault: RefusalOf<"InvalidOrder">["fault"]): string {
  switch (fault.fault) {
    case "BadAddress":
      return `${fault.field} is no address`;
    case "BadRound":
      return `${fault.round} is no round`;
    case "BadId":
      return `its id ${fault.id} is no uint64`;
    case "AmountOutOfRange":
      return `${fault.field} must be from 1 to 2^128 - 1, and is ${fault.amount}`;
    case "SameToken":
      return "it sells and buys the same token";
    case "BadIntent":
      return "a bid of this market has intent buyAll, and an ask sellAll";
    default:
      return unreachable(fault);
  }
}

function misaligned(refusal: RefusalOf<"MisalignedAmount">): string {
  const nearest = refusal.nearest.map((pair) => `${pair.sellAmount} for ${pair.buyAmount}`);
  return (
    `Selling ${refusal.sellAmount} for ${refusal.buyAmount} is no whole number of lots at a ` +
    `whole number of ticks. Nearest: ${nearest.join(" or ") || "see the market's lot and tick"}.`
  );
}

/** The body of the answer that is this refusal. */
export function errorBody(refusal: Refusal): ErrorBody {
  return {
    error: {
      code: refusal.code,
      act: ACT_OF_REFUSAL[refusal.code],
      message: sentenceOf(refusal),
      values: refusal,
    },
  };
}
