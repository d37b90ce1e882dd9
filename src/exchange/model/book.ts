/**
 * One market's open orders, by price and then by time. The best order is there at once; a price
 * that comes or goes costs a binary search and moves those of its own block only, however many
 * there are. Equal prices queue in a linked list, so that taking one out of a crowd is cheap.
 * Clearing a book takes constant time.
 */
import { assert } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { Amount } from "../../protocol/units.ts";
import type { Market } from "./entries.ts";
import { difference, type Exact, exact, sum } from "./exact.ts";
import type { InLots, Level, OrderBook, OrderRecord } from "./orderRecord.ts";
import type { Side } from "./outcome.ts";
import type { PriceLevel } from "./viewTypes.ts";

/** Levels next to each other and their prices, which lie together so that a search is short. */
interface Block {
  readonly keys: Exact[];
  readonly levels: Level[];
}

/** Most prices of one block. */
const BLOCK_LEVELS = 64;

/**
 * One side's prices, the best one last, so that the commonest changes move the fewest; in blocks,
 * none of them empty.
 */
class BookSide {
  readonly #isBid: boolean;
  readonly #blocks: Block[] = [];
  /** The first price of each block. */
  readonly #firsts: Exact[] = [];
  readonly #byPrice = new Map<Exact, Level>();
  #best: Level | undefined;

  constructor(side: Side) {
    this.#isBid = side === "bid";
  }

  best(): OrderRecord | undefined {
    return this.#best?.first;
  }

  add(record: OrderRecord): void {
    const { price } = record;
    const level = this.#byPrice.get(price);
    const lots = record.left;
    if (level === undefined) {
      const fresh: Level = { price, first: record, last: record, lots, orders: 1 };
      record.level = fresh;
      this.#byPrice.set(price, fresh);
      this.#insert(fresh);
      return;
    }
    assert(level.last.arrivalSeq < record.arrivalSeq, "an order rests before an earlier one.");
    record.level = level;
    record.earlier = level.last;
    level.last.later = record;
    level.last = record;
    level.lots = sum(level.lots, lots);
    level.orders++;
  }

  remove(record: OrderRecord): void {
    const level = levelOf(record);
    const { earlier, later } = record;
    record.level = undefined;
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
    level.lots = difference(level.lots, record.left);
    level.orders--;
  }

  lotsAt(price: Amount): bigint {
    return BigInt(this.#byPrice.get(exact(price))?.lots ?? 0);
  }

  /** Best price first; `limit` of them. */
  depth(lot: Amount, limit: number): PriceLevel[] {
    const found: PriceLevel[] = [];
    for (const { price, lots, orders } of this.#bestFirst()) {
      if (found.length >= limit) break;
      found.push({ price: BigInt(price), baseAmount: BigInt(lots) * lot, orders });
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
      const { levels } = this.#blocks[at] as Block;
      for (let i = levels.length - 1; i >= 0; i--) yield levels[i] as Level;
    }
  }

  #insert(level: Level): void {
    const { price: key } = level;
    if (this.#best === undefined || this.#isBetter(key, this.#best.price)) this.#best = level;
    const at = Math.max(0, this.#countBefore(this.#firsts, key) - 1);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push({ keys: [key], levels: [level] });
      this.#firsts.push(key);
      return;
    }
    const { keys, levels } = block;
    const place = this.#countBefore(keys, key);
    putIn(keys, place, key);
    putIn(levels, place, level);
    if (place === 0) this.#firsts[at] = key;
    if (keys.length <= BLOCK_LEVELS) return;
    const half = BLOCK_LEVELS / 2;
    const next = { keys: keys.splice(half), levels: levels.splice(half) };
    putIn(this.#blocks, at + 1, next);
    putIn(this.#firsts, at + 1, next.keys[0] as Exact);
  }

  #delete(level: Level): void {
    const at = this.#countBefore(this.#firsts, level.price) - 1;
    const { keys, levels } = this.#blocks[at] as Block;
    const place = this.#countBefore(keys, level.price) - 1;
    takeOut(keys, place);
    takeOut(levels, place);
    if (keys.length === 0) {
      takeOut(this.#blocks, at);
      takeOut(this.#firsts, at);
    } else if (place === 0) this.#firsts[at] = keys[0] as Exact;
    if (level !== this.#best) return;
    this.#best = this.#blocks[this.#blocks.length - 1]?.levels.at(-1);
  }

  /** How many of the prices, the worst first, are not better than `key`. */
  #countBefore(keys: readonly Exact[], key: Exact): number {
    const isBid = this.#isBid;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = keys[middle] as Exact;
      if (isBid ? other <= key : other >= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isBetter(key: Exact, other: Exact): boolean {
    return this.#isBid ? key > other : key < other;
  }
}

function levelOf({ level, price }: OrderRecord): Level {
  assert(level !== undefined, () => `no order rests at ${price}.`);
  return level;
}

/** As `splice` does with one, which would make an array of what it took out. */
function putIn<T>(list: T[], at: number, item: T): void {
  list.push(item);
  for (let i = list.length - 1; i > at; i--) list[i] = list[i - 1] as T;
  list[at] = item;
}

function takeOut<T>(list: T[], at: number): void {
  for (let i = at + 1; i < list.length; i++) list[i - 1] = list[i] as T;
  list.pop();
}

/** The prices of a book whose levels changed, for a reader who keeps a copy of the book. */
export class BookWatch {
  readonly #changed = { bid: new Set<Exact>(), ask: new Set<Exact>() };
  #isCleared = false;

  /** Prices changed since the last call; `isCleared`: beside these nothing is left. */
  take(): { readonly isCleared: boolean } & { readonly [S in Side]: readonly Amount[] } {
    const { bid, ask } = this.#changed;
    const taken = {
      isCleared: this.#isCleared,
      bid: [...bid].map(BigInt),
      ask: [...ask].map(BigInt),
    };
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

export class Book implements OrderBook {
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
  reduce(record: OrderRecord, lots: Exact): void {
    const level = levelOf(record);
    level.lots = difference(level.lots, lots);
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
  *matches(taker: Pick<InLots, "side" | "price">): Generator<OrderRecord> {
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
    if (this.#watches.size === 0) return;
    for (const watch of this.#watches) watch.noteChange(record);
  }
}

function emptySides(): { readonly [S in Side]: BookSide } {
  return { bid: new BookSide("bid"), ask: new BookSide("ask") };
}

/** The books of a genesis by either token of their market and the other. */
export class BookIndex {
  readonly #books = new Map<Address, Map<Address, Book>>();
  /** The last one found: most orders are of the market of the one before. */
  #last: Book | undefined;

  constructor(books: readonly Book[]) {
    for (const book of books) {
      const { base, quote } = book.market;
      this.#add(base, quote, book);
      this.#add(quote, base, book);
    }
  }

  get(one: Address, other: Address): Book | undefined {
    const last = this.#last?.market;
    const isLast =
      last !== undefined &&
      ((last.base === one && last.quote === other) || (last.quote === one && last.base === other));
    if (!isLast) this.#last = this.#books.get(one)?.get(other);
    return this.#last;
  }

  #add(one: Address, other: Address, book: Book): void {
    const others = this.#books.get(one) ?? new Map<Address, Book>();
    this.#books.set(one, others.set(other, book));
  }
}
