/**
 * One market's open orders, by price and then by time. Adding and taking out an order cost a
 * binary search over the prices on its side, and shifting those better than it; the best order is
 * there at once. Equal prices queue in a linked list, so that taking one out of a crowd is cheap.
 */
import { assert } from "../../base/errors.ts";
import type { OrderTerms } from "../../protocol/trading/terms.ts";
import type { Amount, Order, Signature } from "../../protocol/units.ts";
import type { Market } from "./entries.ts";
import type { EndReason, Side } from "./outcome.ts";
import type { OrderState, PriceLevel } from "./viewTypes.ts";

/** An accepted order and what became of it. */
export interface OrderRecord {
  readonly order: Order;
  readonly signature: Signature;
  readonly terms: OrderTerms;
  /** The order's place in time among all orders. */
  readonly arrivalSeq: number;
  /** Time at which its record was written: milliseconds since 1970; 0: not written down. */
  readonly placedMs: number;
  readonly book: Book;
  readonly side: Side;
  /** Base units of quote for one lot. */
  readonly price: Amount;
  readonly lots: bigint;
  filledLots: bigint;
  sold: Amount;
  bought: Amount;
  /** Sequence number of the order's last trade; 0 before the first. */
  sequence: number;
  state: OrderState;
  /** Why it ended, where its state does not say it all. */
  reason: EndReason | undefined;
  /** Neighbours at its price while it rests. */
  earlier: OrderRecord | undefined;
  later: OrderRecord | undefined;
}

/** The amount that the order keeps locked while open: it may pay its own limit for every lot. */
export function lockedBy(record: OrderRecord): Amount {
  const lots = record.lots - record.filledLots;
  return record.side === "bid" ? lots * record.price : lots * record.book.market.lot;
}

interface Level {
  readonly price: Amount;
  first: OrderRecord;
  last: OrderRecord;
  lots: bigint;
  orders: number;
}

/** One side's prices, the best one last, so that the commonest changes move the fewest. */
class BookSide {
  readonly #side: Side;
  readonly #levels: Level[] = [];
  readonly #byPrice = new Map<Amount, Level>();

  constructor(side: Side) {
    this.#side = side;
  }

  best(): OrderRecord | undefined {
    return this.#levels[this.#levels.length - 1]?.first;
  }

  add(record: OrderRecord): void {
    const level = this.#byPrice.get(record.price);
    if (level === undefined) {
      const lots = record.lots - record.filledLots;
      const fresh: Level = { price: record.price, first: record, last: record, lots, orders: 1 };
      this.#byPrice.set(record.price, fresh);
      this.#levels.splice(this.#place(record.price), 0, fresh);
      return;
    }
    assert(level.last.arrivalSeq < record.arrivalSeq, "an order rests before an earlier one.");
    record.earlier = level.last;
    level.last.later = record;
    level.last = record;
    level.lots += record.lots - record.filledLots;
    level.orders++;
  }

  remove(record: OrderRecord): void {
    const level = this.#levelOf(record);
    const { earlier, later } = record;
    record.earlier = undefined;
    record.later = undefined;
    if (earlier === undefined && later === undefined) {
      this.#byPrice.delete(level.price);
      this.#levels.splice(this.#place(level.price), 1);
      return;
    }
    if (earlier === undefined) level.first = later as OrderRecord;
    else earlier.later = later;
    if (later === undefined) level.last = earlier as OrderRecord;
    else later.earlier = earlier;
    level.lots -= record.lots - record.filledLots;
    level.orders--;
  }

  /** Takes executed lots out of the depth of a resting order's price. */
  reduce(record: OrderRecord, lots: bigint): void {
    this.#levelOf(record).lots -= lots;
  }

  /** Best price first; `limit` of them. */
  depth(lot: Amount, limit: number): PriceLevel[] {
    return this.#levels
      .slice(Math.max(0, this.#levels.length - limit))
      .map(({ price, lots, orders }) => ({ price, baseAmount: lots * lot, orders }))
      .reverse();
  }

  /** Every order, best price first, earlier first. */
  *orders(): Generator<OrderRecord> {
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      let record = this.#levels[i]?.first;
      for (; record !== undefined; record = record.later) yield record;
    }
  }

  /** Where the price is among the levels, or belongs. */
  #place(price: Amount): number {
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBetter(price, (this.#levels[middle] as Level).price)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isBetter(price: Amount, other: Amount): boolean {
    return this.#side === "bid" ? price > other : price < other;
  }

  #levelOf(record: OrderRecord): Level {
    const level = this.#byPrice.get(record.price);
    assert(level !== undefined, () => `no order rests at ${record.price}.`);
    return level;
  }
}

export class Book {
  readonly market: Market;
  readonly #sides: { readonly [S in Side]: BookSide };

  constructor(market: Market) {
    this.market = market;
    this.#sides = { bid: new BookSide("bid"), ask: new BookSide("ask") };
  }

  /** Behind every order that rests at its price. */
  add(record: OrderRecord): void {
    this.#sides[record.side].add(record);
  }

  /** The order must rest here. */
  remove(record: OrderRecord): void {
    this.#sides[record.side].remove(record);
  }

  /** Call it with what a resting order executes, before that is booked. */
  reduce(record: OrderRecord, lots: bigint): void {
    this.#sides[record.side].reduce(record, lots);
  }

  /** First in line on a side. */
  best(side: Side): OrderRecord | undefined {
    return this.#sides[side].best();
  }

  /** First in line against `taker`, if their prices meet. */
  bestMatch(taker: OrderRecord): OrderRecord | undefined {
    const maker = this.best(taker.side === "bid" ? "ask" : "bid");
    if (maker === undefined) return undefined;
    const meets = taker.side === "bid" ? maker.price <= taker.price : maker.price >= taker.price;
    return meets ? maker : undefined;
  }

  /** All that rest against `taker` at prices that meet its own, in the order of matching. */
  *matches(taker: Pick<OrderRecord, "side" | "price">): Generator<OrderRecord> {
    const isBid = taker.side === "bid";
    for (const maker of this.#sides[isBid ? "ask" : "bid"].orders()) {
      if (isBid ? maker.price > taker.price : maker.price < taker.price) return;
      yield maker;
    }
  }

  depth(side: Side, limit: number): PriceLevel[] {
    return this.#sides[side].depth(this.market.lot, limit);
  }

  /** Every open order: bids, then asks, each in the order in which they would be matched. */
  *orders(): Generator<OrderRecord> {
    yield* this.#sides.bid.orders();
    yield* this.#sides.ask.orders();
  }
}
