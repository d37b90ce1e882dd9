/**
 * A book that is read by the stream alone, while operators are killed and hand over: each state
 * that was told is the machine's after the same record of the journal, level by level.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ExchangeClient } from "../src/client/client.ts";
import type { MirroredBook } from "../src/client/streaming/bookMirror.ts";
import { ExchangeStream } from "../src/client/streaming/exchangeStream.ts";
import { apply, begin } from "../src/exchange/apply.ts";
import { decodeEntry } from "../src/exchange/model/entries.ts";
import type { State } from "../src/exchange/model/state.ts";
import { book } from "../src/exchange/queries/views.ts";
import { chooseSeed, Random } from "./support/checks/random.ts";
import { until } from "./support/exchange/exchange.ts";
import {
  type OperatorsExchange,
  startOperatorsExchange,
} from "./support/exchange/severalOperators.ts";

const MARKET = "WETH/USDC";
const seed = chooseSeed();
let exchange: OperatorsExchange;
let ada: ExchangeClient;
let bob: ExchangeClient;
beforeAll(async () => {
  exchange = await startOperatorsExchange();
  [ada, bob] = [await exchange.client(0), await exchange.client(1)];
});
afterAll(() => exchange?.stop());

/** The machine's book after each record at which a book was told. */
async function machineBooks(sequences: ReadonlySet<number>) {
  const { weth: base, usdc: quote } = exchange;
  const found = new Map<number, object>();
  let state: State | undefined;
  for (const { sequence, payload } of await exchange.records(0)) {
    const entry = decodeEntry(payload);
    if (state === undefined) state = begin(entry);
    else apply(state, entry);
    if (!sequences.has(sequence)) continue;
    const view = book(state, { sellToken: base, buyToken: quote }, Number.MAX_SAFE_INTEGER);
    const side = (levels: readonly { price: bigint; baseAmount: bigint }[] = []) =>
      levels.map(({ price, baseAmount: amount }) => ({ price, amount }));
    found.set(sequence, { bids: side(view?.bids), asks: side(view?.asks) });
  }
  return found;
}

it(`a book that is read by the stream is the machine's, through kills and hand-overs (QUARTERDECK_SEED=${seed})`, async () => {
  const random = new Random(seed);
  const told: MirroredBook[] = [];
  const heardAt = new Set<string>();
  const stream = new ExchangeStream(ada, {
    onConnection: (url) => void (url !== undefined && heardAt.add(url)),
  });
  stream.subscribeBook(MARKET, (one) => void told.push(one));
  await until("the book is told", () => told.length > 0);

  const place = async (count: number) => {
    for (let at = 0; at < count; at++) {
      const side = random.chance(0.5) ? "buy" : "sell";
      const price = String(random.from(2990, 3010));
      const amount = `0.${random.from(1, 9)}`;
      const trader = random.chance(0.5) ? ada : bob;
      // The end of a round, or of its funds, is no matter here.
      await trader.createOrder({ market: MARKET, side, price, amount }).catch(() => {});
      if (at % 10 === 9) await trader.orders.cancelAll().catch(() => {});
    }
  };
  const untilTold = async () => {
    await until("the last of the book is told", async () => {
      const { bids, asks } = await bob.market.fetchOrderBook(MARKET, { depth: 500 });
      const levels = (side: readonly { price: bigint; amount: bigint }[]) =>
        side.map(({ price, amount }) => `${price} ${amount}`).join();
      const last = told.at(-1);
      return levels(bids) === levels(last?.bids ?? []) && levels(asks) === levels(last?.asks ?? []);
    });
  };

  await place(25);
  await untilTold();
  for (let kills = 0; kills < 2; kills++) {
    const leader = await exchange.leader();
    const [killed] = await Promise.all([leader.kill(), place(15)]);
    expect(killed).not.toBe(0);
    await place(15);
    await leader.start();
    await untilTold();
  }
  // Slots pass on: hand-overs of operators that live.
  const { epoch } = await exchange.lease();
  await until("the lead is handed over", async () => {
    await place(3);
    await sleep(100);
    return (await exchange.lease()).epoch > epoch;
  });
  await place(10);
  await untilTold();
  await stream.close();

  const machine = await machineBooks(new Set(told.map(({ sequence }) => sequence)));
  expect(told.length).toBeGreaterThan(40);
  expect(heardAt.size).toBeGreaterThan(1);
  for (const { sequence, bids, asks } of told) {
    expect({ bids, asks }, `record ${sequence}`).toEqual(machine.get(sequence));
  }
});
