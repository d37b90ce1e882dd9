/** What the server makes of refusals and of requests that are none: no operator is behind it. */
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { OperatorApi } from "../operator/api/operatorApi.ts";
import {
  ACT_OF_REFUSAL,
  REFUSAL_CODES,
  type Refusal,
  type RefusalCode,
  refuse,
} from "../protocol/refusals.ts";
import { statusOf } from "../wire/meanings.ts";
import { ROUTES } from "../wire/routes/routes.ts";
import type { Duties } from "../wire/schemas/health.ts";
import { toJson } from "../wire/schemas/values.ts";
import { buildHttp } from "./http.ts";
import { RateLimits } from "./rateLimits.ts";

const HASH = `0x${"ab".repeat(32)}`;
const ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const signature = { r: HASH, vs: HASH };
const order = {
  owner: ADDRESS,
  round: 1,
  id: "7",
  sellToken: ADDRESS,
  sellAmount: "5",
  buyToken: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  buyAmount: "6",
  intent: "sellAll",
};

/** What the API was given, and what it answers. */
let given: unknown[] = [];
let answer: Refusal = refuse("Overloaded", { retryAfterMs: 5 });
const refusing = async (...args: unknown[]) => {
  given.push(...args);
  return { ok: false as const, refusal: answer };
};
let owed: Duties = { unknown: null, duties: [] };
/** Until when the records that are being applied are half applied, one after the other. */
let half: Promise<void>[] = [];
const api: Partial<OperatorApi> = {
  whenWhole: () => half[0],
  tickers: () => [],
  placeOrder: refusing,
  cancelOrder: refusing,
  identity: refusing,
  authorize: () => refuse("Unauthorized", { problem: "No." }),
  notReady: () => "the chain",
  health: () => [],
  duties: () => owed,
};
const app = buildHttp(api as OperatorApi);
beforeAll(async () => {
  await app.ready();
});
afterAll(async () => {
  await app.close();
});

async function post(path: string, body: unknown) {
  given = [];
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  const response = await app.inject({ method: "POST", url: path, payload });
  const { error } = response.json() as { error: { code: string; message: string } };
  return { status: response.statusCode, location: response.headers["location"], ...error };
}

it.each(REFUSAL_CODES)("a refusal has a status that says who must act: %s", (code) => {
  const status = statusOf(code);
  const act = ACT_OF_REFUSAL[code as RefusalCode];
  if (act === "retry") expect([429, 503]).toContain(status);
  else expect([400, 401, 404, 409, 422]).toContain(status);
});

it("an answer that is compressed comes whole", async () => {
  const tickers = Array.from({ length: 300 }, (_, at) => ({ base: ADDRESS, last: BigInt(at) }));
  const lines = "quarterdeck_round 7\n".repeat(500);
  const large = buildHttp({
    whenWhole: () => undefined,
    tickers: () => tickers,
    metrics: async () => lines,
  } as unknown as OperatorApi);
  onTestFinished(() => large.close());
  const url = await large.listen({ port: 0, host: "127.0.0.1" });
  const response = await fetch(`${url}/v1/tickers`);
  expect(response.headers.get("content-encoding")).toBe("gzip");
  expect(await response.json()).toHaveLength(tickers.length);
  expect(await (await fetch(`${url}/metrics`)).text()).toBe(lines);
});

it("a reader is answered once no record is half applied, and a writer at once", async () => {
  const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  half = ends.map(({ promise }) => promise);
  onTestFinished(() => {
    half = [];
  });
  let status: number | undefined;
  const read = app.inject("/v1/tickers").then((response) => {
    status = response.statusCode;
  });
  expect(await post("/v1/orders", { order, signature })).toMatchObject({ code: answer.code });
  for (const { resolve } of ends) {
    await setImmediate();
    await setImmediate();
    expect(status).toBeUndefined();
    half.shift();
    resolve();
  }
  await read;
  expect(status).toBe(200);
});

it("a write that another takes is sent there with its path, and a read is not", async () => {
  answer = refuse("NotLeader", { leader: "http://b.example/x/" });
  const sent = await post("/v1/orders", { order, signature });
  expect(sent).toMatchObject({ status: 307, location: "http://b.example/x/v1/orders" });
  const read = await app.inject({ url: `/v1/identity?challenge=${HASH}` });
  expect(read.statusCode).toBe(503);
  expect(read.headers["location"]).toBeUndefined();
  answer = refuse("NotLeader", { leader: undefined });
  expect(await post("/v1/orders", { order, signature })).toMatchObject({ status: 503 });
});

it("an order arrives parsed, and in one form, however it was signed", async () => {
  const low = `0x${"01".repeat(32)}`;
  const folded = { r: HASH, vs: `0x8${low.slice(3)}`, path: [] };
  for (const form of [{ r: HASH, s: low, v: 28 }, `${HASH}${low.slice(2)}1c`]) {
    await post("/v1/orders", { order, signature: form });
    expect(given).toMatchObject([{ order: { id: 7n, sellAmount: 5n }, signature: folded }]);
    await post("/v1/orders/cancel", {
      cancel: { owner: ADDRESS, round: 1, id: "7" },
      signature: form,
    });
    expect(given).toMatchObject([{ id: 7n }, folded]);
  }
});

it.each([
  ["", /^body: It is no JSON/],
  ["[]", /^body: /],
  [{ order }, /^body\.signature: .*EIP-2098/],
  [{ order, signature: { r: HASH, s: HASH } }, /^body\.signature\.v: .*65 bytes/],
  [{ order: { ...order, id: 7 }, signature }, /^body\.order\.id: /],
  [{ order, signature, more: 1 }, /more/],
])("a body that is none reaches nobody: %j", async (body, message) => {
  const refused = await post("/v1/orders", body);
  expect(refused).toMatchObject({ status: 400, code: "BadInput" });
  expect(refused.message).toMatch(message);
  expect(given).toEqual([]);
});

it("every route of a client's own wants a session, and every path is served", async () => {
  for (const route of Object.values(ROUTES)) {
    const url = route.path.replace(/:round/, "3").replace(/:\w+/g, ADDRESS);
    const { statusCode } = await app.inject({ method: route.method, url });
    if (route.access === "client") expect(statusCode, url).toBe(401);
    else expect(statusCode, url).not.toBe(404);
  }
  const nowhere = await app.inject({ url: "/v1/nowhere" });
  expect(nowhere.json()).toMatchObject({ error: { code: "NotFound" } });
});

it("the health route says 503 with the same body when the operator is not well", async () => {
  const ready = await app.inject({ url: "/health/ready" });
  expect(ready.statusCode).toBe(503);
  expect(ready.json()).toEqual({ waitingFor: "the chain" });
  expect((await app.inject({ url: "/health/duties" })).statusCode).toBe(200);
  owed = { unknown: "The chain has not been read.", duties: [] };
  const unknown = await app.inject({ url: "/health/duties" });
  expect([unknown.statusCode, unknown.json()]).toEqual([503, owed]);
  expect((await app.inject({ url: "/health/live" })).json()).toEqual({ live: true });
  expect(toJson({ amount: 5n })).toBe('{"amount":"5"}');
});

it.each([
  ["/v1/openapi.json", "openapi"],
  ["/v1/asyncapi.json", "asyncapi"],
])("the API describes itself at %s", async (url, word) => {
  const response = await app.inject({ url });
  expect(response.statusCode).toBe(200);
  expect(response.json()).toHaveProperty(word);
});

it("the server limits an address before it parses anything, and cancelling by itself", async () => {
  const settings = { readsPerSecond: 1, placementsPerSecond: 1, cancelsPerSecond: 1 };
  const limited = buildHttp(api as OperatorApi, new RateLimits(settings, () => 0));
  const send = (url: string) => limited.inject({ method: "POST", url, payload: "{}" });
  for (let i = 0; i < 2; i++) expect((await send("/v1/orders")).statusCode).toBe(400);
  const refused = await send("/v1/orders");
  expect(refused.statusCode).toBe(429);
  expect(refused.headers).toMatchObject({
    "retry-after": "1",
    ratelimit: '"place";r=0;t=1',
    "ratelimit-policy": '"place";q=2;w=2',
    "access-control-allow-origin": "*",
  });
  expect(refused.json()).toMatchObject({ error: { code: "RateLimited", act: "retry" } });
  expect((await send("/v1/orders/cancel")).statusCode).toBe(400);
  await limited.close();
});

it.each([
  ["place", "/v1/orders/batch", 429],
  ["place", "/v1/orders/replace", 429],
  ["cancel", "/v1/orders/cancel-batch", 400],
  ["cancel", "/v1/orders/cancel-all", 400],
  ["cancel", "/v1/orders/cancel-after", 400],
])("the limit of %s counts alone at %s, whatever was placed and read", async (_, url, status) => {
  const settings = { readsPerSecond: 1, placementsPerSecond: 1, cancelsPerSecond: 1 };
  const limited = buildHttp(api as OperatorApi, new RateLimits(settings, () => 0));
  const post = (path: string) => limited.inject({ method: "POST", url: path, payload: "{}" });
  for (let i = 0; i < 3; i++) {
    await post("/v1/orders");
    await limited.inject({ url: "/v1/identity" });
  }
  expect((await post(url)).statusCode).toBe(status);
  await limited.close();
});

it("the server answers a preflight, compresses long bodies, and tells of no change", async () => {
  const headers = { origin: "https://a.example", "access-control-request-method": "POST" };
  const preflight = await app.inject({ method: "OPTIONS", url: "/v1/orders", headers });
  expect(preflight.statusCode).toBe(204);
  const url = "/v1/openapi.json";
  const whole = await app.inject({ url, headers: { "accept-encoding": "gzip" } });
  expect(whole.headers["content-encoding"]).toBe("gzip");
  const { etag } = (await app.inject({ url })).headers;
  const again = await app.inject({ url, headers: { "if-none-match": String(etag) } });
  expect(again.statusCode).toBe(304);
});
