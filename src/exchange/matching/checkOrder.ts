/** Whether the exchange takes an order or a cancellation, before either is journalled. Pure. */
import { UINT128_MAX } from "../../base/bytes.ts";
import { nobleCurve } from "../../base/curve.ts";
import { hashOrder } from "../../protocol/messages.ts";
import { checkNumbers, checkOrder as checkOrderRule } from "../../protocol/orderRule.ts";
import { type AlignedAmounts, type Refusal, refuse } from "../../protocol/refusals.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import { DEFAULT_TERMS, type OrderTerms } from "../../protocol/trading/terms.ts";
import type { Order, SignedOrder } from "../../protocol/units.ts";
import type { Book } from "../model/book.ts";
import type { Market } from "../model/entries.ts";
import { exact } from "../model/exact.ts";
import { freeFunds } from "../model/funds.ts";
import { checkLimits } from "../model/orderLimits.ts";
import type { Account, InLots, OrderRecord } from "../model/orderRecord.ts";
import type { OrderRef, Side } from "../model/outcome.ts";
import {
  bookOf,
  type Client,
  type ClientRound,
  orderState,
  type State,
  tradingKeyOf,
} from "../model/state.ts";
import { checkBook, checkLastBlock } from "./checkTerms.ts";

/**
 * Why the exchange would refuse the order now; undefined if it would take it. Everything but the
 * signature: that is checked before, against the key of (owner, round); see `checkSigner`.
 * `leaving`: an order of the same owner that it replaces.
 */
export function checkOrder(
  state: State,
  order: Order,
  terms: OrderTerms = DEFAULT_TERMS,
  leaving?: OrderRecord,
): Refusal | undefined {
  return checkParts(state, order, partsOf(state, order), terms, leaving);
}

/** The parts of the state that an order is about, looked up once. */
export interface Parts {
  readonly client: Client | undefined;
  /** Of the order's round. */
  readonly affairs: ClientRound | undefined;
  readonly book: Book | undefined;
  /** Once it is checked. */
  measured: InLots | undefined;
}

export function partsOf(state: State, { owner, round, sellToken, buyToken }: Order): Parts {
  const client = state.clients.get(owner);
  const affairs = client?.rounds.get(round);
  return { client, affairs, book: bookOf(state, sellToken, buyToken), measured: undefined };
}

/** As `checkOrder`, with the order's own parts. */
export function checkParts(
  state: State,
  order: Order,
  parts: Parts,
  terms: OrderTerms,
  leaving?: OrderRecord,
): Refusal | undefined {
  return (
    checkByItself(state, order, parts) ??
    checkLastBlock(state, order, terms) ??
    checkOwner(state, order, parts, leaving) ??
    checkMarket(state, order, parts, terms, leaving)
  );
}

/**
 * Why the order is not signed by its owner or the key recorded for its round; undefined if it is.
 * The operator that journals an order has checked the signature, but perhaps before the last blocks
 * were taken in, and an order executed with a key that the chain does not record is evidence of
 * nothing. So where a key set about that time may have changed the answer, the machine asks again.
 * A recovery costs about a millisecond; all other orders cost nothing.
 */
export function checkSigner(state: State, { order, signature }: SignedOrder): Refusal | undefined {
  const { owner, round } = order;
  const changes = state.tradingKeys.get(owner);
  if (changes === undefined) return undefined;
  const isRecent = changes.some(({ fromRound }) => fromRound === round || fromRound === round - 1);
  if (!isRecent) return undefined;

  const { chainId, mediator } = state.genesis;
  const recovered = recoverSigner(nobleCurve, { chainId, mediator }, hashOrder(order), signature);
  const key = tradingKeyOf(state, owner, round);
  if (recovered !== undefined && (recovered === owner || recovered === key)) return undefined;
  return refuse("BadSignature", { owner, recovered });
}

/** The checks that hold for the order, independent of its sender. */
function checkByItself(state: State, order: Order, parts: Parts): Refusal | undefined {
  if (state.halted !== undefined) return haltedRefusal(state.halted.round);
  const { client, book } = parts;
  // The addresses of a client and a market are sound, and the tokens of a market two.
  const isKnown = client !== undefined && book !== undefined && isIntent(order.intent);
  const fault = isKnown ? checkNumbers(order) : checkOrderRule(order);
  if (fault !== undefined) return refuse("InvalidOrder", { fault });

  const currentRound = state.moment.round;
  if (order.round !== currentRound && order.round !== currentRound + 1) {
    return refuse("OrderRoundClosed", { orderRound: order.round, currentRound });
  }

  const { sellToken, buyToken } = order;
  if (book === undefined || !isListed(state, book)) {
    if (!state.tokens.has(sellToken)) return refuse("UnknownToken", { token: sellToken });
    if (!state.tokens.has(buyToken)) return refuse("UnknownToken", { token: buyToken });
  }
  if (book === undefined) return refuse("UnknownMarket", { sellToken, buyToken });
  const { market } = book;
  if (order.intent !== (sideOf(market, order) === "bid" ? "buyAll" : "sellAll")) {
    return refuse("InvalidOrder", { fault: { fault: "BadIntent" } });
  }
  parts.measured = toLots(market, order);
  if (parts.measured !== undefined) return undefined;
  const { sellAmount, buyAmount } = order;
  return refuse("MisalignedAmount", { sellAmount, buyAmount, nearest: nearest(market, order) });
}

/** Whether both tokens of the market are listed; looked up by the state's own copies of them. */
function isListed({ tokens }: State, { market: { base, quote } }: Book): boolean {
  return tokens.has(base) && tokens.has(quote);
}

function isIntent(intent: string): boolean {
  return intent === "buyAll" || intent === "sellAll";
}

/** The checks of the terms against the book, where the order's round is open. */
function checkMarket(
  state: State,
  order: Order,
  { book, measured }: Parts,
  terms: OrderTerms,
  leaving: OrderRecord | undefined,
): Refusal | undefined {
  if (book === undefined || measured === undefined) return undefined;
  if (order.round !== state.moment.round) return undefined;
  return checkBook(order, terms, book, measured, leaving);
}

/** The checks of the owner's balance and earlier orders. */
function checkOwner(
  state: State,
  order: Order,
  { client, affairs }: Parts,
  leaving?: OrderRecord,
): Refusal | undefined {
  const { owner, round, id } = order;
  if (client === undefined) return refuse("UnknownClient", { client: owner });
  if (affairs?.orders.has(id)) return refuse("DuplicateOrderId", { round, id });
  const watermark = affairs?.statement?.statement.watermark;
  if (watermark !== undefined && id < watermark) {
    return refuse("IdBelowWatermark", { round, id, watermark });
  }
  const beyond = checkLimits(state, client, round, leaving, affairs);
  if (beyond !== undefined) return beyond;
  if (round !== state.moment.round) return undefined;
  return checkFunds(state, client, order, leaving);
}

/** Whether the owner can pay all that the order may sell. */
export function checkFunds(
  state: State,
  account: Account,
  order: Pick<Order, "sellToken" | "sellAmount">,
  leaving?: OrderRecord,
): Refusal | undefined {
  const isOpen = leaving !== undefined && orderState(state, leaving) === "open";
  const isFreed = isOpen && leaving.sellToken === order.sellToken;
  const freed = isFreed ? leaving.locked : 0n;
  const unlocked = freeFunds(state, account, order.sellToken);
  const free = leaving === undefined ? unlocked : unlocked + freed;
  if (order.sellAmount <= free) return undefined;
  return refuse("InsufficientFunds", { token: order.sellToken, needed: order.sellAmount, free });
}

/** Why the order cannot be cancelled now; undefined if it can. The signature is checked before. */
export function checkCancel(state: State, ref: OrderRef): Refusal | undefined {
  const { owner, round, id } = ref;
  return checkCancelOf(state, ref, state.clients.get(owner)?.rounds.get(round)?.orders.get(id));
}

/** As `checkCancel`, of the order that the reference names. */
export function checkCancelOf(
  state: State,
  { owner, round, id }: OrderRef,
  record: OrderRecord | undefined,
): Refusal | undefined {
  if (state.halted !== undefined) return haltedRefusal(state.halted.round);
  if (record === undefined) return refuse("UnknownOrder", { owner, round, id });
  const current = orderState(state, record);
  switch (current) {
    case "queued":
    case "open":
      return undefined;
    case "filled":
    case "cancelled":
    case "expired":
      return refuse("OrderNotOpen", { owner, round, id, end: current });
    case "refused":
      return refuse("UnknownOrder", { owner, round, id });
  }
}

function haltedRefusal(haltRound: number): Refusal {
  return refuse("ExchangeHalted", { haltRound });
}

function sideOf(market: Market, order: Order): Side {
  return order.buyToken === market.base ? "bid" : "ask";
}

/** Lots and price of an order of this market; undefined where they are no whole numbers. */
export function toLots(market: Market, order: Order): InLots | undefined {
  const side = sideOf(market, order);
  const baseAmount = side === "bid" ? order.buyAmount : order.sellAmount;
  const quoteAmount = side === "bid" ? order.sellAmount : order.buyAmount;
  const lots = baseAmount / market.lot;
  if (lots * market.lot !== baseAmount) return undefined;
  const price = quoteAmount / lots;
  if (price * lots !== quoteAmount) return undefined;
  if (price !== market.tick && price % market.tick !== 0n) return undefined;
  return { side, lots: exact(lots), price: exact(price) };
}

/** Aligned amounts around those of the order: lots and price rounded either way. */
function nearest(market: Market, order: Order): AlignedAmounts[] {
  const isBid = sideOf(market, order) === "bid";
  const baseAmount = isBid ? order.buyAmount : order.sellAmount;
  const quoteAmount = isBid ? order.sellAmount : order.buyAmount;
  const fewer = baseAmount / market.lot;
  const lower = (quoteAmount * market.lot) / (baseAmount * market.tick);

  const found: AlignedAmounts[] = [];
  const lotsTried = baseAmount % market.lot === 0n ? [fewer] : [fewer, fewer + 1n];
  const isOnTick = (quoteAmount * market.lot) % (baseAmount * market.tick) === 0n;
  const ticksTried = isOnTick ? [lower] : [lower, lower + 1n];
  for (const lots of lotsTried) {
    for (const ticks of ticksTried) {
      const base = lots * market.lot;
      const quote = lots * ticks * market.tick;
      if (base === 0n || quote === 0n || base > UINT128_MAX || quote > UINT128_MAX) continue;
      found.push({ sellAmount: isBid ? quote : base, buyAmount: isBid ? base : quote });
    }
  }
  return found;
}
