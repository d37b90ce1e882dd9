/**
 * Serves the stream over WebSocket (wire/stream.ts). A connection that does not read is told so,
 * and closed when it falls further behind: its client comes back and goes on from what it has seen.
 */
import type { Server } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import type { OperatorApi } from "../operator/api/operatorApi.ts";
import { MAX_CHANNELS, STREAM_PATH } from "../wire/stream.ts";
import { Feeds } from "./feeds/feeds.ts";
import { clientChannel, publishHint } from "./hints.ts";
import { MAX_BODY_BYTES } from "./http.ts";
import { DEFAULT_RATE_LIMITS, type RateKind, RateLimits, refusalOf } from "./rateLimits.ts";
import { StreamConnection } from "./streamConnection.ts";

/** A request that writes has the body of a route, and a few words around it. */
const MAX_MESSAGE_BYTES = MAX_BODY_BYTES + 1024;
const PING_MS = 30_000;
/** WebSocket close code for an internal error. */
const FAILED = 1011;

export interface StreamServer {
  readonly connections: () => number;
  close(): Promise<void>;
}

export function serveStream(
  server: Server,
  api: OperatorApi,
  limits = new RateLimits(DEFAULT_RATE_LIMITS),
): StreamServer {
  const sockets = new WebSocketServer({
    server,
    path: STREAM_PATH,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  const feeds = new Feeds(api);
  const connections = new Map<WebSocket, StreamConnection>();
  const alive = new WeakSet<WebSocket>();
  /** Connections that hear hints, by channel: asked for each order. */
  const hearing = new Map<string, number>();
  const count = (channel: string, change: 1 | -1) => {
    const left = (hearing.get(channel) ?? 0) + change;
    if (left === 0) hearing.delete(channel);
    else hearing.set(channel, left);
  };

  sockets.on("connection", (socket, request) => {
    const address = request.socket.remoteAddress ?? "";
    const limit = (kind: RateKind, weight: number) => refusalOf(limits.take(kind, address, weight));
    const onHints = (channel: string) => count(channel, 1);
    // A request that fails ends its connection, and never the process.
    const onFailure = () => {
      // Or the client's own end of it would not be read.
      socket.resume();
      connection.close(FAILED, "see /health");
    };
    const options = { api, feeds, socket, limit, onHints, connection: request.socket, onFailure };
    const connection = new StreamConnection(options, MAX_CHANNELS);
    connections.set(socket, connection);
    alive.add(socket);
    socket.on("pong", () => alive.add(socket));
    socket.on("message", (data) => {
      try {
        connection.receive(String(data));
      } catch {
        onFailure();
      }
    });
    // Without a listener an error event ends the process; the close that follows cleans up.
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      connections.delete(socket);
      for (const channel of connection.hints) count(channel, -1);
      connection.end();
    });
  });
  const unsubscribe = api.subscribe(
    (event) => publishHint(connections.values(), event, (channel) => hearing.has(channel)),
    (client) => hearing.size > 0 && hearing.has(clientChannel(client)),
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
        feeds.close();
        for (const socket of sockets.clients) socket.terminate();
        sockets.close(() => resolve());
      }),
  };
}
