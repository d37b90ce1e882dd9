/**
 * The stream over real sockets, of a machine with a real journal: what a client reads from it is
 * held against the machine's own book, also after a restart and at an operator that follows.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import type { Address } from "../../base/hex.ts";
import { localSigner } from "../../chain/signer.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import { order } from "../../exchange/queries/views.ts";
import {
  ALICE,
  BASE,
  BOB,
  CAROL,
  GENESIS,
  limitOrder,
  QUOTE,
  SIGNATURE,
  tradingWorld,
} from "../../exchange/world.testkit.ts";
import type { Journal } from "../../journal/journal.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { openSqliteReader } from "../../journal/sqlite/reader.ts";
import { clientsIn, eventsOf } from "../../operator/api/events.ts";
import { FillSigner } from "../../operator/api/fillSigner.ts";
import { marketData } from "../../operator/api/marketData.ts";
import type { ApiEvent, OperatorApi } from "../../operator/api/operatorApi.ts";
import {
  balancesResponse,
  clockResponse,
  orderResponse,
  ordersResponse,
  type QuerySources,
} from "../../operator/api/queries.ts";
import { storedJournal } from "../../operator/replay/journals.testkit.ts";
import { replay } from "../../operator/replay/replay.ts";
import { ChainHead } from "../../operator/sequencing/chainHead.ts";
import { headAt, Replica } from "../../operator/sequencing/replica.ts";
import { Sequencer } from "../../operator/sequencing/sequencer.ts";
import { refuse } from "../../protocol/refusals.ts";
import { STREAM_PATH, type StreamEvent, streamEvent } from "../../wire/stream.ts";
import { serveStream } from "../stream.ts";

const domain = { chainId: GENESIS.chainId, mediator: GENESIS.mediator };
/** As `expect.poll` has it. */
const PATIENCE_MS = 60_000;
const SESSION = `Quarterdeck ${ALICE} 5 0x${"11".repeat(32)} 0x${"22".repeat(32)}`;

/** An operator that leads, or follows the journal of another, and serves the stream. */
async function operator(folder: string, mode: "leads" | "follows") {
  const journal =
    mode === "leads" ? await openSqliteJournal(folder) : await openSqliteReader(folder);
  const { state, history, sequence } = await replay(journal, () => {});
  const fills = new FillSigner(localSigner(`0x${"07".repeat(32)}`), domain);
  const sources: QuerySources = { state, history, curve: nobleCurve, domain, fills };
  const listeners = new Set<(event: ApiEvent) => void>();
  const tell = (event: ApiEvent) => {
    for (const listener of listeners) listener(event);
  };
  const onApplied = (_: Entry, outcome: Outcome) => {
    tell({ kind: "applied", asOf: history.upTo, clients: clientsIn(outcome.events) });
    void Promise.resolve(eventsOf(sources, outcome)).then((events) => events.forEach(tell));
  };
  const parts: Partial<OperatorApi> = {
    ...marketData(
      sources,
      new ChainHead(state),
      async () => [],
      () => {},
    ).api,
    asOf: () => history.upTo,
    whenWhole: () => history.whenWhole(),
    clock: () => clockResponse(state, state.head?.number ?? 0),
    notReady: () => undefined,
    balances: (client) => balancesResponse(sources, client),
    withdrawals: () => [],
    orders: async (client) => ({ ok: true, value: await ordersResponse(sources, client) }),
    authorize: (client) =>
      client === ALICE ? undefined : refuse("Unauthorized", { problem: "Not Alice." }),
    attend: () => () => {},
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const sequencer =
    mode === "leads"
      ? new Sequencer({
          journal: journal as Journal,
          state,
          history,
          onApplied,
          onFailure: () => {},
        })
      : undefined;
  parts.placeOrder = async (placed) => {
    const { refusal } = (await sequencer?.submit({ kind: "placeOrder", ...placed } as Entry)) ?? {};
    if (refusal !== undefined) return { ok: false, refusal };
    const view = order(state, placed.order);
    if (view === undefined) throw new Error("not there");
    return { ok: true, value: await orderResponse(sources, view) };
  };
  const head = await headAt(journal, sequence);
  const replica = new Replica({ state, history, head, onApplied });
  const server = createServer();
  const api = parts as OperatorApi;
  const stream = serveStream(server, api);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    await stream.close();
    await new Promise((resolve) => server.close(resolve));
    await journal.close();
  };
  const url = urlOf(server);
  return { api, history, sequencer, stop, url, catchUp: () => replica.catchUp(journal) };
}

function urlOf(server: Server): string {
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}${STREAM_PATH}`;
}

/** A socket, and everything that it was told. */
async function connect(url: string) {
  const socket = new WebSocket(url);
  const told: StreamEvent[] = [];
  socket.addEventListener("message", ({ data }) =>
    told.push(streamEvent.parse(JSON.parse(String(data)))),
  );
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  onTestFinished(() => socket.close());
  const send = (request: object) =>
    socket.send(
      JSON.stringify(request, (_, part) => (typeof part === "bigint" ? `${part}` : part)),
    );
  const of = <Kind extends StreamEvent["kind"]>(kind: Kind) =>
    told.filter((event): event is Extract<StreamEvent, { kind: Kind }> => event.kind === kind);
  const close = async () => {
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
    socket.close();
    await closed;
  };
  return { socket, told, send, of, close };
}

/** A client's copy of the book, made of what the stream tells and nothing else. */
class CopiedBook {
  readonly bids = new Map<bigint, bigint>();
  readonly asks = new Map<bigint, bigint>();
  sequence: number | undefined;
  snapshots = 0;

  take(update: Extract<StreamEvent, { kind: "bookUpdate" }>): void {
    if (update.type === "snapshot") {
      this.snapshots++;
      this.bids.clear();
      this.asks.clear();
    } else expect(update.previous).toBe(this.sequence);
    this.sequence = update.sequence;
    for (const side of ["bids", "asks"] as const) {
      for (const { price, amount } of update.data[side]) {
        if (amount === 0n) this[side].delete(price);
        else this[side].set(price, amount);
      }
    }
  }

  levels() {
    const sorted = (side: Map<bigint, bigint>, down: boolean) =>
      [...side]
        .sort(([a], [b]) => (a < b === down ? 1 : -1))
        .map(([price, amount]) => ({ price, amount }));
    return { bids: sorted(this.bids, true), asks: sorted(this.asks, false) };
  }
}

function wholeBook(api: OperatorApi) {
  const book = api.book(BASE, QUOTE, { depth: 1000 });
  return { bids: book?.bids, asks: book?.asks };
}

const book = { name: "book", base: BASE, quote: QUOTE } as const;

/** Reads the book at an operator from where the copy stands, until the socket is closed. */
async function follow(copy: CopiedBook, url: string) {
  const connection = await connect(url);
  connection.socket.addEventListener("message", ({ data }) => {
    const event = streamEvent.parse(JSON.parse(String(data)));
    if (event.kind === "bookUpdate") copy.take(event);
  });
  connection.send({ kind: "subscribe", id: 1, channel: book, after: copy.sequence });
  await expect.poll(() => connection.of("answer")).toHaveLength(1);
  return connection;
}

const placing = fc.record({
  owner: fc.constantFrom(ALICE, BOB, CAROL),
  side: fc.constantFrom("bid" as const, "ask" as const),
  lots: fc.integer({ min: 1, max: 4 }),
  price: fc.integer({ min: 6, max: 14 }).map((ticks) => 5 * ticks),
});
let lastId = 0;

function entryOf({
  owner,
  side,
  lots,
  price,
}: { [K in keyof typeof one]: (typeof one)[K] }): Entry {
  const placed = limitOrder(owner, 0, ++lastId, side, lots, price);
  return { kind: "placeOrder", order: placed, signature: SIGNATURE };
}
const one: { owner: Address; side: "bid" | "ask"; lots: number; price: number } = {
  owner: ALICE,
  side: "bid",
  lots: 1,
  price: 50,
};

test("a book read by the stream is the machine's, through a restart and a hand-over", async () => {
  const folder = await storedJournal(tradingWorld().entries);
  const orders = fc.sample(placing, { numRuns: 36, seed: 11 });
  const copy = new CopiedBook();
  let leader = await operator(folder, "leads");
  const place = async (from: number, to: number) => {
    for (const placed of orders.slice(from, to)) await leader.sequencer?.submit(entryOf(placed));
  };
  const expectSame = (api: OperatorApi) =>
    vi.waitFor(() => expect(copy.levels()).toEqual(wholeBook(api)), PATIENCE_MS);

  const first = await follow(copy, leader.url);
  await place(0, 12);
  await expectSame(leader.api);
  expect(copy.snapshots).toBe(1);
  await first.close();

  // A restart forgets what it has told: a snapshot mends it.
  await place(12, 16);
  await leader.stop();
  leader = await operator(folder, "leads");
  const second = await follow(copy, leader.url);
  await expectSame(leader.api);
  expect(copy.snapshots).toBe(2);
  await place(16, 20);
  await expectSame(leader.api);
  await second.close();

  const follower = await operator(folder, "follows");
  onTestFinished(() => follower.stop());
  const early = new CopiedBook();
  await follow(early, follower.url);

  // A connection that breaks goes on from what was seen.
  await place(20, 24);
  const third = await follow(copy, leader.url);
  await expectSame(leader.api);
  expect(copy.snapshots).toBe(2);
  await third.close();

  // Another operator tells it by messages of its own, which end at other records.
  await place(24, 36);
  await follower.catchUp();
  await follow(copy, follower.url);
  await expectSame(leader.api);
  expect(copy.snapshots).toBe(3);
  await vi.waitFor(() => expect(early.levels()).toEqual(wholeBook(leader.api)), PATIENCE_MS);
  expect(early.snapshots).toBe(1);
  await leader.stop();
}, 240_000);

test("a client's own channels follow its orders, and an order is placed on the socket", async () => {
  const leader = await operator(await storedJournal(tradingWorld().entries), "leads");
  onTestFinished(() => leader.stop());
  const { send, of } = await connect(leader.url);
  const own = (name: string) => ({ name, client: ALICE, session: SESSION });
  for (const name of ["orders", "fills", "balances"]) {
    send({ kind: "subscribe", id: name, channel: own(name) });
  }
  send({ kind: "subscribe", id: "x", channel: { name: "orders", client: BOB, session: SESSION } });
  await expect.poll(() => of("answer")).toHaveLength(3);
  await expect
    .poll(() => of("refusal"))
    .toMatchObject([{ id: "x", error: { code: "Unauthorized" } }]);

  const ask = limitOrder(ALICE, 0, 1, "ask", 2, 50);
  const { r, vs } = SIGNATURE;
  send({ kind: "placeOrder", id: 7, body: { order: ask, signature: { r, vs } } });
  await expect
    .poll(() => of("answer").at(-1))
    .toMatchObject({ id: 7, order: { id: 1n, state: "open" } });
  const bid = limitOrder(BOB, 0, 2, "bid", 2, 50);
  await leader.sequencer?.submit({ kind: "placeOrder", order: bid, signature: SIGNATURE });
  await vi.waitFor(() => {
    expect(of("fillsUpdate").at(-1)?.data).toMatchObject([{ role: "maker", side: "sell" }]);
    expect(of("ordersUpdate").at(-1)?.data.at(-1)).toMatchObject({ id: 1n, state: "filled" });
    const base = of("balancesUpdate")
      .at(-1)
      ?.data.find(({ token }) => token === BASE);
    expect(base).toMatchObject({ total: 9980n, locked: 0n });
  }, PATIENCE_MS);
  const seen = of("fillsUpdate").at(-1)?.sequence;

  const again = await connect(leader.url);
  again.send({ kind: "subscribe", id: 1, channel: own("fills"), after: 0 });
  again.send({ kind: "subscribe", id: 2, channel: own("orders"), after: 0 });
  await vi.waitFor(() => {
    expect(again.of("fillsUpdate")).toMatchObject([{ type: "update", previous: 0 }]);
    expect(again.of("ordersUpdate")).toMatchObject([{ type: "snapshot" }]);
  }, PATIENCE_MS);
  const last = await connect(leader.url);
  last.send({ kind: "subscribe", id: 1, channel: own("fills"), after: seen });
  last.send({ kind: "subscribe", id: 2, channel: own("balances") });
  await expect.poll(() => last.of("balancesUpdate")).toHaveLength(1);
  expect(last.of("fillsUpdate")).toEqual([]);
});

test("a channel tells nothing of a record that is half applied, to old and new readers", async () => {
  const leader = await operator(await storedJournal(tradingWorld().entries), "leads");
  onTestFinished(() => leader.stop());
  const old = new CopiedBook();
  await follow(old, leader.url);
  const known = old.levels();
  const end = leader.history.beginParts();
  await leader.sequencer?.submit(entryOf(one));
  const young = await connect(leader.url);
  young.send({ kind: "subscribe", id: 1, channel: { ...book, name: "bestPrices" } });
  await expect.poll(() => young.of("answer")).toHaveLength(1);
  // Some flushes later.
  await sleep(100);
  expect(old.levels()).toEqual(known);
  expect(young.of("bestPricesUpdate")).toEqual([]);
  end();
  await vi.waitFor(() => {
    expect(old.levels()).toEqual(wholeBook(leader.api));
    expect(young.of("bestPricesUpdate")).toMatchObject([{ data: { bid: { price: 50n } } }]);
  }, PATIENCE_MS);
  expect(old.levels()).not.toEqual(known);
});

test("public channels tell the market, each once for a change, until unsubscribed", async () => {
  const leader = await operator(await storedJournal(tradingWorld().entries), "leads");
  onTestFinished(() => leader.stop());
  const { send, of } = await connect(leader.url);
  const market = { base: BASE, quote: QUOTE };
  for (const name of ["trades", "bestPrices", "ticker"]) {
    send({ kind: "subscribe", id: name, channel: { name, ...market } });
  }
  send({ kind: "subscribe", id: "c", channel: { name: "candles", ...market, interval: "1m" } });
  for (const name of ["clock", "status", "rounds"]) {
    send({ kind: "subscribe", id: name, channel: { name } });
  }
  send({ kind: "subscribe", id: "none", channel: { ...book, base: QUOTE, quote: BASE } });
  await expect.poll(() => of("statusUpdate")).toHaveLength(1);
  await expect
    .poll(() => of("refusal"))
    .toMatchObject([{ id: "none", error: { code: "NotFound" } }]);
  await leader.sequencer?.submit(entryOf({ ...one, side: "ask", price: 50 }));
  await leader.sequencer?.submit(entryOf({ ...one, owner: BOB, price: 50 }));
  await vi.waitFor(() => {
    expect(of("tradesUpdate").at(-1)?.data).toMatchObject([{ price: 50n, takerSide: "buy" }]);
    expect(of("tickerUpdate").at(-1)?.data).toMatchObject({ last: 50n, trades: 1 });
    expect(of("candlesUpdate").at(-1)?.data).toMatchObject([{ close: 50n, trades: 1 }]);
  }, PATIENCE_MS);
  const [trades] = of("answer").filter(({ id }) => id === "trades");
  send({ kind: "unsubscribe", id: "off", channel: trades?.channel });
  await expect.poll(() => of("answer").at(-1)).toMatchObject({ id: "off" });
  const before = of("tradesUpdate").length;
  await leader.sequencer?.submit(entryOf({ ...one, side: "ask", price: 45 }));
  await leader.sequencer?.submit(entryOf({ ...one, owner: BOB, price: 45 }));
  await expect.poll(() => of("tickerUpdate").at(-1)?.data).toMatchObject({ last: 45n });
  expect(of("tradesUpdate")).toHaveLength(before);
  send({ kind: "nonsense", id: 9 });
  await expect.poll(() => of("refusal").at(-1)).toMatchObject({ id: 9 });
});

test("the channel of orders is refused while fills cannot be signed, and begins later", async () => {
  const leader = await operator(await storedJournal(tradingWorld().entries), "leads");
  onTestFinished(() => leader.stop());
  const { api } = leader;
  const readOrders = api.orders;
  api.orders = async () => ({ ok: false, refusal: refuse("FillUnsigned", {}) });
  const { send, of } = await connect(leader.url);
  const channel = { name: "orders", client: ALICE, session: SESSION };
  send({ kind: "subscribe", id: 1, channel });
  await expect
    .poll(() => of("refusal"))
    .toMatchObject([{ id: 1, error: { code: "FillUnsigned" } }]);
  expect(of("ordersUpdate")).toEqual([]);
  api.orders = readOrders;
  send({ kind: "subscribe", id: 2, channel });
  await expect.poll(() => of("ordersUpdate")).toMatchObject([{ type: "snapshot" }]);
});
