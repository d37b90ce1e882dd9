/** A subscriber that does not read is told so and dropped, and delays nobody; over real sockets. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { toAddress } from "../base/address.ts";
import type { ApiEvent, OperatorApi } from "../operator/api/operatorApi.ts";
import { STREAM_PATH } from "../wire/stream.ts";
import { serveStream } from "./stream.ts";

const CHANNEL = {
  name: "book",
  base: toAddress(`0x${"b0".repeat(20)}`),
  quote: toAddress(`0x${"c0".repeat(20)}`),
};
/** So many that a message of all of them is a quarter of a megabyte. */
const LEVELS = 4000;
const TOO_SLOW = 1013;

interface Told {
  readonly kind: string;
  readonly sequence: number;
  readonly previous: number | null;
}

/** A market of which every level changes at once. */
function market() {
  const listeners = new Set<(event: ApiEvent) => void>();
  let asOf = 1;
  let isChanged = false;
  const levels = () =>
    Array.from({ length: LEVELS }, (_, i) => ({ price: BigInt(i + 1), amount: BigInt(asOf) }));
  const api: Partial<OperatorApi> = {
    asOf: () => asOf,
    whenWhole: () => undefined,
    book: () => ({ bids: levels(), asks: [], asOf }) as never,
    watchBook: () => ({
      take: () => {
        const bids = isChanged ? levels() : [];
        isChanged = false;
        return { isCleared: false, bids, asks: [], asOf };
      },
      stop: () => {},
    }),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const change = () => {
    asOf++;
    isChanged = true;
    for (const tell of listeners) tell({ kind: "applied", clients: [] } as unknown as ApiEvent);
    return asOf;
  };
  return { api: api as OperatorApi, change };
}

async function subscriber(url: string) {
  const socket = new WebSocket(url);
  onTestFinished(() => socket.terminate());
  const told: Told[] = [];
  let closed: number | undefined;
  socket.on("message", (data) => told.push(JSON.parse(String(data)) as Told));
  socket.on("close", (code) => {
    closed = code;
  });
  await new Promise((resolve) => socket.once("open", resolve));
  socket.send(JSON.stringify({ kind: "subscribe", id: 1, channel: CHANNEL }));
  await expect.poll(() => updates(told)).toHaveLength(1);
  return { socket, told, code: () => closed };
}

function updates(told: readonly Told[]): Told[] {
  return told.filter(({ kind }) => kind === "bookUpdate");
}

test("a subscriber that does not read is told, then dropped, and delays no other", async () => {
  const server = createServer();
  const { api, change } = market();
  const stream = serveStream(server, api);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await stream.close();
    server.close();
  });
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}${STREAM_PATH}`;
  const [slow, other] = [await subscriber(url), await subscriber(url)];

  slow.socket.pause();
  // What systems hold for a socket is a few megabytes, and the connection as many.
  for (let i = 0; i < 120; i++) {
    const asOf = change();
    await expect.poll(() => updates(other.told).at(-1)?.sequence).toBe(asOf);
  }
  expect(slow.code()).toBeUndefined();

  const all = updates(other.told);
  expect(all).toHaveLength(121);
  for (const [i, { previous }] of all.entries()) {
    if (i > 0) expect(previous).toBe(all[i - 1]?.sequence);
  }
  expect(other.told.some(({ kind }) => kind === "slow")).toBe(false);
  expect(other.code()).toBeUndefined();

  slow.socket.resume();
  await expect.poll(() => slow.code()).toBe(TOO_SLOW);
  const [warned, last] = [slow.told.findIndex(({ kind }) => kind === "slow"), slow.told.length - 1];
  expect(warned).toBeGreaterThan(0);
  expect(warned).toBeLessThan(last);
  expect(updates(slow.told).length).toBeLessThan(all.length);
});
