/**
 * Tells a market's book: every level at first, then each level that changed with its whole size, 0
 * where it is gone. A client goes on from what it has seen where that was a message of this feed;
 * another operator's messages may end between two of ours, where a level may have come and gone, so
 * that they are followed by a snapshot.
 */
import type { Feed, Update } from "./feed.ts";

export interface Level {
  readonly price: bigint;
  readonly amount: bigint;
}

export interface WholeBook {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  readonly asOf: number;
}

type Sizes = ReadonlyMap<bigint, bigint>;

interface Sides<T> {
  readonly bids: T;
  readonly asks: T;
}

/** Prices that changed after the record `since`. */
interface Change extends Sides<ReadonlySet<bigint>> {
  readonly since: number;
}

/** Changes kept for who comes back. */
const KEPT_CHANGES = 1024;

export class BookFeed implements Feed {
  readonly #read: () => WholeBook;
  #book: Sides<Sizes>;
  #sequence: number;
  /** Oldest first, without a gap. */
  #changes: Change[] = [];

  constructor(read: () => WholeBook) {
    this.#read = read;
    const whole = read();
    this.#book = sizesOf(whole);
    this.#sequence = whole.asOf;
  }

  first(after: number | undefined): Update | undefined {
    const sequence = this.#sequence;
    if (after === sequence) return undefined;
    const begins = this.#changes.findLastIndex(({ since }) => since === after);
    if (after !== undefined && begins !== -1) {
      const data = this.#changedIn(this.#changes.slice(begins));
      return { type: "update", sequence, previous: after, data };
    }
    const { bids, asks } = this.#book;
    const data = { bids: levelsOf(bids, bids.keys()), asks: levelsOf(asks, asks.keys()) };
    return { type: "snapshot", sequence, previous: null, data };
  }

  next(): Update | undefined {
    const whole = this.#read();
    if (whole.asOf === this.#sequence) return undefined;
    const book = sizesOf(whole);
    const bids = difference(this.#book.bids, book.bids);
    const asks = difference(this.#book.asks, book.asks);
    if (bids.size === 0 && asks.size === 0) return undefined;
    const previous = this.#sequence;
    this.#book = book;
    this.#sequence = whole.asOf;
    this.#changes.push({ since: previous, bids, asks });
    if (this.#changes.length > 2 * KEPT_CHANGES) this.#changes = this.#changes.slice(-KEPT_CHANGES);
    const data = { bids: levelsOf(book.bids, bids), asks: levelsOf(book.asks, asks) };
    return { type: "update", sequence: whole.asOf, previous, data };
  }

  #changedIn(changes: readonly Change[]): Sides<Level[]> {
    const changed = (side: "bids" | "asks") =>
      levelsOf(this.#book[side], new Set(changes.flatMap((one) => [...one[side]])));
    return { bids: changed("bids"), asks: changed("asks") };
  }
}

function sizesOf({ bids, asks }: WholeBook): Sides<Sizes> {
  const sizes = (side: readonly Level[]) =>
    new Map(side.map(({ price, amount }) => [price, amount] as const));
  return { bids: sizes(bids), asks: sizes(asks) };
}

function difference(before: Sizes, now: Sizes): Set<bigint> {
  const changed = new Set<bigint>();
  for (const [price, amount] of now) if (before.get(price) !== amount) changed.add(price);
  for (const price of before.keys()) if (!now.has(price)) changed.add(price);
  return changed;
}

function levelsOf(sizes: Sizes, prices: Iterable<bigint>): Level[] {
  return Array.from(prices, (price) => ({ price, amount: sizes.get(price) ?? 0n }));
}
