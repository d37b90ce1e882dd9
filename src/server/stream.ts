/**
 * Serves the stream of events over WebSocket (wire/stream.ts). A connection that cannot keep up is
 * closed: events are hints, and its client reads the state over HTTP when it comes back.
 */
import type { Server } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import type { ApiEvent, OperatorApi } from "../operator/api/operatorApi.ts";
import { type Refusal, refuse } from "../protocol/refusals.ts";
import { parseInput, parseJson } from "../wire/input.ts";
import { toJson } from "../wire/schemas/values.ts";
import { errorBody } from "../wire/sentences.ts";
import { parseSession } from "../wire/session.ts";
import { MAX_CHANNELS, STREAM_PATH, type StreamRequest, streamRequest } from "../wire/stream.ts";

/** Unsent bytes at which a connection counts as too slow. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 16 * 1024;
const PING_MS = 30_000;
/** WebSocket close code for "try again later". */
const TOO_SLOW = 1013;

export interface StreamServer {
  readonly connections: () => number;
  close(): Promise<void>;
}

export function serveStream(server: Server, api: OperatorApi): StreamServer {
  const sockets = new WebSocketServer({
    server,
    path: STREAM_PATH,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  const channelsOf = new Map<WebSocket, Set<string>>();
  const alive = new WeakSet<WebSocket>();

  sockets.on("connection", (socket) => {
    channelsOf.set(socket, new Set());
    alive.add(socket);
    socket.on("pong", () => alive.add(socket));
    socket.on("message", (data) => receive(api, socket, channelsOf, String(data)));
    // Without a listener an error event ends the process; the close that follows cleans up.
    socket.on("error", () => socket.terminate());
    socket.on("close", () => channelsOf.delete(socket));
  });
  const unsubscribe = api.subscribe(
    (event) => publish(channelsOf, event),
    (client) => isSubscribed(channelsOf, clientChannel(client)),
  );
  const pings = setInterval(() => {
    for (const socket of sockets.clients) {
      if (!alive.has(socket)) {
        socket.terminate();
        continue;
      }
      alive.delete(socket);
      socket.ping();
    }
  }, PING_MS);

  return {
    connections: () => sockets.clients.size,
    close: () =>
      new Promise((resolve) => {
        clearInterval(pings);
        unsubscribe();
        for (const socket of sockets.clients) socket.terminate();
        sockets.close(() => resolve());
      }),
  };
}

function receive(
  api: OperatorApi,
  socket: WebSocket,
  channelsOf: Map<WebSocket, Set<string>>,
  text: string,
): void {
  const json = parseJson(text);
  if (!json.ok) return tell(socket, json.refusal);
  const request = parseInput(streamRequest, json.value, "message");
  if (!request.ok) return tell(socket, request.refusal);
  const denied = deny(api, request.value);
  if (denied !== undefined) return tell(socket, denied);

  const channels = channelsOf.get(socket);
  if (channels === undefined) return;
  const channel = channelOfRequest(request.value);
  if (channels.size >= MAX_CHANNELS && !channels.has(channel)) {
    const problem = `A connection holds at most ${MAX_CHANNELS} channels.`;
    const hint = "Open a second connection.";
    return tell(socket, refuse("BadInput", { field: "message.kind", problem, hint }));
  }
  const isNew = !channels.has(channel);
  channels.add(channel);
  if (isNew && request.value.kind === "subscribeClient") {
    socket.once("close", api.attend(request.value.client));
  }
  send(socket, toJson({ kind: "subscribed", to: channel }));
  if (request.value.kind === "subscribeClock") {
    send(socket, toJson({ kind: "clock", clock: api.clock() }));
  }
}

function deny(api: OperatorApi, request: StreamRequest): Refusal | undefined {
  if (request.kind === "subscribeMarket") {
    const { base, quote } = request.market;
    const known = api.book(base, quote, { depth: 1 }) !== undefined;
    return known ? undefined : refuse("NotFound", { what: `market ${base}/${quote}` });
  }
  if (request.kind === "subscribeClock") return undefined;
  const outcome = parseSession(request.session);
  if (!outcome.ok) return refuse("Unauthorized", { problem: outcome.problem });
  return api.authorize(request.client, outcome.value.session, outcome.value.signature);
}

function channelOfRequest(request: StreamRequest): string {
  switch (request.kind) {
    case "subscribeClock":
      return "clock";
    case "subscribeMarket":
      return marketChannel(request.market);
    case "subscribeClient":
      return clientChannel(request.client);
  }
}

function marketChannel(market: { base: string; quote: string }): string {
  return `market ${market.base} ${market.quote}`;
}

function clientChannel(client: string): string {
  return `client ${client}`;
}

function channelOf(event: ApiEvent): string {
  switch (event.kind) {
    case "clock":
    case "leader":
    case "committed":
    case "halted":
      return "clock";
    case "trade":
      return marketChannel(event.trade);
    case "order":
      return clientChannel(event.order.owner);
    case "deposit":
    case "withdrawal":
      return clientChannel(event.client);
  }
}

function isSubscribed(channelsOf: Map<WebSocket, Set<string>>, channel: string): boolean {
  for (const channels of channelsOf.values()) if (channels.has(channel)) return true;
  return false;
}

function publish(channelsOf: Map<WebSocket, Set<string>>, event: ApiEvent): void {
  const channel = channelOf(event);
  let text: string | undefined;
  for (const [socket, channels] of channelsOf) {
    if (!channels.has(channel)) continue;
    text ??= toJson(event);
    send(socket, text);
  }
}

function send(socket: WebSocket, text: string): void {
  if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
    socket.close(TOO_SLOW, "too slow: reconnect and read the state over HTTP");
    return;
  }
  socket.send(text);
}

function tell(socket: WebSocket, refusal: Refusal): void {
  const { code, act, message } = errorBody(refusal).error;
  send(socket, toJson({ kind: "refusal", error: { code, act, message } }));
}
