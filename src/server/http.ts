/**
 * Serves the route table over HTTP. Everything that arrives is parsed here, once; everything that
 * leaves is what the operator's API answered. No decisions are made in between.
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Address } from "../base/hex.ts";
import { VERSION } from "../base/version.ts";
import type { Answered, OperatorApi } from "../operator/api/operatorApi.ts";
import { type Refusal, refuse } from "../protocol/refusals.ts";
import { parseInput, parseJson } from "../wire/input.ts";
import { statusOf } from "../wire/meanings.ts";
import { ROUTES, type Route, type RouteName } from "../wire/routes/routes.ts";
import type { Duties, Health, Live, Ready } from "../wire/schemas/health.ts";
import { toJson } from "../wire/schemas/values.ts";
import { errorBody } from "../wire/sentences.ts";
import { parseSession } from "../wire/session.ts";
import { ASYNCAPI_PATH, asyncApi } from "../wire/specs/asyncapi.ts";
import { OPENAPI_PATH, openApi } from "../wire/specs/openapi.ts";
import { type Call, HANDLERS, type Handler } from "./handlers.ts";

/** An order with the longest allowed path is below 4 kB. */
const MAX_BODY_BYTES = 64 * 1024;

/** The HTTP server over `api`. It does not listen yet. */
export function buildHttp(api: OperatorApi): FastifyInstance {
  const app = Fastify({ bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  // Read as text whatever the header says: the route's own parser explains what is wrong with it.
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

  for (const name of Object.keys(ROUTES) as RouteName[]) {
    const route: Route = ROUTES[name];
    app.route({
      method: route.method,
      url: route.path,
      handler: (request, reply) => serve(api, name, route, request, reply),
    });
  }
  serveHealth(app, api);
  serveSpecs(app);

  app.setNotFoundHandler((request, reply) => {
    refused(reply, refuse("NotFound", { what: `route ${request.method} ${request.url}` }));
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const caller = error.statusCode !== undefined && error.statusCode < 500;
    if (!caller) throw error;
    const problem = error.message.replace(/\.?$/, ".");
    const hint = "Correct the request and send it again; nothing was taken.";
    refused(reply, refuse("BadInput", { field: "request", problem, hint }));
  });
  return app;
}

async function serve(
  api: OperatorApi,
  name: RouteName,
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const call = parseCall(route, request);
  if (!call.ok) return refused(reply, call.refusal);
  if (route.access === "client") {
    const denied = authorize(
      api,
      (call.value.params as unknown as { client: Address }).client,
      request,
    );
    if (denied !== undefined) return refused(reply, denied);
  }
  // The table pairs each name with its handler; the compiler cannot follow it through the loop.
  const handler = HANDLERS[name] as Handler<RouteName>;
  const answer = await handler(api, call.value as Call<RouteName>);
  if (!answer.ok) return refused(reply, answer.refusal);
  reply.code(200).type("application/json").send(toJson(answer.value));
}

function parseCall(route: Route, request: FastifyRequest): Answered<Call<RouteName>> {
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
    const body = parseInput(route.body, json.value, "body");
    if (!body.ok) return body;
    parts["body"] = body.value;
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
  reply
    .code(elsewhere === undefined ? statusOf(refusal.code) : 307)
    .type("application/json")
    .send(toJson(errorBody(refusal)));
}

/** Where the same write is taken, if that is known. What is only read is answered by everybody. */
function locationOf({ method, url }: FastifyRequest, refusal: Refusal): string | undefined {
  if (refusal.code !== "NotLeader" || refusal.leader === undefined) return undefined;
  return method === "GET" ? undefined : refusal.leader.replace(/\/$/, "") + url;
}

/** What describes the API to generators of clients. The same for the process's whole life. */
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
  // That it answers at all is what it says: process and event loop are alive.
  app.get("/health/live", (_request, reply) => answer(reply, true, { live: true }));
  app.get("/health/ready", (_request, reply) => {
    const waitingFor = api.notReady() ?? null;
    answer(reply, waitingFor === null, { waitingFor });
  });
  app.get("/health/duties", (_request, reply) => {
    const duties = api.duties();
    answer(
      reply,
      duties.every(({ state }) => state === "open"),
      { duties },
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
    reply.type("text/plain; version=0.0.4").send(await api.metrics());
  });
}
