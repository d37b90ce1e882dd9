/** The projections of the journal: candles, ledger and trades against a naive model of them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Trade } from "../../exchange/model/outcome.ts";
import { ALICE, BASE, BOB, QUOTE, THIRD } from "../../exchange/world.testkit.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { CANDLES_KEPT, Candles, INTERVAL_MS } from "./candles.ts";
import { History } from "./history.ts";
import { storedJournal, tradingEntries } from "./journals.testkit.ts";
import { Ledger, MOVES_PER_CLIENT, type Move } from "./ledger.ts";
import { replay } from "./replay.ts";

const START = 1_767_225_600_000;

function tradeAt(sequence: number, price: bigint, lots: bigint): Trade {
  const order = (owner: typeof ALICE) => ({ owner, round: 1, id: BigInt(sequence) });
  return {
    sequence: BigInt(sequence),
    base: BASE,
    quote: QUOTE,
    price,
    lots,
    baseAmount: lots * 10n,
    quoteAmount: lots * price,
    takerSide: "bid",
    round: 1,
    block: 9,
    maker: order(ALICE),
    taker: order(BOB),
    timeMs: 0,
  };
}

const steps = fc.array(
  fc.record({
    laterMs: fc.integer({ min: 0, max: 3 * 60_000 * 60 }),
    price: fc.bigInt({ min: 1n, max: 50n }),
    lots: fc.bigInt({ min: 1n, max: 9n }),
  }),
  { minLength: 1, maxLength: 60 },
);

describe("candles", () => {
  it("candles hold for each span what a model finds in its trades", () => {
    fc.assert(
      fc.property(steps, fc.constantFrom("1m", "15m", "1h", "1d"), (all, interval) => {
        let timeMs = START;
        const timed = all.map(({ laterMs, price, lots }, at) => {
          timeMs += laterMs;
          return { timeMs, trade: tradeAt(at + 1, price, lots) };
        });
        const candles = new Candles();
        for (const one of timed) candles.add(one.trade, one.timeMs);
        const spans = Map.groupBy(timed, (one) => Math.floor(one.timeMs / INTERVAL_MS[interval]));
        const expected = [...spans].map(([span, within]) => {
          const prices = within.map(({ trade }) => trade.price);
          const sum = (amounts: bigint[]) => amounts.reduce((a, b) => a + b, 0n);
          return {
            openMs: span * INTERVAL_MS[interval],
            open: prices[0],
            close: prices.at(-1),
            trades: within.length,
            high: prices.reduce((a, b) => (a > b ? a : b)),
            low: prices.reduce((a, b) => (a < b ? a : b)),
            baseAmount: sum(within.map(({ trade }) => trade.baseAmount)),
            quoteAmount: sum(within.map(({ trade }) => trade.quoteAmount)),
          };
        });
        const market = { base: BASE, quote: QUOTE };
        expect(candles.of(market, interval)).toEqual(expected);
        expect(Candles.decode(candles.encode()).of(market, interval)).toEqual(expected);
        expect(candles.of({ base: THIRD, quote: QUOTE }, interval)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("candles give figures of the last 24 hours, and none of older ones", () => {
    const candles = new Candles();
    candles.add(tradeAt(1, 900n, 1n), START);
    candles.add(tradeAt(2, 50n, 2n), START + 120_000);
    candles.add(tradeAt(3, 40n, 3n), START + 240_000);
    const day = (nowMs: number) => candles.day(BASE, QUOTE, nowMs);
    expect(day(START + INTERVAL_MS["1d"])).toMatchObject({
      open: 50n,
      high: 50n,
      low: 40n,
      baseAmount: 50n,
      quoteAmount: 220n,
      trades: 2,
    });
    expect(day(START + 2 * INTERVAL_MS["1d"])).toBeUndefined();
  });

  it("candles are kept up to a number, and a trade without a time is in none", () => {
    const candles = new Candles();
    for (let minute = 0; minute < 2 * CANDLES_KEPT + 10; minute++) {
      candles.add(tradeAt(minute + 1, 5n, 1n), START + minute * 60_000);
    }
    candles.add(tradeAt(9999, 5n, 1n), 0);
    const market = { base: BASE, quote: QUOTE };
    const kept = candles.of(market, "1m", { limit: 10 ** 6 });
    expect(kept.length).toBeGreaterThanOrEqual(CANDLES_KEPT);
    expect(kept.length).toBeLessThan(2 * CANDLES_KEPT);
    expect(kept.at(-1)?.openMs).toBe(START + (2 * CANDLES_KEPT + 9) * 60_000);
    const from = START + 2 * CANDLES_KEPT * 60_000;
    const page = candles.of(market, "1m", { fromMs: from, beforeMs: from + 180_000, limit: 2 });
    expect(page.map(({ openMs }) => openMs)).toEqual([from, from + 60_000]);
  });
});

describe("trades", () => {
  const history = new History();
  for (let at = 1; at <= 30; at++) {
    history.record(at, [{ what: "trade", trade: tradeAt(at, 5n, 1n) }], START);
  }
  const sequences = (page: Parameters<History["ofMarket"]>[2]) =>
    history.ofMarket(BASE, QUOTE, page).map(({ sequence }) => Number(sequence));

  it("trades are read by cursor in both directions, without a gap and without a double", () => {
    expect(sequences({ limit: 3 })).toEqual([30, 29, 28]);
    expect(sequences({ limit: 3, before: 28n })).toEqual([27, 26, 25]);
    expect(sequences({ limit: 3, before: 2n })).toEqual([1]);
    expect(sequences({ limit: 3, before: 1n })).toEqual([]);
    expect(sequences({ limit: 3, after: 0n })).toEqual([1, 2, 3]);
    expect(sequences({ limit: 3, after: 28n })).toEqual([29, 30]);
    expect(sequences({ limit: 3, after: 30n })).toEqual([]);
    const own = history.ofClient(BOB, { limit: 2, before: 4n });
    expect(own.map(({ trade }) => trade.sequence)).toEqual([3n, 2n]);
  });

  const asText = (saved: unknown) =>
    new TextEncoder().encode(
      JSON.stringify(saved, (_, part) =>
        typeof part === "bigint" ? { units: part.toString() } : part,
      ),
    );

  it("trades of a snapshot of an earlier release are taken over", () => {
    const { timeMs: _, ...old } = tradeAt(1, 5n, 1n);
    const found = History.decode(asText([old]), 7);
    expect(found.upTo).toBe(7);
    expect(found.ofMarket(BASE, QUOTE, { limit: 5 })).toEqual([tradeAt(1, 5n, 1n)]);
  });

  it("a history of a snapshot in JSON is taken over", () => {
    const move: Move = {
      record: 3,
      index: 0,
      timeMs: START,
      client: ALICE,
      kind: "withdrawal",
      token: BASE,
      amount: 7n,
      round: 1,
      block: undefined,
      transactionHash: undefined,
    };
    const candles = new Candles();
    candles.add(tradeAt(1, 5n, 1n), START);
    const trades = [tradeAt(1, 5n, 1n)];
    const saved = { form: 2, timeMs: START, trades, candles: candles.encode(), moves: [move] };
    const found = History.decode(asText(saved), 7);
    expect(found.timeMs).toBe(START);
    expect(found.ofMarket(BASE, QUOTE, { limit: 5 })).toEqual(trades);
    expect(found.ledger.of(ALICE)).toEqual([move]);
    expect(found.candles.encode()).toEqual(candles.encode());
    expect(History.decode(found.encode(), 7)).toEqual(found);
  });
});

describe("the ledger", () => {
  it("the ledger keeps the newest entries of each client, and gives them by cursor", () => {
    const ledger = new Ledger();
    for (let record = 1; record <= MOVES_PER_CLIENT + 20; record++) {
      ledger.add(record, START, [
        {
          what: "withdrawalDecided",
          client: ALICE,
          token: BASE,
          round: 1,
          amount: BigInt(record),
          decision: "debited",
        },
      ]);
    }
    const records = (before?: number, limit?: number) =>
      ledger.of(ALICE, before, limit).map(({ record }: Move) => record);
    expect(records()).toHaveLength(MOVES_PER_CLIENT);
    expect(records(undefined, 2)).toEqual([MOVES_PER_CLIENT + 20, MOVES_PER_CLIENT + 19]);
    expect(records(23, 5)).toEqual([22, 21]);
    expect(ledger.of(BOB)).toEqual([]);
  });
});

it("the same history follows from the journal, whichever snapshot it begins from", async () => {
  const entries = tradingEntries().map((entry, at) => ({ ...entry, timeMs: START + at * 1000 }));
  const found: Uint8Array[] = [];
  for (const snapshots of [[], [7], [20], [entries.length]]) {
    const journal = await openSqliteJournal(await storedJournal(entries, snapshots));
    const { history } = await replay(journal, () => {});
    await journal.close();
    found.push(history.encode());
    expect(History.decode(history.encode(), history.upTo).encode()).toEqual(history.encode());
    expect(history.ledger.of(ALICE)).not.toEqual([]);
    expect(history.candles.of({ base: BASE, quote: QUOTE }, "1d")).not.toEqual([]);
  }
  for (const bytes of found) expect(bytes).toEqual(found[0]);
});
