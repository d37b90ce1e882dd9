/** The page is served with a policy that no visitor's text gets out of, and cached as it may be. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperatorApi } from "../../operator/api/operatorApi.ts";
import { servePage } from "./page.ts";
import { contentPolicy, originOf } from "./policy.ts";

const api = {
  exchange: () => ({ markets: [{ name: "</script><script>alert(1)</script>" }], lot: 10n }),
  clock: () => ({ block: 7 }),
} as unknown as OperatorApi;

describe("the page", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-page-"));
  let app: FastifyInstance;
  beforeAll(async () => {
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "index.html"), "<body><!-- facts --></body>");
    writeFileSync(join(folder, "assets/app-1234.js"), "plain");
    writeFileSync(join(folder, "assets/app-1234.js.br"), "packed");
    app = Fastify();
    const rpc = ["https://node.example/key/123"];
    servePage(app, api, { serve: true, rpc, operators: ["https://b.example"] }, folder);
    await app.ready();
  });
  afterAll(async () => {
    await app.close();
    rmSync(folder, { recursive: true });
  });
  const policyOf = async (url: string) => {
    const { headers } = await app.inject({ url });
    return String(headers["content-security-policy"]);
  };

  it("the page comes with the exchange's facts, as data that no text in them leaves", async () => {
    const { body, headers } = await app.inject({ url: "/" });
    expect(headers["cache-control"]).toBe("no-cache");
    const [, json] = /<script type="application\/json" id="facts">(.*)<\/script>/.exec(body) ?? [];
    expect(body.match(/<script/g)).toHaveLength(1);
    expect(JSON.parse(String(json))).toMatchObject({
      exchange: { lot: "10", markets: [{ name: "</script><script>alert(1)</script>" }] },
      clock: { block: 7 },
      operators: ["https://b.example"],
    });
  });

  it("the page may talk to its operator, the offered endpoints, and other operators", async () => {
    expect(await policyOf("/")).toContain(
      "connect-src 'self' https://node.example https://b.example wss://b.example;",
    );
  });

  it("the page may talk to the endpoint that its visitor chose, by its origin alone", async () => {
    const query = encodeURIComponent("http://127.0.0.1:8545/some/path?key=1");
    const policy = await policyOf(`/?connect=${query}`);
    expect(policy).toContain(" http://127.0.0.1:8545;");
    expect(policy).not.toContain("some/path");
  });

  it.each([
    "https://a.example; script-src *",
    "https://a.example%0d%0aset-cookie: x",
    "javascript:alert(1)",
    "data:text/html,x",
    "*",
    "'unsafe-inline'",
    "https://user:word@a.example",
    "https://*.example",
  ])("the policy takes in no other words of a visitor: %s", async (words) => {
    const policy = await policyOf(`/?connect=${encodeURIComponent(words)}`);
    const clean = contentPolicy(["https://node.example", "https://b.example", "wss://b.example"]);
    expect([
      clean,
      clean.replace("wss://b.example", "wss://b.example https://a.example"),
    ]).toContain(policy);
    expect(policy).not.toMatch(/\*|unsafe-inline/);
  });

  it("the page comes with the picture that its own code draws of the facts, and without where it cannot", async () => {
    const pictured = mkdtempSync(join(tmpdir(), "quarterdeck-page-"));
    const file = join(pictured, "picture.mjs");
    mkdirSync(join(pictured, "assets"));
    writeFileSync(join(pictured, "index.html"), "<main><!-- picture --></main><!-- facts -->");
    writeFileSync(
      file,
      "export const drawPicture = (facts) => JSON.parse(facts).clock.block + '$&';",
    );
    const one = Fastify();
    servePage(one, api, { serve: true, rpc: [], operators: [] }, pictured);
    expect((await one.inject({ url: "/" })).body).toContain("<main>7$&</main><script");
    writeFileSync(file, "export const drawPicture = () => { throw new Error('no'); };");
    utimesSync(file, 1, 1);
    expect((await one.inject({ url: "/" })).body).toContain("<main></main><script");
    await one.close();
    rmSync(pictured, { recursive: true });
  });

  it("the page's files are named by their content, compressed, and kept for ever", async () => {
    const { body, headers } = await app.inject({
      url: "/assets/app-1234.js",
      headers: { "accept-encoding": "br" },
    });
    expect(body).toBe("packed");
    expect(headers).toMatchObject({
      "content-encoding": "br",
      "cache-control": "public, max-age=31536000, immutable",
      "x-content-type-options": "nosniff",
    });
    expect(headers["content-type"]).toMatch(/javascript/);
  });

  it("the server gives nothing from outside the page's folder", async () => {
    for (const url of ["/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/none.js"]) {
      expect((await app.inject({ url })).statusCode).toBeGreaterThanOrEqual(400);
    }
  });

  it("the page is not there where it is not wanted, or not built", async () => {
    const none = Fastify();
    servePage(none, api, { serve: false, rpc: [], operators: [] }, folder);
    servePage(none, api, { serve: true, rpc: [], operators: [] }, join(folder, "nowhere"));
    expect((await none.inject({ url: "/" })).statusCode).toBe(404);
    await none.close();
  });

  it("an origin is known by its parts", () => {
    expect(originOf("https://a.example:444/x")).toBe("https://a.example:444");
    expect(originOf("ws://[::1]:8545")).toBe("ws://[::1]:8545");
    expect(originOf("a.example")).toBeUndefined();
  });
});
