/**
 * `quarterdeck watchtower` as a process of its own: killed in the middle and started again, with one
 * webhook that fails for a while and one that always does, while the operator steals.
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportEvidence } from "../src/client/evidence/transfer.ts";
import { entrust } from "../src/client/rounds/entrust.ts";
import { startCli } from "./support/exchange/cli.ts";
import { until } from "./support/exchange/exchange.ts";
import { TOWER, TowerStage, USDC, WETH } from "./support/exchange/towerStage.ts";

interface Line {
  readonly event: string;
  readonly url?: string;
  readonly detail?: string;
}
interface Running {
  readonly url: string;
  lines(event: string): Line[];
  end(signal: NodeJS.Signals): Promise<number | null>;
}

describe("the watchtower's command", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-tower-command-"));
  const config = join(folder, "watchtower.json");
  const deployment = join(folder, "exchange.manifest.json");
  const storage = join(folder, "storage");
  /** Of the webhook that fails for a while; of the one that refuses all. */
  const told: { readonly event: string; readonly detail: string; readonly client: string }[] = [];
  let failures = 2;
  let refusals = 0;
  let webhooks: Server;
  let stage: TowerStage;
  let running: Running | undefined;

  beforeAll(async () => {
    stage = await TowerStage.start();
    webhooks = createServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      if (request.url === "/refuses") {
        refusals += 1;
        response.writeHead(404).end();
      } else if (failures > 0) {
        failures -= 1;
        response.writeHead(503).end();
      } else {
        told.push(JSON.parse(Buffer.concat(parts).toString()));
        response.writeHead(204).end();
      }
    });
    await new Promise<void>((resolve) => webhooks.listen(0, "127.0.0.1", resolve));
    const at = `http://127.0.0.1:${(webhooks.address() as AddressInfo).port}`;
    const { anvil, mediator, manager, schedule } = stage.exchange;
    const manifest = {
      version: 1,
      chainId: anvil.chainId,
      mediator,
      manager,
      managerKind: "single",
      ...schedule,
      disputeBond: "0",
      withdrawalBond: "0",
      owner: stage.ada,
      commitQuorum: 1,
      tokens: [],
      operators: [{ address: stage.bob, name: "one", endpoint: "http://127.0.0.1:1" }],
    };
    writeFileSync(deployment, JSON.stringify(manifest));
    const given = { rpc: [anvil.url], deployment, storage, port: 0, pollMs: 30 };
    const hooks = [`${at}/alerts`, { url: `${at}/refuses`, shape: "slack" }];
    writeFileSync(config, JSON.stringify({ ...given, webhooks: hooks }));
  });
  afterAll(async () => {
    await running?.end("SIGKILL");
    webhooks.close();
    await stage.stop();
    rmSync(folder, { recursive: true });
  });

  async function start(): Promise<Running> {
    const key = stage.exchange.anvil.keys[TOWER] as string;
    const child = startCli(["watchtower", "--config", config], { QUARTERDECK_PRIVATE_KEY: key });
    let out = "";
    let complaint = "";
    child.stdout?.setEncoding("utf8").on("data", (part) => {
      out += part;
    });
    child.stderr?.setEncoding("utf8").on("data", (part) => {
      complaint += part;
    });
    const ended = once(child, "close");
    const lines = (event: string) =>
      out
        .split("\n")
        .slice(0, -1)
        .map((one) => JSON.parse(one) as Line)
        .filter((one) => one.event === event);
    await until("the tower serves", () => {
      if (child.exitCode !== null) throw new Error(`the tower ended: ${complaint}`);
      return lines("watching").length > 0;
    });
    return {
      url: lines("watching")[0]?.url as string,
      lines,
      end: async (signal) => {
        child.kill(signal);
        const [code] = await ended;
        return code as number | null;
      },
    };
  }
  const tower = () => ({ url: running?.url as string, address: stage.address(TOWER) });
  const events = () => told.map(({ event }) => event);

  it("a killed tower has all that it acknowledged, and disputes and recovers when it is started again", async () => {
    running = await start();
    const sent = await entrust(stage.trust({ tower: tower(), untilRound: 9 }));
    expect(sent).toMatchObject({ added: 4, known: 0, refused: [] });
    const trees = await stage.commit(
      [
        [stage.ada, 9n * WETH],
        [stage.bob, 6n * WETH],
      ],
      [
        [stage.ada, 0n],
        [stage.bob, 9000n * USDC],
      ],
    );
    const evidence = await stage.shown(trees);
    await entrust(stage.trust({ tower: tower(), evidence }));
    expect(await running.end("SIGKILL")).toBeNull();

    const file = readFileSync(join(storage, stage.ada, "evidence.jsonl"), "utf8");
    for (const store of [stage.kept, evidence]) {
      for await (const line of exportEvidence(store)) expect(file).toContain(line);
    }
    running = await start();
    await until("the theft is seen", () => running?.lines("faults").length === 1);
    await stage.at(3, 3);
    await until("it is disputed", () => running?.lines("disputed").length === 1);
    expect(await stage.exchange.reader.dispute(stage.ada, 3)).toMatchObject({
      open: true,
      delegate: stage.address(TOWER),
    });
    // The webhook took it after it had failed twice; the other never does, and holds up nothing.
    await until("its webhook is told", () => events().includes("disputed"));
    expect(failures).toBe(0);
    await until("a refusal is told", () => (running?.lines("webhookFailed").length ?? 0) >= 2);
    expect(refusals).toBeGreaterThanOrEqual(2);
    expect(running.lines("webhookFailed")[0]).toMatchObject({
      webhook: 1,
      problem: "it answers 404",
      hint: "Check webhooks.1 of the configuration, and its service.",
    });
    expect(await running.end("SIGKILL")).toBeNull();

    const before = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    await stage.at(4, 1);
    failures = Number.POSITIVE_INFINITY;
    running = await start();
    await until("all is recovered", () => running?.lines("recovered").length !== 0);
    // Killed before any webhook took the alert: on chain there is nothing left to do and to tell.
    expect(await running.end("SIGKILL")).toBeNull();
    expect(events()).not.toContain("recovered");
    failures = 0;
    running = await start();
    await until("the client is told", () => events().includes("recovered"));
    const after = await stage.exchange.balanceOf(stage.exchange.weth, stage.ada);
    expect(after - before).toBe(10n * WETH);
    expect(new Set(told.map(({ client }) => client))).toEqual(new Set([stage.ada]));
    expect(await stage.exchange.balanceOf(stage.exchange.weth, stage.address(TOWER))).toBe(0n);
    expect(await running.end("SIGTERM")).toBe(0);
    running = undefined;
  });

  it("a tower says which field of its configuration is wrong", async () => {
    const bad = join(folder, "bad.json");
    writeFileSync(
      bad,
      JSON.stringify({ rpc: ["http://127.0.0.1:1"], deployment, webhooks: ["x"] }),
    );
    const child = startCli(["watchtower", "--config", bad]);
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (part) => {
      complaint += part;
    });
    const [code] = await once(child, "close");
    expect(code).toBe(78);
    expect(complaint).toContain("webhooks.0");
  });
});
