import fc from "fast-check";
import { expect, test } from "vitest";
import { Book } from "../../exchange/model/book.ts";
import { OrderRecord } from "../../exchange/model/orderRecord.ts";
import { CountedOrders } from "../../exchange/model/ordersById.ts";
import type { Side } from "../../exchange/model/outcome.ts";
import { ALICE, limitOrder, MARKET, SIGNATURE } from "../../exchange/world.testkit.ts";
import { DEFAULT_TERMS } from "../../protocol/trading/terms.ts";
import { BookFeed, type Level, type WholeBook } from "./bookFeed.ts";
import type { Update } from "./feed.ts";

/** A market of its own, and what the feed has read of it. */
class Market {
  readonly book = new Book(MARKET);
  readonly feed: BookFeed;
  /** Levels that the feed was given since the last flush. */
  levelsRead = 0;
  #open: OrderRecord[] = [];
  #asOf = 0;

  constructor() {
    const watch = this.book.watch();
    const levels = (side: Side, prices: readonly bigint[]) => {
      this.levelsRead += prices.length;
      return prices.map((price) => ({ price, amount: this.book.lotsAt(side, price) * MARKET.lot }));
    };
    this.feed = new BookFeed(this.whole(), {
      take: () => {
        const { isCleared, bid, ask } = watch.take();
        return {
          isCleared,
          bids: levels("bid", bid),
          asks: levels("ask", ask),
          asOf: this.#asOf,
        };
      },
      stop: () => this.book.unwatch(watch),
    });
  }

  whole(): WholeBook {
    const levels = (side: Side) =>
      this.book.depth(side, 999).map(({ price, baseAmount }) => ({ price, amount: baseAmount }));
    return { bids: levels("bid"), asks: levels("ask"), asOf: this.#asOf };
  }

  rest(side: Side, price: number, lots: number): void {
    this.#asOf++;
    const one = new OrderRecord({
      account: { address: ALICE, leafIndex: 0, balances: new Map() },
      counted: new CountedOrders(),
      order: limitOrder(ALICE, 0, this.#asOf, side, lots, price),
      signature: SIGNATURE,
      terms: DEFAULT_TERMS,
      placedMs: 0,
      arrivalSeq: this.#asOf,
      book: this.book,
      measured: { side, price, lots },
    });
    this.book.add(one);
    this.#open.push(one);
  }

  cancel(at: number): void {
    this.#asOf++;
    const [gone] = this.#open.splice(at % Math.max(1, this.#open.length), 1);
    if (gone !== undefined) this.book.remove(gone);
  }

  endRound(): void {
    this.#asOf++;
    this.book.clear();
    this.#open = [];
  }
}

/** A reader's copy of the book. */
class Copy {
  sequence: number | undefined;
  readonly #sizes = { bids: new Map<bigint, bigint>(), asks: new Map<bigint, bigint>() };

  take(update: Update | undefined): void {
    if (update === undefined) return;
    const data = update.data as Record<"bids" | "asks", Level[]>;
    if (update.type === "update") expect(update.previous).toBe(this.sequence);
    this.sequence = update.sequence;
    for (const side of ["bids", "asks"] as const) {
      if (update.type === "snapshot") this.#sizes[side].clear();
      for (const { price, amount } of data[side]) {
        if (amount === 0n) this.#sizes[side].delete(price);
        else this.#sizes[side].set(price, amount);
      }
    }
  }

  levels() {
    const sorted = (side: "bids" | "asks", sign: 1 | -1) =>
      Array.from(this.#sizes[side], ([price, amount]) => ({ price, amount })).sort(
        (a, b) => sign * Number(a.price - b.price),
      );
    return { bids: sorted("bids", -1), asks: sorted("asks", 1) };
  }
}

const step = fc.oneof(
  fc.record({
    what: fc.constant("rest" as const),
    side: fc.constantFrom<Side>("bid", "ask"),
    price: fc.integer({ min: 1, max: 12 }),
    lots: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ what: fc.constant("cancel" as const), at: fc.nat() }),
  fc.constant({ what: "endRound" as const }),
);
const flushes = fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 20 });

function take(market: Market, one: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  if (one.what === "rest") market.rest(one.side, one.price, one.lots);
  else if (one.what === "cancel") market.cancel(one.at);
  else market.endRound();
}

test("a reader's copy is the book after each flush, also of a reader who was away", () => {
  fc.assert(
    fc.property(flushes, fc.nat({ max: 19 }), (all, away) => {
      const market = new Market();
      const [present, returning] = [new Copy(), new Copy()];
      for (const copy of [present, returning]) copy.take(market.feed.first(undefined));
      all.forEach((steps, flush) => {
        for (const one of steps) take(market, one);
        const update = market.feed.next();
        present.take(update);
        if (flush < away) returning.take(update);
        const { bids, asks } = market.whole();
        expect(present.levels()).toEqual({ bids, asks });
      });
      const missed = market.feed.first(returning.sequence);
      if (missed?.type === "update") expect(missed.previous).toBe(returning.sequence);
      returning.take(missed);
      expect(returning.levels()).toEqual(present.levels());
    }),
  );
});

test("a flush reads the levels that changed, not the book", () => {
  const market = new Market();
  for (let price = 1; price <= 500; price++) market.rest("bid", price, 1);
  market.feed.next();
  market.levelsRead = 0;
  market.rest("ask", 600, 2);
  market.rest("bid", 7, 2);
  expect(market.feed.next()?.data).toEqual({
    bids: [{ price: 7n, amount: 3n * MARKET.lot }],
    asks: [{ price: 600n, amount: 2n * MARKET.lot }],
  });
  expect(market.levelsRead).toBe(2);
  expect(market.feed.next()).toBeUndefined();
});

test("the end of a round is told by a snapshot of what is left, and of an empty book once", () => {
  const market = new Market();
  for (let price = 1; price <= 500; price++) market.rest("bid", price, 1);
  market.feed.next();
  market.levelsRead = 0;
  market.endRound();
  market.rest("bid", 3, 1);
  expect(market.feed.next()).toMatchObject({
    type: "snapshot",
    data: { bids: [{ price: 3n }], asks: [] },
  });
  expect(market.levelsRead).toBe(1);
  market.endRound();
  expect(market.feed.next()).toMatchObject({ type: "snapshot", data: { bids: [], asks: [] } });
  market.endRound();
  expect(market.feed.next()).toBeUndefined();
});

test("a closed feed costs its book nothing", () => {
  const market = new Market();
  market.feed.close();
  market.rest("bid", 3, 1);
  expect(market.feed.next()).toBeUndefined();
});
