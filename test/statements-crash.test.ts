/** An operator's process is killed between statements, and while it countersigns one. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExchangeClient } from "../src/client/client.ts";
import { dispute } from "../src/client/dispute.ts";
import { lastCountersigned } from "../src/client/evidence/evidence.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { coversAll } from "../src/protocol/statementRule.ts";
import { until } from "./support/exchange/exchange.ts";
import type { OperatorProcess } from "./support/exchange/operatorProcess.ts";
import { type ProcessExchange, startProcessExchange } from "./support/exchange/processExchange.ts";

const LIMIT = 12;
/** Kills, each somewhat later after a statement was sent. */
const KILLS = 4;

describe("an operator process that countersigns", () => {
  let exchange: ProcessExchange;
  let operator: OperatorProcess;
  let ada: ExchangeClient;
  let bob: ExchangeClient;

  beforeAll(async () => {
    exchange = await startProcessExchange({ ordersPerClientAndRound: LIMIT });
    operator = await launch();
    [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "100");
    await bob.deposit("USDC", "300000");
    await exchange.anvil.mine(2);
    await until("the deposits are credited", async () => {
      const balances = await Promise.all([ada.fetchBalance(), bob.fetchBalance()]);
      return balances.every((tokens) => tokens.some(({ total }) => total > 0n));
    });
  });
  afterAll(() => exchange.stop());

  const launch = () => exchange.launch({ ordersPerClientAndRound: LIMIT });

  /** Ada sells to Bob, order by order. */
  async function trade(times: number): Promise<void> {
    const order = { market: "WETH/USDC", price: "3000", amount: "0.01" };
    for (let i = 0; i < times; i++) {
      await bob.createOrder({ ...order, side: "buy" });
      expect((await ada.createOrder({ ...order, side: "sell" })).state).toBe("filled");
    }
  }

  /** The operator has every statement that it answered with, or a later one. */
  async function expectKept(client: ExchangeClient): Promise<void> {
    const told = lastCountersigned(await client.evidence.statements(0));
    const shown = await client.api.call("fetchStatements", {
      params: { client: client.address },
      session: await client.session(),
    });
    expect(told).toBeDefined();
    const kept = shown.find(({ statement }) => statement.round === 0);
    expect(kept && told && coversAll(kept.statement, told.statement)).toBe(true);
  }

  it("an operator killed between statements goes on from the last one", async () => {
    await trade(LIMIT * 2);
    expect(await operator.kill("SIGKILL")).toBeNull();
    operator = await launch();
    await expectKept(ada);
    await expectKept(bob);
    await trade(LIMIT * 2);
  });

  it("an operator killed while it countersigns keeps what it answered", async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      await trade(2);
      const stating = ada.statements.tryState(0);
      await sleep(kill);
      await operator.kill("SIGKILL");
      operator = await launch();
      await stating;
      await expectKept(ada);
      // The statement that was signed is kept by the client, and taken up again.
      const stated = await ada.statements.state(0);
      const signed = (await ada.evidence.statements(0)).at(-1);
      expect(stated?.statement).toEqual(signed?.statement);
      await expectKept(ada);
    }
  });

  it("an operator started again closes a dispute about all of it by the statement", async () => {
    const { anvil, schedule, reader } = exchange;
    expect(await operator.kill("SIGKILL")).toBeNull();
    await anvil.mineTo(firstBlockOf(schedule, 1) + 3);
    operator = await launch();
    await until("round 1 is committed", async () => (await reader.clock()).committedRound === 1);
    await anvil.mine(2);
    for (const client of [ada, bob]) expect((await client.audit(1)).faults).toEqual([]);
    const opened = await dispute(ada);
    expect(opened.fills).toBeLessThanOrEqual(LIMIT);
    await anvil.mine(2);
    expect(await operator.kill("SIGKILL")).toBeNull();
    operator = await launch();
    await until("the dispute is closed", async () => {
      await anvil.mine();
      return !(await reader.isDisputeOpen(ada.address, 1));
    });
    expect((await reader.clock()).halted).toBe(false);
  });
});
