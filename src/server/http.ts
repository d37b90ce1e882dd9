/**
 * Serves the route table over HTTP. Everything that arrives is parsed here, once; everything that
 * leaves is what the operator's API answered. No decisions are made in between.
 */

import compress from "@fastify/compress";
import cors from "@fastify/cors";
import etag from "@fastify/etag";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { sentence } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { VERSION } from "../base/version.ts";
import type { Answered, OperatorApi } from "../operator/api/operatorApi.ts";
import { type Refusal, refuse } from "../protocol/refusals.ts";
import { parseInput, parseJson } from "../wire/input.ts";
import { statusOf } from "../wire/meanings.ts";
import { readBody } from "../wire/orderReader.ts";
import { answerText } from "../wire/orderWriter.ts";
import { ROUTES, type Route, type RouteName } from "../wire/routes/routes.ts";
import type { Duties, Health, Live, Ready } from "../wire/schemas/health.ts";
import { toJson } from "../wire/schemas/values.ts";
import { errorBody } from "../wire/sentences.ts";
import { parseSession } from "../wire/session.ts";
import { ASYNCAPI_PATH, asyncApi } from "../wire/specs/asyncapi.ts";
import { OPENAPI_PATH, openApi } from "../wire/specs/openapi.ts";
import { type Call, HANDLERS, type Handler } from "./handlers.ts";
import { DEFAULT_PAGE, type PageSettings, servePage } from "./page/page.ts";
import {
  DEFAULT_RATE_LIMITS,
  itemsOf,
  type RateLimitState,
  RateLimits,
  rateLimitHeaders,
  refusalOf,
} from "./rateLimits.ts";

/** An order with terms and the longest paths is below 3 kB, and 50 are sent at once. */
export const MAX_BODY_BYTES = 160 * 1024;

/** Headers that a page in a browser may read. */
const EXPOSED_HEADERS = ["ratelimit", "ratelimit-policy", "retry-after", "location", "etag"];

/** The HTTP server over `api`. It does not listen yet. */
export function buildHttp(
  api: OperatorApi,
  limits = new RateLimits(DEFAULT_RATE_LIMITS),
  page: PageSettings = DEFAULT_PAGE,
): FastifyInstance {
  const app = Fastify({ bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  // Read as text whatever the header says: the route's own parser explains what is wrong with it.
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

  // Any page may read and place: nothing is allowed by where a request comes from, and no cookie.
  app.register(cors, { origin: "*", exposedHeaders: EXPOSED_HEADERS });
  const serveRoutes = (scope: FastifyInstance, isServed: (route: Route) => boolean) => {
    for (const name of Object.keys(ROUTES) as RouteName[]) {
      const route: Route = ROUTES[name];
      if (!isServed(route)) continue;
      scope.route({
        method: route.method,
        url: route.path,
        handler: async (request, reply) => {
          await serve({ api, limits, name, route }, request, reply);
          // Compression sends later: without this the framework would send nothing in its place.
          return reply;
        },
      });
    }
  };
  // Nobody asks whether an answer to a write has changed, and to squeeze it takes longer than it.
  app.register(async (scope) => serveRoutes(scope, ({ method }) => method === "POST"));
  app.register(async (scope) => {
    scope.register(etag);
    scope.register(compress);
    scope.register(async (inner) => {
      serveRoutes(inner, ({ method }) => method === "GET");
      serveHealth(inner, api);
      serveSpecs(inner);
      servePage(inner, api, page);
    });
  });

  app.setNotFoundHandler((request, reply) => {
    refused(reply, refuse("NotFound", { what: `route ${request.method} ${request.url}` }));
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const caller = error.statusCode !== undefined && error.statusCode < 500;
    if (!caller) throw error;
    const problem = sentence(error.message);
    const hint = "Correct the request and send it again; nothing was taken.";
    refused(reply, refuse("BadInput", { field: "request", problem, hint }));
  });
  return app;
}

interface Served {
  readonly api: OperatorApi;
  readonly limits: RateLimits;
  readonly name: RouteName;
  readonly route: Route;
}

async function serve(served: Served, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { api, limits, name, route } = served;
  const kind = route.rate ?? "read";
  const weight = route.weight ?? 1;
  // Before anything is parsed or recovered: a flood costs as little as can be.
  if (isLimited(reply, limits.take(kind, request.ip, weight))) return;
  const call = parseCall(served, request);
  if (!call.ok) return refused(reply, call.refusal);
  const further = itemsOf(call.value.body) - 1;
  if (further > 0 && isLimited(reply, limits.take(kind, request.ip, further))) return;
  if (route.access === "client") {
    const { client } = call.value.params as unknown as { client: Address };
    const denied = authorize(api, client, request);
    if (denied !== undefined) return refused(reply, denied);
    // From however many addresses it comes; only its own session gets here.
    if (isLimited(reply, limits.take(kind, client, weight))) return;
  }
  // The writer makes writes wait by itself.
  if (route.method === "GET") while (api.whenWhole() !== undefined) await api.whenWhole();
  // The table pairs each name with its handler; the compiler cannot follow it through the loop.
  const handler = HANDLERS[name] as Handler<RouteName>;
  const answer = await handler(api, call.value as Call<RouteName>);
  if (!answer.ok) return refused(reply, answer.refusal);
  reply.code(200).type("application/json").send(answerText(name, answer.value));
}

/** Tells how the limit stands; whether the request was refused by it. */
function isLimited(reply: FastifyReply, state: RateLimitState | undefined): boolean {
  if (state !== undefined) reply.headers(rateLimitHeaders(state));
  const refusal = refusalOf(state);
  if (refusal !== undefined) refused(reply, refusal);
  return refusal !== undefined;
}

function parseCall({ name, route }: Served, request: FastifyRequest): Answered<Call<RouteName>> {
  const parts: Record<string, unknown> = {};
  if (route.params !== undefined) {
    const params = parseInput(route.params, request.params, "path");
    if (!params.ok) return params;
    parts["params"] = params.value;
  }
  if (route.query !== undefined) {
    const query = parseInput(route.query, request.query, "query");
    if (!query.ok) return query;
    parts["query"] = query.value;
  }
  if (route.body !== undefined) {
    const json = parseJson(typeof request.body === "string" ? request.body : "");
    if (!json.ok) return json;
    const read = readBody(name, json.value);
    const body = read === undefined ? parseInput(route.body, json.value, "body") : undefined;
    if (body?.ok === false) return body;
    parts["body"] = body === undefined ? read : body.value;
  }
  return { ok: true, value: parts as unknown as Call<RouteName> };
}

function authorize(
  api: OperatorApi,
  client: Address,
  request: FastifyRequest,
): Refusal | undefined {
  const outcome = parseSession(request.headers.authorization);
  if (!outcome.ok) return refuse("Unauthorized", { problem: outcome.problem });
  return api.authorize(client, outcome.value.session, outcome.value.signature);
}

function refused(reply: FastifyReply, refusal: Refusal): void {
  const elsewhere = locationOf(reply.request, refusal);
  if (elsewhere !== undefined) reply.header("location", elsewhere);
  if ("retryAfterMs" in refusal) {
    reply.header("retry-after", String(Math.ceil(refusal.retryAfterMs / 1000)));
  }
  reply
    .code(elsewhere === undefined ? statusOf(refusal.code) : 307)
    .type("application/json")
    .send(toJson(errorBody(refusal)));
}

/**
 * The operator that takes the same write, if that is known. Reads are answered by every operator.
 */
function locationOf({ method, url }: FastifyRequest, refusal: Refusal): string | undefined {
  if (refusal.code !== "NotLeader" || refusal.leader === undefined) return undefined;
  return method === "GET" ? undefined : refusal.leader.replace(/\/$/, "") + url;
}

/** The documents that describe the API to generators of clients; the process never changes them. */
function serveSpecs(app: FastifyInstance): void {
  for (const [path, make] of [
    [OPENAPI_PATH, openApi],
    [ASYNCAPI_PATH, asyncApi],
  ] as const) {
    let text: string | undefined;
    app.get(path, (_request, reply) => {
      text ??= JSON.stringify(make(VERSION));
      reply.type("application/json").send(text);
    });
  }
}

function serveHealth(app: FastifyInstance, api: OperatorApi): void {
  const answer = (reply: FastifyReply, well: boolean, body: Live | Ready | Health | Duties) => {
    reply.code(well ? 200 : 503).send(body);
  };
  // The answer itself is the message: process and event loop are alive.
  app.get("/health/live", (_request, reply) => answer(reply, true, { live: true }));
  app.get("/health/ready", (_request, reply) => {
    const waitingFor = api.notReady() ?? null;
    answer(reply, waitingFor === null, { waitingFor });
  });
  app.get("/health/duties", (_request, reply) => {
    const owed = api.duties();
    answer(
      reply,
      owed.unknown === null && owed.duties.every(({ state }) => state === "open"),
      owed,
    );
  });
  app.get("/health", (_request, reply) => {
    const checks = api.health();
    answer(
      reply,
      checks.every(({ state }) => state !== "failed"),
      { checks },
    );
  });
  app.get("/metrics", async (_request, reply) => {
    reply.type("text/plain; version=0.0.4");
    return api.metrics();
  });
}
