/** What a connection of the stream means for its client, over real sockets. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { toAddress } from "../base/address.ts";
import type { Address } from "../base/hex.ts";
import type { OperatorApi } from "../operator/api/operatorApi.ts";
import { refuse } from "../protocol/refusals.ts";
import { formatSession } from "../wire/session.ts";
import { STREAM_PATH } from "../wire/stream.ts";
import { DEFAULT_RATE_LIMITS, RateLimits } from "./rateLimits.ts";
import { serveStream } from "./stream.ts";

const ALICE = toAddress("0x5FbDB2315678afecb367f032d93F642f64180aa3");
const BOB = toAddress("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512");
const SESSION = formatSession({
  session: { client: ALICE, validUntil: 100 },
  signature: { r: `0x${"11".repeat(32)}`, vs: `0x${"22".repeat(32)}`, path: [] },
});

/** A stream over an API of which each part that is not needed is missing. */
async function serve(parts: Partial<OperatorApi> = {}, limits?: RateLimits) {
  const present: Address[] = [];
  const hears: ((client: Address) => boolean)[] = [];
  const api: Partial<OperatorApi> = {
    authorize: () => undefined,
    attend: (client) => {
      present.push(client);
      return () => void present.splice(present.indexOf(client), 1);
    },
    subscribe: (_, one = () => true) => {
      hears.push(one);
      return () => {};
    },
    ...parts,
  };
  const server = createServer();
  const stream = serveStream(server, api as OperatorApi, limits);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await stream.close();
    server.close();
  });
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}${STREAM_PATH}`;
  return { url, present, isHeard: (client: Address) => hears.some((one) => one(client)) };
}

async function connect(url: string) {
  const socket = new WebSocket(url);
  const told: { kind: string }[] = [];
  socket.addEventListener("message", ({ data }) => told.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener("close", ({ code }) => resolve(code));
  });
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  onTestFinished(() => socket.close());
  const send = (request: object) => socket.send(JSON.stringify(request));
  return { socket, told, closed, send };
}

test("a client is present from its first subscription to the end of its connection", async () => {
  const { url, present } = await serve();
  const { socket, told, closed, send } = await connect(url);
  expect(present).toEqual([]);
  for (let i = 0; i < 2; i++) send({ kind: "subscribeClient", client: ALICE, session: SESSION });
  await expect.poll(() => told).toHaveLength(2);
  expect(present).toEqual([ALICE]);
  socket.close();
  await closed;
  await expect.poll(() => present).toEqual([]);
});

test("a client that is refused is not present", async () => {
  const { url, present } = await serve({
    authorize: () => ({ code: "Unauthorized", problem: "No." }),
  });
  const { told, send } = await connect(url);
  send({ kind: "subscribeClient", client: ALICE, session: SESSION });
  await expect.poll(() => told).toMatchObject([{ kind: "refusal" }]);
  expect(present).toEqual([]);
});

test("a client is heard of as long as one of its connections is open", async () => {
  const { url, isHeard } = await serve();
  const [first, second] = [await connect(url), await connect(url)];
  expect(isHeard(ALICE)).toBe(false);
  for (const { send, told } of [first, second]) {
    send({ kind: "subscribeClient", client: ALICE, session: SESSION });
    await expect.poll(() => told).toHaveLength(1);
  }
  expect([isHeard(ALICE), isHeard(BOB)]).toEqual([true, false]);
  first.socket.close();
  await first.closed;
  expect(isHeard(ALICE)).toBe(true);
  second.socket.close();
  await second.closed;
  await expect.poll(() => isHeard(ALICE)).toBe(false);
});

test("a request that fails ends its connection, and no other", async () => {
  const { url } = await serve({
    authorize: () => {
      throw new Error("the journal is away");
    },
    clock: () => ({}) as ReturnType<OperatorApi["clock"]>,
  });
  const [failing, other] = [await connect(url), await connect(url)];
  failing.send({ kind: "subscribeClient", client: ALICE, session: SESSION });
  expect(await failing.closed).toBe(1011);
  other.send({ kind: "subscribeClock" });
  await expect.poll(() => other.told.length).toBeGreaterThan(0);
});

test("every kind of write is answered in the order of requests, batches by items", async () => {
  const gate = Promise.withResolvers<void>();
  const began: string[] = [];
  const { r, vs } = { r: `0x${"11".repeat(32)}`, vs: `0x${"22".repeat(32)}` };
  const signature = { r, vs };
  const cancel = { owner: ALICE, round: 0, id: "1" };
  const refusal = { ok: false, refusal: refuse("NotLeader", { leader: "http://there" }) } as const;
  const { url } = await serve({
    cancelOrders: async () => {
      began.push("cancelOrders");
      await gate.promise;
      return { ok: true, value: [refusal] };
    },
    cancelAfter: async () => {
      began.push("cancelAfter");
      return { ok: true, value: { block: 7, graceBlocks: 1 } };
    },
    cancelAll: async () => refusal,
  });
  const { told, send } = await connect(url);
  send({ kind: "cancelOrders", id: 1, body: { cancels: [{ cancel, signature }] } });
  const cancelAfter = { owner: ALICE, round: 0, nonce: "1", block: 7, graceBlocks: 1 };
  send({ kind: "cancelOrdersAfter", id: 2, body: { cancelAfter, signature } });
  send({ kind: "replaceOrder", id: 3, body: {} });
  const cancelAll = { owner: ALICE, round: 0, nonce: "1" };
  send({ kind: "cancelAllOrders", id: 4, body: { cancelAll, signature } });
  await expect.poll(() => began).toEqual(["cancelOrders", "cancelAfter"]);
  expect(told).toEqual([]);
  gate.resolve();
  await expect.poll(() => told).toHaveLength(4);
  expect(told).toMatchObject([
    { kind: "answer", id: 1, items: [{ order: null, error: { code: "NotLeader" } }] },
    { kind: "answer", id: 2, deadManSwitch: { block: 7, graceBlocks: 1 } },
    { kind: "refusal", id: 3, error: { code: "BadInput" } },
    { kind: "refusal", id: 4, error: { code: "NotLeader", values: { leader: "http://there" } } },
  ]);
});

test("each item of a batch takes from the limit, placing never from cancelling", async () => {
  const limits = new RateLimits({ ...DEFAULT_RATE_LIMITS, placementsPerSecond: 5 }, () => 0);
  const order = { owner: ALICE, round: 0, id: "1", sellToken: ALICE, buyToken: BOB };
  const amounts = { sellAmount: "1", buyAmount: "1", intent: "buyAll" };
  const signature = { r: `0x${"11".repeat(32)}`, vs: `0x${"22".repeat(32)}` };
  const { url } = await serve(
    {
      placeOrders: async () => ({ ok: true, value: [] }),
      cancelAll: async () => ({ ok: true, value: [] }),
    },
    limits,
  );
  const { told, send } = await connect(url);
  const orders = Array(6).fill({ order: { ...order, ...amounts }, signature });
  send({ kind: "placeOrders", id: 1, body: { orders } });
  send({ kind: "placeOrders", id: 2, body: { orders } });
  const cancelAll = { owner: ALICE, round: 0, nonce: "1" };
  send({ kind: "cancelAllOrders", id: 3, body: { cancelAll, signature } });
  await expect.poll(() => told).toHaveLength(3);
  expect(told).toMatchObject([
    { kind: "answer", id: 1, items: [] },
    { kind: "refusal", id: 2, error: { code: "RateLimited", values: { code: "RateLimited" } } },
    { kind: "answer", id: 3, orders: [] },
  ]);
});
