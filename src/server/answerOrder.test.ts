/** In which order a connection is answered, how much it may ask at once, and how it ends. */
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket as Client } from "ws";
import { toAddress } from "../base/address.ts";
import type { OperatorApi } from "../operator/api/operatorApi.ts";
import { refuse } from "../protocol/refusals.ts";
import type { OrderResponse } from "../wire/schemas/order.ts";
import type { Placement } from "../wire/schemas/terms.ts";
import { STREAM_PATH } from "../wire/stream.ts";
import { buildHttp } from "./http.ts";
import { RateLimits } from "./rateLimits.ts";
import { serveStream } from "./stream.ts";
import { MAX_UNANSWERED } from "./streamConnection.ts";

const OWNER = toAddress("0x5FbDB2315678afecb367f032d93F642f64180aa3");
const TOKEN = toAddress("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512");
const HASH = `0x${"11".repeat(32)}` as const;
const PATIENCE = { timeout: 30_000, interval: 1 };
const NO_LIMITS = { readsPerSecond: 0, placementsPerSecond: 0, cancelsPerSecond: 0 };

const bodyOf = (id: number) => ({
  order: {
    owner: OWNER,
    round: 1,
    id: String(id),
    sellToken: OWNER,
    sellAmount: "5",
    buyToken: TOKEN,
    buyAmount: "6",
    intent: "sellAll",
  },
  signature: { r: HASH, vs: HASH, path: [] },
});

/** An API whose orders are answered by hand, each by its id. */
function apiByHand() {
  const answers = new Map<bigint, () => void>();
  const fail = new Map<bigint, (error: Error) => void>();
  const api: Partial<OperatorApi> = {
    subscribe: () => () => {},
    placeOrder: ({ order }: Placement) =>
      new Promise((resolve, reject) => {
        fail.set(order.id, reject);
        answers.set(order.id, () => {
          const terms = {
            timeInForce: "round",
            goodTillBlock: null,
            selfTrade: "cancelTaker",
          } as const;
          const value: OrderResponse = {
            ...order,
            orderHash: HASH,
            state: "open",
            reason: null,
            terms: { ...terms, tag: null },
            timeMs: null,
            sold: 0n,
            bought: 0n,
            asOf: 1,
            fill: null,
          };
          const refusal = refuse("Overloaded", { retryAfterMs: 1000 });
          // Every seventh is refused: refusals keep the order too.
          resolve(order.id % 7n === 0n ? { ok: false, refusal } : { ok: true, value });
        });
      }),
  };
  return { api: api as OperatorApi, answers, fail };
}

async function stream(api: OperatorApi) {
  const server = createServer();
  const served = serveStream(server, api, new RateLimits(NO_LIMITS));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await served.close();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}${STREAM_PATH}`;
  const socket = new WebSocket(url);
  const told: { kind: string; id: number }[] = [];
  socket.addEventListener("message", ({ data }) => told.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener("close", ({ code }) => resolve(code));
  });
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  onTestFinished(() => socket.close());
  const place = (id: number) => {
    socket.send(JSON.stringify({ kind: "placeOrder", id, body: bodyOf(id) }));
  };
  return { served, url, socket, told, closed, place };
}

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

test("requests that share a connection of HTTP are answered in their order", async () => {
  const { api, answers } = apiByHand();
  const app = buildHttp(api, new RateLimits(NO_LIMITS));
  onTestFinished(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (part) => {
    text += part;
  });
  for (const id of upTo(8)) {
    const body = JSON.stringify(bodyOf(id));
    socket.write(
      `POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  }
  await expect.poll(() => answers.size).toBe(8);
  for (const id of upTo(8).reverse()) answers.get(BigInt(id))?.();
  const ids = () => [...text.matchAll(/"id":"(\d)"|"code":"(Overloaded)","act"/g)];
  await expect.poll(() => ids()).toHaveLength(8);
  expect(ids().map(([, id, code]) => id ?? code)).toEqual([
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "Overloaded",
    "8",
  ]);
});

test("a stream answers in the order of requests, whichever is ready first", async () => {
  const { api, answers } = apiByHand();
  const { told, place } = await stream(api);
  for (const id of upTo(20)) place(id);
  await expect.poll(() => answers.size).toBe(20);
  for (const id of upTo(20).slice(1).reverse()) answers.get(BigInt(id))?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told).toEqual([]);
  answers.get(1n)?.();
  await expect.poll(() => told).toHaveLength(20);
  expect(told.map(({ id }) => id)).toEqual(upTo(20));
  expect(told.map(({ kind }) => kind)).toEqual(
    upTo(20).map((id) => (id % 7 === 0 ? "refusal" : "answer")),
  );
});

test("a connection with as many writes under way as it may have is not read, and then goes on", async () => {
  const { api, answers } = apiByHand();
  const { told, place } = await stream(api);
  const count = 2 * MAX_UNANSWERED + 500;
  for (const id of upTo(count)) place(id);
  await vi.waitFor(() => expect(answers.size).toBeGreaterThanOrEqual(MAX_UNANSWERED), PATIENCE);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // What had been read already is taken; the others stay with their sender.
  expect(answers.size).toBeLessThan(2 * MAX_UNANSWERED);
  expect(told).toEqual([]);
  for (const id of upTo(count)) {
    await vi.waitFor(() => expect(answers.has(BigInt(id))).toBe(true), PATIENCE);
    answers.get(BigInt(id))?.();
  }
  await vi.waitFor(() => expect(told).toHaveLength(count), PATIENCE);
  expect(told.map(({ id }) => id)).toEqual(upTo(count));
});

test("a write that fails ends its connection, and no later one is acknowledged", async () => {
  const { api, answers, fail } = apiByHand();
  const { told, place, closed } = await stream(api);
  for (const id of upTo(3)) place(id);
  await expect.poll(() => answers.size).toBe(3);
  answers.get(3n)?.();
  fail.get(2n)?.(new Error("the journal is away"));
  answers.get(1n)?.();
  expect(await closed).toBe(1011);
  expect(told.filter(({ id }) => id !== 1)).toEqual([]);
});

test("a server that closes with writes under way acknowledges none of them, and ends", async () => {
  const { api, answers } = apiByHand();
  const { served, told, place, closed } = await stream(api);
  for (const id of upTo(3)) place(id);
  await expect.poll(() => answers.size).toBe(3);
  await served.close();
  await closed;
  for (const id of upTo(3)) answers.get(BigInt(id))?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([]);
});

test("a refused request is answered also where the end of the connection is right behind it", async () => {
  const { url } = await stream(apiByHand().api);
  const client = new Client(url);
  await once(client, "open");
  const told: unknown[] = [];
  client.on("message", (data) => told.push(JSON.parse(String(data))));
  const { _socket: raw } = client as unknown as { readonly _socket: Socket };
  // Both frames in one packet.
  raw.cork();
  client.send(JSON.stringify({ kind: "placeOrder", id: 7, body: {} }));
  client.close();
  raw.uncork();
  await once(client, "close");
  expect(told).toMatchObject([{ id: 7 }]);
});
