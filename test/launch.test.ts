/** How an operator lives with whoever launched it and whoever reads what it prints. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { KEY_VARIABLE } from "../src/operator/config/config.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";

const ROOT = join(import.meta.dirname, "..");
const BIN = join(ROOT, "bin/quarterdeck.mjs");
/** Bytes: more than a pipe holds. */
const PIPE_BYTES = 140_000;

let exchange: TestExchange;
let folder: string;
let config: string;
let url: string;
const started = new Set<number>();

beforeAll(async () => {
  exchange = await startExchange();
  await exchange.stopOperator();
  const { weth, usdc, mediator, anvil } = exchange;
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-launch-"));
  config = join(folder, "launch.json");
  url = exchange.url;
  const markets = [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }];
  writeFileSync(
    config,
    JSON.stringify({
      rpc: [anvil.url],
      mediator,
      markets,
      confirmations: 1,
      pollMs: 20,
      port: Number(new URL(url).port),
      storage: join(folder, "launch"),
      logs: join(folder, "launch-logs"),
    }),
  );
});
afterAll(async () => {
  for (const pid of started) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  await exchange.stop();
  rmSync(folder, { recursive: true, force: true });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function isServing(): Promise<boolean> {
  return fetch(`${url}/health/live`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Starts `command` as a child that leads to an operator, and waits until that one serves. */
async function launch(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...withoutNpm(), [KEY_VARIABLE]: exchange.anvil.keys[1] as Hex, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const output of [child.stdout, child.stderr]) {
    output.on("data", (part) => {
      said += part;
    });
  }
  const ended = new Promise<number | string | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal)),
  );
  await until(`the operator serves: ${said}`, isServing);
  started.add(child.pid as number);
  return { child, ended };
}

/** What `npm test` sets is not ours to inherit. */
function withoutNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/.test(name)));
}

const OPERATOR = () => ["operator", "--config", config];

describe("an operator", () => {
  it("an operator ends at SIGTERM to the documented command, and says so with 0", async () => {
    const { child, ended } = await launch(process.execPath, [BIN, ...OPERATOR()]);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  it.each<NodeJS.Signals>(["SIGTERM", "SIGKILL"])(
    "an operator does not outlive the npx that launched it, when that gets %s",
    async (signal) => {
      const { child, ended } = await launch("npx", ["--no-install", "quarterdeck", ...OPERATOR()]);
      child.kill(signal);
      await ended;
      await until("the operator is gone too", async () => !(await isServing()));
    },
  );

  it("an operator outlives the shell that it was started from", async () => {
    const words = [process.execPath, BIN, ...OPERATOR()].map((word) => `'${word}'`).join(" ");
    const { child, ended } = await launch("sh", ["-c", `${words} & echo "pid $!"; wait`]);
    const pid = await childOf(child);
    started.add(pid);
    child.kill("SIGKILL");
    await ended;
    await sleep(2500);
    expect(await isServing()).toBe(true);
    process.kill(pid, "SIGTERM");
    await until("it is stopped", () => !isAlive(pid));
  });

  it.each(["stdout", "stderr"] as const)(
    "an operator goes on when nobody reads its %s any more",
    async (what) => {
      const { child, ended } = await launch(process.execPath, [BIN, ...OPERATOR()]);
      child[what].destroy();
      await moreThanAPipe();
      expect(await isServing()).toBe(true);
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
    },
  );

  it("an operator goes on when its terminal is there and is not read", async () => {
    const { child, ended } = await launch(process.execPath, [BIN, ...OPERATOR()]);
    child.stdout.pause();
    await moreThanAPipe();
    expect(await isServing()).toBe(true);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });
});

/** Until the operator must have printed more than a pipe takes. */
async function moreThanAPipe(): Promise<void> {
  // Each round is told in several lines.
  for (let lines = 0; lines * 100 < PIPE_BYTES; lines += 24) {
    await exchange.anvil.mine(24);
  }
  await sleep(500);
}

async function childOf({ pid }: ChildProcess): Promise<number> {
  const found = spawn("pgrep", ["-P", String(pid)]);
  let text = "";
  for await (const part of found.stdout) text += part;
  return Number(text.trim().split("\n")[0]);
}

describe("a short command", () => {
  it.each([["--help"], ["journal", "--help"]])(
    "a short command ends quietly when nobody reads: %s",
    async (...args) => {
      const child = spawn(process.execPath, [BIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
      child.stdout.destroy();
      let complaint = "";
      child.stderr.on("data", (part) => {
        complaint += part;
      });
      await new Promise((resolve) => child.once("close", resolve));
      expect(complaint).toBe("");
    },
  );

  it("a short command tells its version", async () => {
    const child = spawn(process.execPath, [BIN, "--version"]);
    let text = "";
    for await (const part of child.stdout) text += part;
    expect(text).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
