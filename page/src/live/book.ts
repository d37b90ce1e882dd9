/** A market's book: whole sizes by price, grouped and summed up for people. Pure. */
import type { BookResponse, LevelResponse } from "../../../src/wire/schemas/market.ts";

export type Side = "bids" | "asks";
export type Changes = Pick<BookResponse, Side>;

/** Sizes in base units by price; changed in place, a thousand times a second if need be. */
export interface Book {
  readonly bids: Map<bigint, bigint>;
  readonly asks: Map<bigint, bigint>;
}

export function emptyBook(): Book {
  return { bids: new Map(), asks: new Map() };
}

/** `isWhole`: nothing of what was there before counts. */
export function applyChanges(book: Book, changes: Changes, isWhole: boolean): void {
  for (const side of ["bids", "asks"] as const) {
    if (isWhole) book[side].clear();
    for (const { price, amount } of changes[side]) {
      if (amount === 0n) book[side].delete(price);
      else book[side].set(price, amount);
    }
  }
}

/** The best price of a side, in base units of quote for a lot; undefined: nothing is offered. */
export function bestOf(book: Book, side: Side): bigint | undefined {
  const isBetter = side === "bids" ? descending : ascending;
  let best: bigint | undefined;
  for (const price of book[side].keys()) {
    if (best === undefined || isBetter(price, best) < 0) best = price;
  }
  return best;
}

export interface DepthLevel extends LevelResponse {
  /** Base units up to this level, from the best price on. */
  readonly sum: bigint;
}

/**
 * Levels of one side, best first, at most `depth`. `group`: prices are gathered at multiples of it,
 * away from the middle, as the operator does it over HTTP.
 */
export function levelsOf(book: Book, side: Side, group: bigint, depth: number): DepthLevel[] {
  const sizes = new Map<bigint, bigint>();
  for (const [price, amount] of book[side]) {
    const below = price - (price % group);
    const at = side === "bids" || below === price ? below : below + group;
    sizes.set(at, (sizes.get(at) ?? 0n) + amount);
  }
  const isBetter = side === "bids" ? descending : ascending;
  const prices = [...sizes.keys()].sort(isBetter).slice(0, depth);
  let sum = 0n;
  return prices.map((price) => {
    const amount = sizes.get(price) as bigint;
    sum += amount;
    return { price, amount, sum };
  });
}

const ascending = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
const descending = (a: bigint, b: bigint) => ascending(b, a);

/** Steps by which the book can be gathered: 1, 10, 100 … ticks, up to a hundredth of the price. */
export function groupsOf(tick: bigint, price: bigint): bigint[] {
  const groups = [tick];
  for (let group = tick * 10n; group * 100n <= price && groups.length < 6; group *= 10n) {
    groups.push(group);
  }
  return groups;
}
