/** The client's side of the stream, against operators that say what they are told to say. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type WebSocket as Peer, WebSocketServer } from "ws";
import type { Address } from "../../base/hex.ts";
import { STREAM_PATH } from "../../wire/stream.ts";
import { LatestOrders } from "../checks/latestOrders.ts";
import { signedOrder } from "../fakeOperator.testkit.ts";
import { Operators } from "../operators.ts";
import type { MirroredBook } from "./bookMirror.ts";
import { ExchangeStream } from "./exchangeStream.ts";

const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const BASE = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const QUOTE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const BOOK = `book:${BASE}/${QUOTE}`;
const TRADES = `trades:${BASE}/${QUOTE}`;

interface Said {
  readonly kind: string;
  readonly id: number;
  readonly after?: number;
  readonly channel?: unknown;
}

/** An operator that answers what `script` makes of each request. */
async function operator(script: (request: Said, peer: Peer) => readonly object[]) {
  const server = createServer();
  const sockets = new WebSocketServer({ server, path: STREAM_PATH });
  const said: Said[] = [];
  const peers: Peer[] = [];
  const tell = (message: object) => {
    for (const peer of peers) peer.send(JSON.stringify(message));
  };
  sockets.on("connection", (peer) => {
    peers.push(peer);
    peer.on("message", (data) => {
      const request = JSON.parse(String(data)) as Said;
      said.push(request);
      const messages =
        request.kind === "subscribeClock"
          ? [{ kind: "subscribed", to: "clock" }]
          : script(request, peer);
      for (const message of messages) peer.send(JSON.stringify(message));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const peer of peers) peer.terminate();
    sockets.close();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const subscribed = () => said.filter(({ kind }) => kind === "subscribe");
  return { url, said, subscribed, tell, cut: () => peers.splice(0).map((one) => one.terminate()) };
}

const exchange = {
  chainId: 1,
  mediator: OWNER,
  manager: OWNER,
  operator: OWNER,
  confirmations: 1,
  schedule: { genesisBlock: 0, roundSize: 8 },
  markets: [{ name: "B/Q", base: BASE, quote: QUOTE, lot: 10n, tick: 5n }],
  tokens: [
    { token: BASE, symbol: "B", decimals: 2, listedRound: 0 },
    { token: QUOTE, symbol: "Q", decimals: 2, listedRound: 0 },
  ],
  limits: { ordersPerClientAndRound: 100 },
};

function openStream(urls: readonly string[], onConnection = (_: string | undefined) => {}) {
  const api = new Operators({ urls, retryTimeoutMs: 0 });
  const kept: string[] = [];
  const source = {
    address: OWNER,
    api,
    exchange,
    latest: new LatestOrders(),
    orders: {
      keep: async <T extends { readonly orderHash: string }>(one: T) => {
        kept.push(one.orderHash);
        return one;
      },
    },
    session: async () => "Quarterdeck session",
  };
  const stream = new ExchangeStream(source, { onConnection });
  onTestFinished(async () => {
    await stream.close().catch(() => {});
  });
  return { stream, api, kept };
}

const answer = (id: number, channel: string) => ({ kind: "answer", id, channel });
const level = (price: number, amount: number) => ({ price: `${price}`, amount: `${amount}` });
const bookUpdate = (
  type: "snapshot" | "update",
  sequence: number,
  previous: number | null,
  bids: object[],
  asks: object[] = [],
) => ({ kind: "bookUpdate", channel: BOOK, type, sequence, previous, data: { bids, asks } });
const trade = (sequence: number, changes: object = {}) => ({
  sequence: `${sequence}`,
  block: 1,
  round: 0,
  base: BASE,
  quote: QUOTE,
  price: "50",
  baseAmount: "20",
  quoteAmount: "100",
  takerSide: "buy",
  timeMs: 1,
  ...changes,
});

test("a gap in the book is mended by what the operator kept, else by a snapshot", async () => {
  const fake = await operator(({ id, after }) => [
    answer(id, BOOK),
    after === 2
      ? // What was kept does not follow on what was seen.
        bookUpdate("update", 5, 3, [level(50, 10)])
      : bookUpdate("snapshot", after === undefined ? 1 : 9, null, [level(45, 10)]),
  ]);
  const books: MirroredBook[] = [];
  const { stream } = openStream([fake.url]);
  stream.subscribeBook("B/Q", (book) => void books.push(book));
  await expect.poll(() => books).toHaveLength(1);
  fake.tell(bookUpdate("update", 2, 1, [level(50, 20)], [level(55, 10)]));
  await expect.poll(() => books.at(-1)?.sequence).toBe(2);
  expect(books.at(-1)?.bids.map(({ price }) => price)).toEqual([50n, 45n]);
  // A message between is missing: asked after the last that was seen, then for everything.
  fake.tell(bookUpdate("update", 4, 3, [level(40, 10)]));
  await expect.poll(() => fake.subscribed()).toHaveLength(3);
  expect(fake.subscribed().map(({ after }) => after)).toEqual([undefined, 2, undefined]);
  await expect.poll(() => books.at(-1)).toMatchObject({ sequence: 1 });
  expect(books.at(-1)?.bids).toEqual([{ price: 45n, amount: 10n }]);
  expect(books).toHaveLength(3);
});

test("a book that crosses is read anew; one that is crossed as a whole is left", async () => {
  let snapshots = 0;
  const bad = await operator(({ id }) => {
    snapshots++;
    const crossed = snapshots > 1 ? [level(50, 10)] : [];
    return [answer(id, BOOK), bookUpdate("snapshot", 1, null, [level(50, 10)], crossed)];
  });
  const good = await operator(({ id }) => [
    answer(id, BOOK),
    bookUpdate("snapshot", 7, null, [level(45, 10)]),
  ]);
  const books: MirroredBook[] = [];
  const { stream } = openStream([bad.url, good.url]);
  stream.subscribeBook("B/Q", (book) => void books.push(book));
  await expect.poll(() => books).toHaveLength(1);
  bad.tell(bookUpdate("update", 2, 1, [], [level(45, 10)]));
  await expect.poll(() => books.at(-1)?.sequence).toBe(7);
  expect(bad.subscribed()).toHaveLength(2);
  expect(books).toHaveLength(2);
});

test("trades go on after a break from the last that was seen, each once", async () => {
  const fake = await operator(({ id, after }) => {
    const update = { kind: "tradesUpdate", channel: TRADES, sequence: 3, previous: after ?? null };
    const whole = { ...update, type: "snapshot", sequence: 1, data: [trade(1)] };
    const missed = { ...update, type: "update", data: [trade(2), trade(3)] };
    return [answer(id, TRADES), after === undefined ? whole : missed];
  });
  const seen: bigint[] = [];
  const connections: (string | undefined)[] = [];
  const { stream } = openStream([fake.url], (url) => void connections.push(url));
  stream.subscribe({ name: "trades", market: "B/Q" }, ({ data }) => {
    seen.push(...data.map(({ sequence }) => sequence));
  });
  await expect.poll(() => seen).toEqual([1n]);
  fake.cut();
  await expect.poll(() => seen).toEqual([1n, 2n, 3n]);
  expect(fake.subscribed().map(({ after }) => after)).toEqual([undefined, 1]);
  expect(connections).toEqual([fake.url, undefined, fake.url]);
});

test.each([
  ["another market", { base: QUOTE, quote: BASE }],
  ["a price off the ticks", { price: "51", quoteAmount: "102" }],
  ["amounts that are not its price", { quoteAmount: "101" }],
])("a trade with %s ends the connection, and is told to nobody", async (_what, changes) => {
  const update = { kind: "tradesUpdate", channel: TRADES, type: "snapshot", sequence: 2 };
  const tells = (said: object) => (request: Said) => [
    answer(request.id, TRADES),
    { ...update, previous: null, data: [said] },
  ];
  const [liar, honest] = [
    await operator(tells(trade(2, changes))),
    await operator(tells(trade(2))),
  ];
  const seen: bigint[] = [];
  const { stream } = openStream([liar.url, honest.url]);
  stream.subscribe({ name: "trades", market: "B/Q" }, ({ data }) => {
    seen.push(...data.map(({ price }) => price));
  });
  await expect.poll(() => seen).toEqual([50n]);
  expect(liar.subscribed()).toHaveLength(1);
  expect(stream.url).toBe(honest.url);
});

test("a channel that is refused ends alone; what a listener throws ends the stream", async () => {
  const fake = await operator(({ id, channel }) => {
    const { name } = channel as { name: string };
    if (name === "orders") {
      const error = { code: "Unauthorized", act: "caller", message: "Not yours. Sign anew." };
      return [{ kind: "refusal", id, error }];
    }
    return [answer(id, BOOK), bookUpdate("snapshot", 1, null, [])];
  });
  const { stream } = openStream([fake.url]);
  const refused: string[] = [];
  stream.subscribe({ name: "orders" }, () => {}, {
    onRefused: ({ code }) => void refused.push(code),
  });
  await expect.poll(() => refused).toEqual(["Unauthorized"]);
  expect(() => stream.subscribe({ name: "nothing" as "book", market: "B/Q" }, () => {})).toThrow(
    expect.objectContaining({ field: "channel.name" }),
  );
  stream.subscribe({ name: "book", market: "B/Q" }, () => {
    throw new Error("a listener's own");
  });
  await expect(stream.closed).rejects.toThrow("a listener's own");
});

test("a write goes over the socket, and is unknown where the socket ends first", async () => {
  const placed = signedOrder(5n);
  let isMute = false;
  const fake = await operator(({ id, kind }) => {
    if (kind !== "placeOrder" || isMute) return [];
    const values = { code: "NotLeader", leader: "http://127.0.0.1:9" };
    const error = { code: "NotLeader", act: "retry", message: "Another one.", values };
    return [{ kind: "refusal", id, error }];
  });
  const { api, stream } = openStream([fake.url]);
  await expect.poll(() => stream.url).toBe(fake.url);
  await expect.poll(() => fake.said).toHaveLength(1);
  const write = () =>
    api.ask((one) => one.call("placeOrder", { body: placed }), { isElsewhere: () => false });
  await expect(write()).rejects.toMatchObject({
    code: "NotLeader",
    leader: "http://127.0.0.1:9",
  });
  isMute = true;
  const open = write();
  await expect.poll(() => fake.said).toHaveLength(3);
  fake.cut();
  await expect(open).rejects.toMatchObject({ code: "OperatorUnreachable", mayHaveArrived: true });
});
