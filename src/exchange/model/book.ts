/**
 * One market's open orders, by price and then by time. The best order is there at once; a price
 * that comes or goes costs a binary search and moves those of its own block only, however many
 * there are. Equal prices queue in a linked list, so that taking one out of a crowd is cheap.
 * Clearing a book takes constant time.
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
  /** As it was left: "open" also of what its round's end took out; see `orderState`. */
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

/** Most prices of one block. */
const BLOCK_LEVELS = 128;

/**
 * One side's prices, the best one last, so that the commonest changes move the fewest; in blocks,
 * none of them empty.
 */
class BookSide {
  readonly #side: Side;
  readonly #blocks: Level[][] = [];
  readonly #byPrice = new Map<Amount, Level>();

  constructor(side: Side) {
    this.#side = side;
  }

  best(): OrderRecord | undefined {
    const block = this.#blocks[this.#blocks.length - 1];
    return block?.[block.length - 1]?.first;
  }

  add(record: OrderRecord): void {
    const level = this.#byPrice.get(record.price);
    if (level === undefined) {
      const lots = record.lots - record.filledLots;
      const fresh: Level = { price: record.price, first: record, last: record, lots, orders: 1 };
      this.#byPrice.set(record.price, fresh);
      this.#insert(fresh);
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
      this.#delete(level);
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

  lotsAt(price: Amount): bigint {
    return this.#byPrice.get(price)?.lots ?? 0n;
  }

  /** Best price first; `limit` of them. */
  depth(lot: Amount, limit: number): PriceLevel[] {
    const found: PriceLevel[] = [];
    for (const { price, lots, orders } of this.#bestFirst()) {
      if (found.length >= limit) break;
      found.push({ price, baseAmount: lots * lot, orders });
    }
    return found;
  }

  /** Every order, best price first, earlier first. */
  *orders(): Generator<OrderRecord> {
    for (const level of this.#bestFirst()) {
      for (let record: OrderRecord | undefined = level.first; record !== undefined; ) {
        yield record;
        record = record.later;
      }
    }
  }

  *#bestFirst(): Generator<Level> {
    for (let at = this.#blocks.length - 1; at >= 0; at--) {
      const block = this.#blocks[at] as Level[];
      for (let i = block.length - 1; i >= 0; i--) yield block[i] as Level;
    }
  }

  #insert(level: Level): void {
    const at = this.#blockOf(level.price);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([level]);
      return;
    }
    block.splice(this.#place(block, level.price), 0, level);
    if (block.length <= BLOCK_LEVELS) return;
    this.#blocks.splice(at + 1, 0, block.splice(BLOCK_LEVELS / 2));
  }

  #delete(level: Level): void {
    const at = this.#blockOf(level.price);
    const block = this.#blocks[at] as Level[];
    block.splice(this.#place(block, level.price), 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** Place of the block in which the price is or belongs: the last that begins at or before it. */
  #blockOf(price: Amount): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const first = (this.#blocks[middle] as Level[])[0] as Level;
      if (this.#isBetter(first.price, price)) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  /** Where the price is in its block, or belongs. */
  #place(block: readonly Level[], price: Amount): number {
    let low = 0;
    let high = block.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBetter(price, (block[middle] as Level).price)) low = middle + 1;
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

/** The prices of a book whose levels changed, for a reader who keeps a copy of the book. */
export class BookWatch {
  readonly #changed = { bid: new Set<Amount>(), ask: new Set<Amount>() };
  #isCleared = false;

  /** Prices changed since the last call; `isCleared`: beside these nothing is left. */
  take(): { readonly isCleared: boolean } & { readonly [S in Side]: readonly Amount[] } {
    const { bid, ask } = this.#changed;
    const taken = { isCleared: this.#isCleared, bid: [...bid], ask: [...ask] };
    this.#isCleared = false;
    bid.clear();
    ask.clear();
    return taken;
  }

  noteChange({ side, price }: Pick<OrderRecord, "side" | "price">): void {
    this.#changed[side].add(price);
  }

  noteClearing(): void {
    this.take();
    this.#isCleared = true;
  }
}

export class Book {
  readonly market: Market;
  readonly #watches = new Set<BookWatch>();
  #sides: { readonly [S in Side]: BookSide };

  constructor(market: Market) {
    this.market = market;
    this.#sides = emptySides();
  }

  /**
   * Takes every order out, in constant time, and gives them as `orders` does. What the records say
   * of themselves stays.
   */
  clear(): Iterable<OrderRecord> {
    const { bid, ask } = this.#sides;
    this.#sides = emptySides();
    for (const watch of this.#watches) watch.noteClearing();
    return {
      *[Symbol.iterator]() {
        yield* bid.orders();
        yield* ask.orders();
      },
    };
  }

  /** Behind every order that rests at its price. */
  add(record: OrderRecord): void {
    this.#sides[record.side].add(record);
    this.#tell(record);
  }

  /** The order must rest here. */
  remove(record: OrderRecord): void {
    this.#sides[record.side].remove(record);
    this.#tell(record);
  }

  /** Call it with what a resting order executes, before that is booked. */
  reduce(record: OrderRecord, lots: bigint): void {
    this.#sides[record.side].reduce(record, lots);
    this.#tell(record);
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

  /** Lots that rest at the price. */
  lotsAt(side: Side, price: Amount): bigint {
    return this.#sides[side].lotsAt(price);
  }

  /** From now on the watch is told of changes, until `unwatch`. */
  watch(): BookWatch {
    const watch = new BookWatch();
    this.#watches.add(watch);
    return watch;
  }

  unwatch(watch: BookWatch): void {
    this.#watches.delete(watch);
  }

  depth(side: Side, limit: number): PriceLevel[] {
    return this.#sides[side].depth(this.market.lot, limit);
  }

  /** Every open order: bids, then asks, each in the order in which they would be matched. */
  *orders(): Generator<OrderRecord> {
    yield* this.#sides.bid.orders();
    yield* this.#sides.ask.orders();
  }

  #tell(record: OrderRecord): void {
    for (const watch of this.#watches) watch.noteChange(record);
  }
}

function emptySides(): { readonly [S in Side]: BookSide } {
  return { bid: new BookSide("bid"), ask: new BookSide("ask") };
}
