/** Market data as the API tells it, of an exchange in which Alice and Bob trade. */
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import { localSigner } from "../../chain/signer.ts";
import { apply, begin } from "../../exchange/apply.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import {
  ALICE,
  BASE,
  BOB,
  GENESIS,
  hashOfBlock,
  limitOrder,
  QUOTE,
  tradingWorld,
} from "../../exchange/world.testkit.ts";
import { ledgerEntry } from "../../wire/schemas/account.ts";
import { candle, ticker } from "../../wire/schemas/market.ts";
import { toJson } from "../../wire/schemas/values.ts";
import { History } from "../replay/history.ts";
import { ChainHead } from "../sequencing/chainHead.ts";
import { FillSigner } from "./fillSigner.ts";
import { marketData } from "./marketData.ts";
import {
  bookResponse,
  candlesResponse,
  depositsResponse,
  hasMarket,
  ledgerResponse,
  tickerResponse,
} from "./marketQueries.ts";
import { clientTradesResponse, type QuerySources } from "./queries.ts";

const NOW = 1_767_225_600_000;
const domain = { chainId: GENESIS.chainId, mediator: GENESIS.mediator };

function exchange(): QuerySources {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 4, 55));
  world.place(limitOrder(ALICE, 0, 2, "ask", 1, 60));
  world.place(limitOrder(ALICE, 0, 3, "ask", 2, 65));
  world.place(limitOrder(BOB, 0, 4, "bid", 3, 40));
  world.place(limitOrder(BOB, 0, 5, "bid", 1, 45));
  world.place(limitOrder(BOB, 0, 6, "bid", 2, 55));
  const [genesis, ...entries] = world.entries;
  const state = begin(genesis as Entry);
  const history = new History();
  for (const [index, entry] of entries.entries()) {
    history.record(index + 2, apply(state, entry).events, NOW);
  }
  const fills = new FillSigner(localSigner(`0x${"07".repeat(32)}`), domain);
  return { state, history, curve: nobleCurve, domain, fills };
}

const sources = exchange();

it("levels are grouped by price, bids down and asks up, and nothing is lost", () => {
  const book = (group?: bigint, depth = 10) =>
    bookResponse(sources, BASE, QUOTE, { depth, ...(group !== undefined && { group }) });
  expect(book()?.asks.map(({ price, amount }) => [price, amount])).toEqual([
    [55n, 20n],
    [60n, 10n],
    [65n, 20n],
  ]);
  expect(book(10n)).toMatchObject({
    asks: [
      { price: 60n, amount: 30n },
      { price: 70n, amount: 20n },
    ],
    bids: [{ price: 40n, amount: 40n }],
  });
  expect(book(10n, 1)?.asks).toEqual([{ price: 60n, amount: 30n }]);
  expect(book(5n)).toEqual(book());
  expect(bookResponse(sources, QUOTE, BASE, { depth: 1 })).toBeUndefined();
  expect(hasMarket(sources, QUOTE, BASE)).toBe(false);
});

it("the ticker tells best prices, the last price, and 24 hours", () => {
  const found = tickerResponse(sources, BASE, QUOTE);
  expect(found).toMatchObject({
    bid: { price: 45n },
    ask: { price: 55n },
    last: 55n,
    open: 55n,
    high: 55n,
    low: 55n,
    baseVolume: 20n,
    quoteVolume: 110n,
    trades: 1,
    timeMs: NOW,
  });
  expect(ticker.parse(JSON.parse(toJson(found)))).toEqual(found);
});

it("a candle says whether it is closed", () => {
  const found = candlesResponse(sources, BASE, QUOTE, { interval: "1m", limit: 5 });
  expect(found).toMatchObject([{ openMs: NOW, close: 55n, closed: false }]);
  expect(candle.array().parse(JSON.parse(toJson(found)))).toEqual(found);
  sources.history.record(99, [], NOW + 60_000);
  const later = candlesResponse(sources, BASE, QUOTE, { interval: "1m", limit: 5 });
  expect(later).toMatchObject([{ openMs: NOW, closed: true }]);
});

it("a trade says on which side each client was", () => {
  const of = (client: typeof ALICE) => clientTradesResponse(sources.history, client, { limit: 5 });
  expect(of(ALICE)).toMatchObject([{ role: "maker", side: "sell", orderId: 1n }]);
  expect(of(BOB)).toMatchObject([{ role: "taker", side: "buy", orderId: 6n }]);
});

it("deposits are told with the confirmations that they still want, then as credited", () => {
  const head = sources.state.head?.number ?? 0;
  const { confirmations } = GENESIS;
  const made = (block: number) => ({
    client: ALICE,
    token: BASE,
    amount: 5n,
    block,
    transactionHash: `0x${"ab".repeat(32)}` as const,
  });
  const pending = [made(head), made(head + 1), made(head + 2)];
  const told = depositsResponse(sources, ALICE, pending, head + 2, 10);
  expect(told.slice(0, 2)).toMatchObject([
    { block: head + 2, state: "pending", confirmationsLeft: Math.max(1, confirmations) },
    { block: head + 1, state: "pending", confirmationsLeft: Math.max(1, confirmations - 1) },
  ]);
  const credited = told.slice(2);
  expect(credited.length).toBeGreaterThan(0);
  for (const one of credited) {
    expect(one).toMatchObject({ state: "credited", confirmationsLeft: 0, round: 0 });
  }
  const ledger = ledgerResponse(sources, ALICE, { limit: 10 });
  expect(ledger.map(({ kind }) => kind)).toEqual(credited.map(() => "deposit"));
  expect(ledgerEntry.array().parse(JSON.parse(toJson(ledger)))).toEqual(ledger);
});

it("a deposit is pending or credited, also to who asked while its record is half applied", async () => {
  const { history, ...rest } = exchange();
  const { state } = rest;
  const head = new ChainHead(state);
  const block = (state.head?.number ?? 0) + 1;
  head.note(block);
  const transactionHash = hashOfBlock(7);
  const made = { client: ALICE, token: BASE, amount: 77n, block, transactionHash };
  const chain = Promise.withResolvers<readonly (typeof made)[]>();
  const { api } = marketData(
    { history, ...rest },
    head,
    () => chain.promise,
    () => {},
  );
  const asked = api.deposits(ALICE, 10);
  const end = history.beginParts();
  const placed = { block, blockHash: hashOfBlock(block), logIndex: 0, transactionHash };
  const log = { kind: "deposited", client: ALICE, token: BASE, amount: 77n, round: 0 } as const;
  const to = { number: block, hash: hashOfBlock(block) };
  const { events } = apply(state, { kind: "blocks", to, logs: [{ ...log, ...placed }] });
  chain.resolve([made]);
  await setImmediate();
  history.record(99, events, NOW);
  end();
  const told = (await asked).filter(({ amount }) => amount === 77n);
  expect(told).toMatchObject([{ state: "credited" }]);
});
