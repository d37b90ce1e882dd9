/**
 * A local process that trades for bots in any language: it holds key and evidence, signs and
 * checks, and speaks the unified API as JSON over HTTP and WebSocket.
 */
import Fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { WebSocketServer } from "ws";
import { QuarterdeckError } from "../base/errors.ts";
import type { ExchangeClient } from "../client/client.ts";
import { toUnifiedError, UnifiedError } from "../unified/errors.ts";
import { UnifiedClient } from "../unified/unifiedClient.ts";
import { deny, isLoopback } from "./gate.ts";
import { errorOf, find, METHODS, toText, WATCHES } from "./methods.ts";
import { GatewaySocket } from "./socket.ts";

/** Of a request; 50 orders are sent at once. */
const MAX_BODY_BYTES = 256 * 1024;
const STREAM_PATH = "/stream";
/** Arguments that are numbers where a query has digits. */
const NUMBERS = ["since", "limit"];

export interface GatewayOptions {
  readonly client: ExchangeClient;
  /** 127.0.0.1; others want a token. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** Undefined: every program of this machine may use it. */
  readonly token: string | undefined;
}

export interface Gateway {
  readonly url: string;
  close(): Promise<void>;
}

/** Listens. Throws `TokenNeeded`, `PortInUse`. */
export async function startGateway({
  client,
  host = "127.0.0.1",
  port,
  token,
}: GatewayOptions): Promise<Gateway> {
  if (token === undefined && !isLoopback(host)) {
    throw new QuarterdeckError({
      code: "TokenNeeded",
      message: `A gateway on ${host} without a token signs for the whole network.`,
      hint: "Give it a token, or let it listen on 127.0.0.1.",
    });
  }
  const app = buildApp(client, token);
  const sockets = serveSocket(app, client, token);
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new QuarterdeckError({
      code: "PortInUse",
      message: `The gateway cannot listen on ${host}:${port}.`,
      hint: "Choose another port with --port.",
      cause: error,
    });
  }
  const bound = app.server.address();
  const chosen = typeof bound === "object" && bound !== null ? bound.port : port;
  return {
    url: `http://${host}:${chosen}`,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      await app.close();
    },
  };
}

function buildApp(client: ExchangeClient, token: string | undefined): FastifyInstance {
  const app = Fastify({ bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.addHook("onRequest", async (request, reply) => {
    const denial = deny(request.headers, token);
    if (denial === undefined) return;
    const error = new UnifiedError("PermissionDenied", denial.problem, "Unauthorized");
    await say(reply, denial.status, { error: errorOf(error) });
  });
  app.get("/", (_request, reply) =>
    say(reply, 200, { methods: takes(METHODS), watches: takes(WATCHES), stream: STREAM_PATH }),
  );
  app.post<{ Params: { method: string } }>("/:method", async ({ params, body }, reply) => {
    await answer(client, params.method, () => parseBody(body), reply);
  });
  app.get<{ Params: { method: string } }>("/:method", async ({ params, query }, reply) => {
    const read = () => {
      if (params.method.startsWith("fetch")) return fromQuery(query as Record<string, string>);
      throw new UnifiedError("BadRequest", `${params.method} changes something: send a POST.`);
    };
    await answer(client, params.method, read, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    const problem = `There is no ${request.method} ${request.url}.`;
    return say(reply, 404, { error: errorOf(new UnifiedError("NotSupported", problem)) });
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    say(reply, error.statusCode ?? 500, {
      error: errorOf(new UnifiedError("BadRequest", error.message)),
    }),
  );
  return app;
}

async function answer(
  client: ExchangeClient,
  name: string,
  readArgs: () => unknown,
  reply: FastifyReply,
): Promise<void> {
  try {
    const result = await find(METHODS, name, readArgs())(new UnifiedClient(client));
    await say(reply, 200, { result });
  } catch (error) {
    const unified = toUnifiedError(error);
    await say(reply, statusOf(unified), { error: errorOf(unified) });
  }
}

/** 429 and 503: the same may succeed later; every other is the caller's to change. */
function statusOf({ type, isRetried }: UnifiedError): number {
  if (type === "RateLimitExceeded") return 429;
  return isRetried ? 503 : 400;
}

function say(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply.code(status).type("application/json").send(toText(body));
}

function takes(table: typeof METHODS | typeof WATCHES) {
  return Object.fromEntries(Object.entries(table).map(([name, one]) => [name, one.takes]));
}

function parseBody(body: unknown): unknown {
  if (typeof body !== "string" || body === "") return {};
  try {
    return JSON.parse(body);
  } catch {
    throw new UnifiedError("BadRequest", "The body is no JSON.");
  }
}

function fromQuery(query: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(query).map(([name, text]) => {
      const isNumber = NUMBERS.includes(name) && /^\d{1,15}$/.test(text);
      const list = name === "symbols" ? text.split(",") : text;
      return [name, isNumber ? Number(text) : list];
    }),
  );
}

function serveSocket(app: FastifyInstance, client: ExchangeClient, token: string | undefined) {
  const sockets = new WebSocketServer({
    server: app.server,
    path: STREAM_PATH,
    maxPayload: MAX_BODY_BYTES,
    verifyClient: ({ req }, done) => {
      const denial = deny(req.headers, token);
      done(denial === undefined, denial?.status, denial?.problem);
    },
  });
  sockets.on("connection", (socket) => new GatewaySocket(client, socket));
  return sockets;
}
