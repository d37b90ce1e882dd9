/**
 * Tells a market's book: every level at first, then each level that changed with its whole size, 0
 * where it is gone. A client goes on from what it has seen where that was a message of this feed;
 * another operator's messages may end between two of ours, where a level may have come and gone, so
 * that they are followed by a snapshot. So is the end of a round, which clears the book. Work grows
 * with the changes, not with the book.
 */
import type { BookChanges } from "../../operator/api/operatorApi.ts";
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

interface Sides<T> {
  readonly bids: T;
  readonly asks: T;
}

/** Prices that changed after the record `since`. */
interface Change extends Sides<readonly bigint[]> {
  readonly since: number;
}

/** Changes kept for who comes back. */
const KEPT_CHANGES = 1024;

export class BookFeed implements Feed {
  readonly #changes: BookChanges;
  /** The book as it was told. */
  readonly #book: Sides<Map<bigint, bigint>>;
  #sequence: number;
  /** Oldest first, without a gap. */
  #kept: Change[] = [];

  /** `whole`: the book as it is now, from which on `changes` are told. */
  constructor(whole: WholeBook, changes: BookChanges) {
    const sizes = (side: readonly Level[]) => new Map(side.map((one) => [one.price, one.amount]));
    this.#changes = changes;
    this.#book = { bids: sizes(whole.bids), asks: sizes(whole.asks) };
    this.#sequence = whole.asOf;
  }

  first(after: number | undefined): Update | undefined {
    const sequence = this.#sequence;
    if (after === sequence) return undefined;
    const begins = this.#kept.findLastIndex(({ since }) => since === after);
    if (after === undefined || begins === -1) return this.#snapshot();
    const missed = this.#kept.slice(begins);
    const changed = (side: "bids" | "asks") =>
      this.#levelsOf(side, new Set(missed.flatMap((one) => one[side])));
    const data = { bids: changed("bids"), asks: changed("asks") };
    return { type: "update", sequence, previous: after, data };
  }

  next(): Update | undefined {
    const { isCleared, bids, asks, asOf } = this.#changes.take();
    const hadLevels = this.#book.bids.size + this.#book.asks.size > 0;
    if (isCleared) for (const side of [this.#book.bids, this.#book.asks]) side.clear();
    const data = { bids: this.#take("bids", bids), asks: this.#take("asks", asks) };
    if (data.bids.length === 0 && data.asks.length === 0 && !(isCleared && hadLevels)) {
      return undefined;
    }
    const previous = this.#sequence;
    this.#sequence = asOf;
    if (isCleared) {
      this.#kept = [];
      return this.#snapshot();
    }
    const prices = (side: readonly Level[]) => side.map(({ price }) => price);
    this.#kept.push({ since: previous, bids: prices(data.bids), asks: prices(data.asks) });
    if (this.#kept.length > 2 * KEPT_CHANGES) this.#kept = this.#kept.slice(-KEPT_CHANGES);
    return { type: "update", sequence: asOf, previous, data };
  }

  close(): void {
    this.#changes.stop();
  }

  /** Levels of another size than told, which are told now. */
  #take(side: "bids" | "asks", levels: readonly Level[]): Level[] {
    const told = this.#book[side];
    return levels.filter(({ price, amount }) => {
      if ((told.get(price) ?? 0n) === amount) return false;
      if (amount === 0n) told.delete(price);
      else told.set(price, amount);
      return true;
    });
  }

  #snapshot(): Update {
    const { bids, asks } = this.#book;
    const data = {
      bids: this.#levelsOf("bids", bids.keys()),
      asks: this.#levelsOf("asks", asks.keys()),
    };
    return { type: "snapshot", sequence: this.#sequence, previous: null, data };
  }

  #levelsOf(side: "bids" | "asks", prices: Iterable<bigint>): Level[] {
    const sizes = this.#book[side];
    return Array.from(prices, (price) => ({ price, amount: sizes.get(price) ?? 0n }));
  }
}
