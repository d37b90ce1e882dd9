/** The operator's process ends in every way that it can: nothing acknowledged is lost. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { firstBlockOf, lastBlockOf } from "../src/protocol/rounds.ts";
import { freePort } from "./support/anvil.ts";
import { startExchange, type TestExchange, until } from "./support/exchange.ts";
import {
  type OperatorFile,
  type OperatorProcess,
  spawnOperator,
  startOperatorProcess,
} from "./support/operatorProcess.ts";

describe("an operator process", () => {
  let exchange: TestExchange;
  let folder: string;
  let config: OperatorFile;
  let operator: OperatorProcess;
  const key = () => exchange.anvil.keys[1] as Hex;
  const file = () => join(folder, "operator.json");
  const start = () => startOperatorProcess(file(), config, key());

  beforeAll(async () => {
    // The exchange's own operator steps aside: its port goes to a process that can be killed.
    exchange = await startExchange();
    await exchange.stopOperator();
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-crash-"));
    const { weth, usdc, mediator, anvil } = exchange;
    config = {
      rpc: [anvil.url],
      mediator,
      markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
      confirmations: 1,
      port: Number(new URL(exchange.url).port),
      storage: join(folder, "storage"),
      logs: join(folder, "logs"),
      pollMs: 20,
      maxTries: 4,
    };
    operator = await start();
  });
  afterAll(async () => {
    await operator.kill("SIGKILL");
    await exchange.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("killed in the middle of a round and started again, commits on time", async () => {
    const { anvil, schedule, reader } = exchange;
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "10");
    await bob.deposit("USDC", "30000");
    await anvil.mine(2);
    const credited = async () => (await ada.fetchBalance()).some(({ total }) => total > 0n);
    await until("the deposit is credited", credited);
    const order = { market: "WETH/USDC", price: "3000" };
    await ada.createOrder({ ...order, amount: "3", side: "sell" });
    await bob.createOrder({ ...order, amount: "1", side: "buy" });

    expect(await operator.kill("SIGKILL")).toBeNull();
    // It comes back after the boundary, with what is left of the quarter.
    await anvil.mineTo(firstBlockOf(schedule, 1) + 3);
    operator = await start();
    const [sold] = await ada.fetchOrders(0);
    expect(sold).toMatchObject({ sold: 10n ** 18n, bought: 3_000_000_000n, state: "expired" });
    await until("round 1 is committed", async () => (await reader.clock()).committedRound === 1);
    expect(await anvil.blockNumber()).toBeLessThanOrEqual(lastBlockOf(schedule, 1, 0));
    await anvil.mine(2);
    expect((await ada.audit(1)).faults).toEqual([]);
    expect((await bob.audit(1)).faults).toEqual([]);
  });

  it("does not share its storage with a second one, and names the first", async () => {
    const port = await freePort();
    const second = spawnOperator(join(folder, "second.json"), { ...config, port }, key());
    expect(await second.ended).toBe(1);
    expect(second.complaint()).toContain(String(operator.pid));
    expect((await fetch(`${operator.url}/health/ready`)).ok).toBe(true);
  });

  it("does not start on a port in use, and says what to do", async () => {
    const storage = join(folder, "other-storage");
    const other = spawnOperator(join(folder, "third.json"), { ...config, storage }, key());
    expect(await other.ended).toBe(1);
    expect(other.complaint()).toMatch(/Port \d+ on 127\.0\.0\.1 is in use.*--port/);
  });

  it("ends by itself, with a clear message, when no endpoint answers for long", async () => {
    const port = await freePort();
    const storage = join(folder, "no-chain");
    const rpc = [`http://127.0.0.1:${await freePort()}`];
    const lost = spawnOperator(
      join(folder, "fourth.json"),
      { ...config, port, storage, rpc },
      key(),
    );
    expect(await lost.ended).toBe(1);
    expect(lost.complaint()).toMatch(/No chain endpoint answered.*Check that the endpoints/);
  });

  it("stops cleanly when asked to", async () => {
    expect(await operator.kill("SIGTERM")).toBe(0);
  });
});
