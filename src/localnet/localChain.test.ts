/** What every anvil of this project must not do: fill the disk of whoever runs it. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort, startAnvil } from "../../test/support/chain/anvil.ts";
import { until } from "../../test/support/exchange/exchange.ts";
import { connect } from "../chain/rpc/rpc.ts";
import { startLocalChain } from "./localChain.ts";

const MANY_BLOCKS = 1200;

test("a long chain leaves no old states in the home folder", async () => {
  const home = mkdtempSync(join(tmpdir(), "quarterdeck-home-"));
  const before = process.env["HOME"];
  process.env["HOME"] = home;
  onTestFinished(() => {
    process.env["HOME"] = before;
    rmSync(home, { recursive: true, force: true });
  });
  const anvil = await startAnvil();
  onTestFinished(() => anvil.stop());
  await anvil.mine(MANY_BLOCKS);
  const kept = readdirSync(home, { recursive: true, encoding: "utf8" });
  expect(kept.filter((path) => path.endsWith(".json"))).toEqual([]);
});

test("a chain that takes too much memory is started anew, and goes on where it was", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-chain-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const stateFile = join(folder, "chain.json");
  const port = await freePort();
  // Any memory is too much.
  const chain = await startLocalChain({
    port,
    blockTime: 0.1,
    stateFile,
    mostBytes: 1,
    pollMs: 50,
  });
  chain.startBlocks();
  const pids = () => execFileSync("pgrep", ["-f", `anvil --port ${port}`], { encoding: "utf8" });
  const before = pids();
  const client = connect([chain.url]);
  await until("another process serves it", () => {
    try {
      return pids() !== before;
    } catch {
      return false;
    }
  });
  // Its port opens a moment after it was started.
  const head = () => client.getBlockNumber({ cacheTime: 0 }).catch(() => -1n);
  await until("it answers", async () => (await head()) >= 0n);
  const block = await head();
  await until("it goes on", async () => (await head()) > block);
  expect(block).toBeGreaterThan(0n);
  await chain.stop();
  expect(() => pids()).toThrow();
});

test("a chain that is stopped while it is started anew ends", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-chain-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const stateFile = join(folder, "chain.json");
  const port = await freePort();
  const chain = await startLocalChain({ port, blockTime: 0.1, stateFile, mostBytes: 1, pollMs: 5 });
  const pids = () => spawnSync("pgrep", ["-f", `anvil --port ${port}`], { encoding: "utf8" });
  const { stdout: before } = pids();
  let now = before;
  while (now === before || now === "") {
    await new Promise((resolve) => setTimeout(resolve, 1));
    now = pids().stdout;
  }
  // Its port is not open yet.
  await chain.stop();
  expect(pids().stdout).toBe("");
});

test("a chain has no block before it is told to make some", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-chain-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const stateFile = join(folder, "chain.json");
  const chain = await startLocalChain({ port: await freePort(), blockTime: 0.1, stateFile });
  onTestFinished(() => chain.stop());
  const client = connect([chain.url], { retries: 0 });
  const blockNumber = () => client.getBlockNumber({ cacheTime: 0 });
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await blockNumber()).toBe(0n);
  chain.startBlocks();
  await until("blocks come", async () => (await blockNumber()) >= 3n);
});
