/** An operator whose endpoints fail goes on with those that are well, and says which are not. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type RunningOperator, startOperator } from "../src/operator/node/node.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { type Anvil, startAnvil } from "./support/chain/anvil.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";
import { type HttpProxy, type Meddle, startHttpProxy } from "./support/faults/proxy.ts";

const SECRET = "0f3b9c7d55aa41e2";

async function commitRound(exchange: TestExchange, round: number): Promise<void> {
  const { anvil, schedule, reader } = exchange;
  await anvil.mineTo(firstBlockOf(schedule, round) + 1);
  await until(`round ${round} is committed`, async () => {
    await anvil.mine();
    return (await reader.clock()).committedRound >= round;
  });
}

describe("an operator with several endpoints", () => {
  let exchange: TestExchange;
  let folder: string;
  let proxy: HttpProxy;
  let other: Anvil;
  let operator: RunningOperator;
  const logged: { event: string; fields: Record<string, unknown> }[] = [];
  const take = (event: string, fields: object = {}) => {
    logged.push({ event, fields: fields as Record<string, unknown> });
  };
  const log = { info: take, warn: take, error: take, flush: async () => {} };

  beforeAll(async () => {
    exchange = await startExchange();
    await exchange.stopOperator();
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-endpoints-"));
    proxy = await startHttpProxy(exchange.anvil.url);
    other = await startAnvil({ chainId: 5 });
    const { url } = exchange.anvil;
    const rpc = [`${proxy.url}/v3/${SECRET}`, url.replace("http", "ws"), url];
    const storage = join(folder, "storage");
    operator = await startOperator({ ...exchange.config, rpc, storage }, log);
  });
  afterAll(async () => {
    await operator.stop();
    proxy.stop();
    await Promise.all([exchange.stop(), other.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const failures = () => logged.filter(({ event }) => event === "endpointFailed");

  it("an operator commits by its last endpoint, and names the other by its origin", async () => {
    await commitRound(exchange, 1);
    proxy.meddle = async () => 500;
    await commitRound(exchange, 2);
    expect(failures()[0]?.fields.endpoint).toBe(proxy.url);
    const figure = `quarterdeck_endpoint_failures_total{endpoint="${proxy.url}"}`;
    expect(await operator.api.metrics()).toContain(figure);
    const rest = `quarterdeck_endpoint_penalty_requests{endpoint="${exchange.anvil.url}"} 0`;
    expect(await operator.api.metrics()).toContain(rest);
  });

  it("an operator never uses an endpoint that comes back with another chain", async () => {
    const before = failures().length;
    proxy.meddle = async ({ method, params }) => ({ result: await other.rpc(method, params) });
    await commitRound(exchange, 3);
    await until("it is named", () =>
      failures()
        .slice(before)
        .some(({ fields }) => String(fields.problem).includes("serves chain 5 instead of 31337")),
    );
    expect(await other.blockNumber()).toBe(0);
  });

  it("an operator says what duties cost a day, by what they cost lately", async () => {
    const pattern = /quarterdeck_duties_forecast_wei_per_day ([0-9.e+]+)/;
    const figure = Number(pattern.exec(await operator.api.metrics())?.[1]);
    expect(figure).toBeGreaterThan(0);
  });

  it("an operator tells nobody the secret of a URL", async () => {
    expect(inspect(logged, { depth: 10, maxArrayLength: null })).not.toContain(SECRET);
    expect(await operator.api.metrics()).not.toContain(SECRET);
    expect(logged.length).toBeGreaterThan(5);
  });
});

describe("an operator whose first endpoint is over its limit", () => {
  const limited: Meddle = async () => ({ error: { code: -32016, message: "over rate limit" } });

  it.each(["from the first request on", "once it runs"])(
    "an operator commits by its second endpoint: limited %s",
    async (since) => {
      const exchange = await startExchange();
      onTestFinished(() => exchange.stop());
      await exchange.stopOperator();
      const folder = mkdtempSync(join(tmpdir(), "quarterdeck-endpoints-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const { url } = exchange.anvil;
      const proxy = await startHttpProxy(url, since.startsWith("from") ? limited : undefined);
      onTestFinished(() => proxy.stop());
      const failures: unknown[] = [];
      const take = (event: string, fields: object = {}) => {
        if (event === "endpointFailed") failures.push(fields);
      };
      const log = { info: take, warn: take, error: take, flush: async () => {} };
      const config = {
        ...exchange.config,
        rpc: [proxy.url, url],
        storage: join(folder, "storage"),
      };
      const operator = await startOperator(config, log);
      onTestFinished(() => operator.stop());
      proxy.meddle = limited;
      await commitRound(exchange, 1);
      await commitRound(exchange, 2);
      expect(failures[0]).toEqual({ endpoint: proxy.url, problem: "over rate limit" });
    },
  );
});
