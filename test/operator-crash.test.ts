/** The operator's process ends in every way that it can: nothing acknowledged is lost. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstBlockOf, lastBlockOf } from "../src/protocol/rounds.ts";
import { freePort } from "./support/chain/anvil.ts";
import { until } from "./support/exchange/exchange.ts";
import type { OperatorProcess } from "./support/exchange/operatorProcess.ts";
import { type ProcessExchange, startProcessExchange } from "./support/exchange/processExchange.ts";

describe("an operator process", () => {
  let exchange: ProcessExchange;
  let operator: OperatorProcess;

  beforeAll(async () => {
    exchange = await startProcessExchange();
    operator = await exchange.launch();
  });
  afterAll(() => exchange.stop());

  it("an operator killed in the middle of a round and started again commits on time", async () => {
    const { anvil, schedule, reader } = exchange;
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "10");
    await bob.deposit("USDC", "30000");
    await anvil.mine(2);
    await until("the deposits are credited", async () => {
      const balances = await Promise.all([ada.fetchBalance(), bob.fetchBalance()]);
      return balances.every((tokens) => tokens.some(({ total }) => total > 0n));
    });
    const order = { market: "WETH/USDC", price: "3000" };
    await ada.createOrder({ ...order, amount: "3", side: "sell" });
    await bob.createOrder({ ...order, amount: "1", side: "buy" });

    expect(await operator.kill("SIGKILL")).toBeNull();
    // It comes back after the boundary, with what is left of the quarter.
    await anvil.mineTo(firstBlockOf(schedule, 1) + 3);
    operator = await exchange.launch();
    const [sold] = await ada.fetchOrders(0);
    expect(sold).toMatchObject({ sold: 10n ** 18n, bought: 3_000_000_000n, state: "expired" });
    await until("round 1 is committed", async () => (await reader.clock()).committedRound === 1);
    expect(await anvil.blockNumber()).toBeLessThanOrEqual(lastBlockOf(schedule, 1, 0));
    await anvil.mine(2);
    expect((await ada.audit(1)).faults).toEqual([]);
    expect((await bob.audit(1)).faults).toEqual([]);
  });

  it("an operator does not start on a port in use, and says what to do", async () => {
    const other = exchange.spawn({ storage: join(exchange.folder, "other-storage") });
    expect(await other.ended).toBe(1);
    expect(other.complaint()).toMatch(/Port \d+ on 127\.0\.0\.1 is in use.*set another `port`/);
  });

  it("an operator ends by itself, with a clear message, when no endpoint answers", async () => {
    const port = await freePort();
    const storage = join(exchange.folder, "no-chain");
    const rpc = [`http://127.0.0.1:${await freePort()}`];
    const lost = exchange.spawn({ port, storage, rpc });
    expect(await lost.ended).toBe(1);
    expect(lost.complaint()).toMatch(/No chain endpoint answered.*Check that the endpoints/);
  });

  it("an operator stops cleanly when asked to", async () => {
    expect(await operator.kill("SIGTERM")).toBe(0);
  });
});
