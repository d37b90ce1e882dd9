/**
 * An operator's server whose stream is a stand-in: it tells as many changes of a book as it is asked
 * for, each a message of its own. Everything but the stream is the operator's own.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";

const TICK_MS = 20;
const MIDDLE = 3_000_000;
const LEVELS = 40;
/** Lots of the level that ends a run: the page has then read everything before. */
export const LAST_LOTS = 777;

export interface BusyStream {
  readonly url: string;
  /** Updates that were told so far. */
  readonly sent: number;
  /** Tells `perSecond` changes of the best bids for so many seconds, then the last one. */
  run(perSecond: number, seconds: number): Promise<void>;
  close(): void;
}

interface Listener {
  readonly socket: WebSocket;
  readonly channel: string;
  sequence: number;
}

/** `operator`: the HTTP address that everything else is asked of. */
export async function startBusyStream(operator: string): Promise<BusyStream> {
  const server = createServer((request, response) => void pass(operator, request, response));
  const sockets = new WebSocketServer({ server, path: "/v1/stream" });
  const listeners = new Set<Listener>();
  sockets.on("connection", (socket) => {
    socket.on("message", (text) => subscribe(listeners, socket, String(text)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  let sent = 0;
  const tell = (price: number, lots: number) => {
    for (const one of listeners) say(one, "update", { bids: [level(price, lots)], asks: [] });
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get sent() {
      return sent;
    },
    run: async (perSecond, seconds) => {
      const began = performance.now();
      const total = perSecond * seconds;
      for (let told = 0; told < total; ) {
        // By the clock and not by the tick: a busy machine skips ticks, and no update.
        const due = Math.min(total, (perSecond * (performance.now() - began)) / 1000);
        for (; told < due; told++) {
          sent += 1;
          tell(MIDDLE - 10 * (1 + (sent % LEVELS)), 1 + (sent % 700));
        }
        await sleep(TICK_MS);
      }
      tell(MIDDLE - 10, LAST_LOTS);
    },
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
    },
  };
}

function subscribe(listeners: Set<Listener>, socket: WebSocket, text: string): void {
  const { channel } = JSON.parse(text);
  if (channel?.name !== "book") return;
  const key = `book:${channel.base}/${channel.quote}`;
  const listener: Listener = { socket, channel: key, sequence: 0 };
  const side = (step: number) =>
    Array.from({ length: LEVELS }, (_, i) => level(MIDDLE + step * (i + 1) * 10, 1 + i));
  say(listener, "snapshot", { bids: side(-1), asks: side(1) });
  listeners.add(listener);
  socket.on("close", () => listeners.delete(listener));
}

function say(listener: Listener, type: "snapshot" | "update", data: object): void {
  const { socket, channel, sequence } = listener;
  const previous = type === "snapshot" ? null : sequence;
  if (type === "update") listener.sequence += 1;
  const { sequence: now } = listener;
  socket.send(JSON.stringify({ kind: "bookUpdate", channel, type, sequence: now, data, previous }));
}

const level = (price: number, lots: number) => ({
  price: `${price}`,
  amount: `${lots}000000000000000`,
});

async function pass(
  operator: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answered = await fetch(`${operator}${request.url}`);
  const headers = Object.fromEntries(answered.headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding"])
    delete headers[name];
  response.writeHead(answered.status, headers);
  response.end(Buffer.from(await answered.arrayBuffer()));
}
