/** The operator watches itself, and says so: health, metrics, alerts, and how it ends loudly. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { DATABASE_VARIABLE, KEY_VARIABLE } from "../src/operator/config/config.ts";
import { firstBlockOf, lastBlockOf } from "../src/protocol/rounds.ts";
import { duties, health, live, ready } from "../src/wire/schemas/health.ts";
import { freePort } from "./support/chain/anvil.ts";
import { startPostgres } from "./support/database/postgres.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";
import {
  type OperatorFile,
  type OperatorProcess,
  spawnOperator,
  startOperatorProcess,
} from "./support/exchange/operatorProcess.ts";

interface Told {
  readonly id: string;
  readonly state: string;
  readonly detail: string;
  readonly hint: string;
  readonly fields: Record<string, string | number>;
}

let exchange: TestExchange;
let folder: string;
let webhook: Server;
let told: Told[];
let runs = 0;
const operators: OperatorProcess[] = [];

beforeAll(async () => {
  told = [];
  webhook = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      told.push(JSON.parse(body));
      response.end();
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  webhook.close();
});

beforeEach(async () => {
  exchange = await startExchange();
  await exchange.stopOperator();
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-monitoring-"));
  told.splice(0);
});
afterEach(async () => {
  for (const operator of operators.splice(0)) await operator.kill("SIGKILL");
  await exchange.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Secrets are not to be found in what the process writes. */
const SECRET = "hush-T0K3N";

async function configuration(more: object = {}): Promise<OperatorFile> {
  const { weth, usdc, mediator, anvil } = exchange;
  const { port } = webhook.address() as AddressInfo;
  runs += 1;
  return {
    rpc: [anvil.url],
    mediator,
    markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
    confirmations: 1,
    port: await freePort(),
    storage: join(folder, `storage-${runs}`),
    logs: join(folder, "logs"),
    pollMs: 20,
    maxTries: 3,
    guards: { everyMs: 50 },
    alerts: [{ url: `http://127.0.0.1:${port}/${SECRET}`, shape: "json" }],
    ...more,
  };
}

async function start(more: object = {}, privateKey = key()): Promise<OperatorProcess> {
  const operator = await startOperatorProcess(file(), await configuration(more), privateKey);
  operators.push(operator);
  return operator;
}

const key = () => exchange.anvil.keys[1] as Hex;
const file = () => join(folder, "operator.json");

describe("an operator that watches itself", () => {
  it("an operator answers all of health in the shapes that clients read", async () => {
    const operator = await start();
    const get = async (path: string) => {
      const response = await fetch(`${operator.url}${path}`);
      return { status: response.status, body: await response.json() };
    };
    const alive = await get("/health/live");
    expect(alive.status).toBe(200);
    expect(live.parse(alive.body)).toEqual({ live: true });
    expect(ready.parse((await get("/health/ready")).body)).toEqual({ waitingFor: null });
    let checks: string[] = [];
    await until("every health check has looked", async () => {
      checks = health.parse((await get("/health")).body).checks.map(({ name }) => name);
      return checks.length >= 25;
    });
    expect(checks).toEqual([
      "answerable",
      "attestedRoots",
      "chainSilence",
      "clockSkew",
      "commitQuorum",
      "deadline",
      "disk.logs",
      "disk.storage",
      "diskForecast.logs",
      "diskForecast.storage",
      "eventLoop",
      "haltDistance",
      "halted",
      "heap",
      "inodes.logs",
      "inodes.storage",
      "journalFlush",
      "journalLag",
      "journalWaiting",
      "keyBalance",
      "keyForecast",
      "memory",
      "registered",
      "rpcEndpoints",
      "rpcLag",
    ]);
    expect(duties.parse((await get("/health/duties")).body)).toEqual({
      unknown: null,
      duties: [],
    });
    expect(await operator.kill("SIGTERM")).toBe(0);
    expect(told).toEqual([]);
  });

  it("an operator exports every metric of the rules and dashboard, and no unused one", async () => {
    const operator = await start();
    let exported = new Set<string>();
    const looked = [
      "rpc_endpoint_up",
      "disk_left_seconds",
      "key_left_seconds",
      "operator_registered",
    ];
    looked.push("late_duties", "halt_left_blocks");
    await until("every health check has looked", async () => {
      exported = metricNames(await (await fetch(`${operator.url}/metrics`)).text());
      return looked.every((name) => exported.has(`quarterdeck_${name}`));
    });
    const deploy = (path: string) =>
      readFileSync(join(import.meta.dirname, "../deploy", path), "utf8");
    const used = new Set<string>();
    for (const path of ["prometheus/quarterdeck.rules.yml", "grafana/quarterdeck.json"]) {
      const names = deploy(path).match(/\bquarterdeck_[a-z0-9_]+/g) ?? [];
      expect(names.length).toBeGreaterThan(10);
      for (const name of names) used.add(name);
    }
    expect([...used].filter((name) => !exported.has(name))).toEqual([]);
    // Node's own, for whoever looks for the cause of something.
    const unused = [...exported].filter(
      (name) => !used.has(name) && !/^quarterdeck_(nodejs|process)_/.test(name),
    );
    expect(unused).toEqual([]);
    const page = readFileSync(join(import.meta.dirname, "../docs/monitoring.md"), "utf8");
    const untold = [...used].filter((name) => !page.includes(name.replace(/^quarterdeck_/, "")));
    expect(untold.filter((name) => !/_process_/.test(name))).toEqual([]);
    const { checks } = health.parse(await (await fetch(`${operator.url}/health`)).json());
    expect(checks.filter(({ name }) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it("an operator alerts when its key runs low, and again when it is well", async () => {
    const { anvil } = exchange;
    await start();
    const setBalance = (wei: bigint) =>
      anvil.rpc("anvil_setBalance", [anvil.addresses[1], `0x${wei.toString(16)}`]);
    await setBalance(5n * 10n ** 18n);
    await until("it says so", () => told.length === 1);
    expect(told[0]).toMatchObject({ id: "keyBalance", state: "raised", severity: "warn" });
    expect(told[0]?.detail).toMatch(/^5 ETH, warns below 10 ETH/);
    await setBalance(50n * 10n ** 18n);
    await until("it is well", () => told.length === 2);
    expect(told[1]).toMatchObject({ id: "keyBalance", state: "cleared", severity: "ok" });
  });

  it("an operator that cannot pay ends loudly: what, since when, time left, hint", async () => {
    const { anvil, schedule } = exchange;
    const operator = await start();
    await anvil.rpc("anvil_setBalance", [anvil.addresses[1], "0x0"]);
    const first = firstBlockOf(schedule, 1);
    await anvil.mineTo(first + 1);
    await until("the commit is in danger of failing", async () => {
      const answer = await fetch(`${operator.url}/health/duties`).catch(() => undefined);
      if (answer === undefined) return true;
      const [duty] = duties.parse(await answer.json()).duties;
      return duty !== undefined && duty.tries > 0 && duty.problem !== null;
    });
    let code: number | null | undefined;
    void operator.ended.then((ended) => {
      code = ended;
    });
    let tries = 1;
    // Nothing is told while blocks are taken in.
    const triedAgain = async (before: number) => {
      const answer = await fetch(`${operator.url}/health/duties`).catch(() => undefined);
      const [duty] = answer === undefined ? [] : duties.parse(await answer.json()).duties;
      tries = Math.max(tries, duty?.tries ?? 0);
      return code !== undefined || tries > before;
    };
    // It rests for a few blocks after each try: no more of them pass than that. One that was under
    // way when they came rests from then on.
    while (code === undefined) {
      const before = tries;
      await anvil.mine(4);
      let polls = 0;
      await until("it tries again", async () => {
        if (++polls % 200 === 0) await anvil.mine(2);
        return triedAgain(before);
      });
    }
    expect(code).toBe(1);
    const complaint = operator.complaint();
    expect(complaint).toMatch(/commit of round 1 failed 3 times since block \d+/);
    expect(complaint).toMatch(/\d+ blocks are left until its deadline.*cannot pay/);
    expect(complaint).toMatch(/\n {2}head: \d+\n/);
    const words = told.find(({ id }) => id === "operatorStopped");
    expect(words?.fields).toMatchObject({
      nextDuty: "commit of round 1",
      deadlineBlock: lastBlockOf(schedule, 1, 0),
    });
    expect(words?.fields["blocksLeft"]).toBeGreaterThan(0);
    expect(words?.hint).toMatch(/start the operator again/);
    const written = logText();
    expect(written).toContain('"msg":"givingUp"');
    expect(written + complaint).not.toContain(SECRET);
  });

  it("an operator whose chain is gone ends loudly, and says since which block", async () => {
    const operator = await start();
    const head = await exchange.anvil.blockNumber();
    await exchange.anvil.stop();
    expect(await operator.ended).toBe(1);
    expect(operator.complaint()).toMatch(/No chain endpoint answered.*Check that the endpoints/);
    const words = told.find(({ id }) => id === "operatorStopped");
    expect(words).toMatchObject({ fields: { sinceBlock: head, head } });
    expect(logText()).toContain('"msg":"givingUp"');
  });

  it("an operator that loses its database is not ready, nor healthy, until it is back", async () => {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.remove());
    const database = { schema: postgres.schema() };
    const config = await configuration({ database, publicUrl: "http://127.0.0.1:1" });
    const environment = { [KEY_VARIABLE]: key(), [DATABASE_VARIABLE]: postgres.url };
    const operator = await startOperatorProcess(file(), config, key(), { environment });
    operators.push(operator);
    const get = async (path: string) => {
      const response = await fetch(`${operator.url}${path}`);
      return { status: response.status, body: await response.json() };
    };
    const check = async () => {
      const { checks } = health.parse((await get("/health")).body);
      return checks.find(({ name }) => name === "database");
    };
    await until("the database was looked at", async () => (await check())?.state === "ok");

    await postgres.kill();
    await until("the loss is known", async () => (await check())?.state === "failed");
    expect((await get("/health")).status).toBe(503);
    expect(await check()).toMatchObject({
      detail: expect.stringMatching(/a server of the database runs/),
    });
    const waiting = await get("/health/ready");
    expect(waiting.status).toBe(503);
    expect(ready.parse(waiting.body).waitingFor).toMatch(/^the database \(.*postgres:\/\/127.*\)$/);

    await postgres.restart();
    await until("it is ready again", async () => (await get("/health/ready")).status === 200);
    await until("the check is well", async () => (await check())?.state === "ok");
  });

  it("an operator that is not registered says so, and is not healthy", async () => {
    const stranger = exchange.anvil.keys[7] as Hex;
    const operator = await start({}, stranger);
    await until("it says so", () => told.some(({ id }) => id === "registered"));
    const answer = await fetch(`${operator.url}/health`);
    expect(answer.status).toBe(503);
  });

  it("an operator that cannot start ends as loudly, also when no webhook is reached", async () => {
    const gone = `http://127.0.0.1:${await freePort()}`;
    const alerts = [{ url: `${gone}/${SECRET}`, shape: "slack" }];
    const config = await configuration({ rpc: [gone], maxTries: 1, alerts });
    const operator = spawnOperator(file(), config, key());
    expect(await operator.ended).toBe(1);
    expect(operator.complaint()).toMatch(/No chain endpoint answered/);
    expect(logText()).toContain('"msg":"alertNotDelivered"');
    expect(logText() + operator.complaint()).not.toContain(SECRET);
  });

  it("an operator ends with 78 for what no restart corrects", async () => {
    const config = await configuration({ colour: "red" });
    const operator = spawnOperator(file(), config, key());
    expect(await operator.ended).toBe(78);
    expect(operator.complaint()).toMatch(/colour/);
  });
});

function logText(): string {
  const logs = join(folder, "logs");
  return readdirSync(logs)
    .map((name) => readFileSync(join(logs, name), "utf8"))
    .join("");
}

/** Of every sample, and of what has none yet. */
function metricNames(text: string): Set<string> {
  const names = new Set<string>();
  for (const line of text.split("\n")) {
    const name = /^(?:# TYPE )?(quarterdeck_[a-z0-9_]+)/.exec(line)?.[1];
    if (name !== undefined) names.add(name);
  }
  return names;
}
