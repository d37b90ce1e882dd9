/**
 * An accepted order and what became of it. All that its market and its lots say is not kept beside
 * them, and its signature is kept as bytes: every order is evidence for three rounds, so that they
 * are most of the exchange's memory.
 */
import { assert } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { OrderTerms } from "../../protocol/trading/terms.ts";
import type { Amount, Intent, Order, Round, Signature } from "../../protocol/units.ts";
import { blockFor, type SignatureBlock, type SignatureWords } from "../form/signatureBytes.ts";
import type { Market } from "./entries.ts";
import { difference, type Exact, exact } from "./exact.ts";
import type { EndReason, OrderRef, Side } from "./outcome.ts";
import type { OrderState } from "./viewTypes.ts";

/** 0 <= locked <= total, always. */
export interface Balance {
  total: Amount;
  /** The amount that open orders of `lockedRound` may sell; 0 once another round trades. */
  locked: Amount;
  lockedRound: Round;
}

/** A client as the payer of its orders. */
export interface Account {
  readonly address: Address;
  /** The same in every token's tree. */
  readonly leafIndex: number;
  readonly balances: Map<Address, Balance>;
}

/** An order as its market counts it. */
export interface InLots {
  readonly side: Side;
  readonly lots: Exact;
  /** Base units of quote for one lot. */
  readonly price: Exact;
}

/** The orders of one price. */
export interface Level {
  readonly price: Exact;
  first: OrderRecord;
  last: OrderRecord;
  lots: Exact;
  orders: number;
}

/** A book as its orders use it; see book.ts. */
export interface OrderBook {
  readonly market: Market;
  add(record: OrderRecord): void;
  remove(record: OrderRecord): void;
  reduce(record: OrderRecord, lots: Exact): void;
  bestMatch(taker: OrderRecord): OrderRecord | undefined;
  matches(taker: Pick<InLots, "side" | "price">): Iterable<OrderRecord>;
}

/** An order that was taken, as it is at first. */
export interface TakenOrder {
  /** Of the order's owner. */
  readonly account: Account;
  /** The orders of owner and round that count; see `CountedOrders`. */
  readonly counted: { delete(record: OrderRecord): void };
  readonly order: Pick<Order, "round" | "id">;
  readonly signature: Signature | SignatureWords;
  readonly terms: OrderTerms;
  readonly book: OrderBook;
  readonly measured: InLots;
  readonly arrivalSeq: number;
  readonly placedMs: number;
}

function asText(signature: Signature | SignatureWords): Signature {
  assert(!(signature instanceof Uint8Array), "the words of a signature fit no block.");
  return signature;
}

export class OrderRecord {
  readonly account: Account;
  readonly counted: TakenOrder["counted"];
  readonly round: Round;
  /** The id, a number where that is exact: a bigint each would be an object of 24 bytes. */
  readonly number: Exact;
  readonly terms: OrderTerms;
  /** The order's place in time among all orders. */
  readonly arrivalSeq: number;
  /** Time at which its record was written: milliseconds since 1970; 0: not written down. */
  readonly placedMs: number;
  readonly book: OrderBook;
  readonly side: Side;
  /** Base units of quote for one lot. */
  readonly price: Exact;
  readonly lots: Exact;
  /** No value here but in the constructor: else one beyond 2^31 has V8 box it in all records. */
  filledLots: Exact;
  /**
   * The amount kept locked while it is open: it may pay its own limit for every lot that is left.
   * 0 before and after, but as it was left, like `state`, where its round's end took it out.
   */
  locked: Amount = 0n;
  sold: Amount = 0n;
  bought: Amount = 0n;
  /** Sequence number of the order's last trade; 0 before the first. */
  sequence = 0;
  /** As it was left: "open" also of what its round's end took out; see `orderState`. */
  state: OrderState = "queued";
  /** Why it ended, where its state does not say it all. */
  reason: EndReason | undefined = undefined;
  /** Neighbours at its price while it rests. */
  earlier: OrderRecord | undefined = undefined;
  later: OrderRecord | undefined = undefined;
  /** Where it rests; undefined elsewhere. */
  level: Level | undefined = undefined;
  /** Neighbours among those of its client and round that count; see `CountedOrders`. */
  countedBefore: OrderRecord | undefined = undefined;
  countedAfter: OrderRecord | undefined = undefined;
  /** The block that has the signature's bytes; undefined where the signature is kept as it came. */
  readonly #signatures: SignatureBlock | undefined;
  /** The place in that block. */
  readonly #signature: number | Signature;

  constructor(taken: TakenOrder) {
    const { order, measured, signature } = taken;
    this.account = taken.account;
    this.counted = taken.counted;
    this.round = order.round;
    this.number = exact(order.id);
    this.terms = taken.terms;
    this.arrivalSeq = taken.arrivalSeq;
    this.placedMs = taken.placedMs;
    this.book = taken.book;
    this.side = measured.side;
    this.price = measured.price;
    this.lots = measured.lots;
    this.filledLots = 0;
    const block = blockFor(signature);
    const place = block?.add(signature);
    this.#signatures = place === undefined ? undefined : block;
    this.#signature = place ?? asText(signature);
  }

  get id(): bigint {
    return BigInt(this.number);
  }

  get owner(): Address {
    return this.account.address;
  }

  get sellToken(): Address {
    const { base, quote } = this.book.market;
    return this.side === "bid" ? quote : base;
  }

  get buyToken(): Address {
    const { base, quote } = this.book.market;
    return this.side === "bid" ? base : quote;
  }

  get sellAmount(): Amount {
    return this.soldFor(this.lots);
  }

  get buyAmount(): Amount {
    const { side, price, book } = this;
    return BigInt(this.lots) * (side === "bid" ? book.market.lot : BigInt(price));
  }

  /** The lots that are not executed. */
  get left(): Exact {
    return difference(this.lots, this.filledLots);
  }

  /** The most that it may pay for so many lots. */
  soldFor(lots: Exact): Amount {
    const { side, price, book } = this;
    return BigInt(lots) * (side === "bid" ? BigInt(price) : book.market.lot);
  }

  get intent(): Intent {
    return this.side === "bid" ? "buyAll" : "sellAll";
  }

  /** The order as it was signed; a new object each time. */
  get order(): Order {
    const { owner, round, id, sellToken, sellAmount, buyToken, buyAmount, intent } = this;
    return { owner, round, id, sellToken, sellAmount, buyToken, buyAmount, intent };
  }

  /** As it came; a new object each time. */
  get signature(): Signature {
    const kept = this.#signature;
    return typeof kept === "number" ? (this.#signatures as SignatureBlock).at(kept) : kept;
  }

  /** As it is kept: its words, or as it came where bytes cannot say it. */
  get keptSignature(): Signature | SignatureWords {
    const kept = this.#signature;
    return typeof kept === "number" ? (this.#signatures as SignatureBlock).wordsAt(kept) : kept;
  }

  get ref(): OrderRef {
    return { owner: this.account.address, round: this.round, id: this.id };
  }
}
