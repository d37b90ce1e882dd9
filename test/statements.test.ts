/** Clients that execute more orders in a round than one dispute could show, by statements. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExchangeClient } from "../src/client/client.ts";
import { dispute } from "../src/client/dispute.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";

const LIMIT = 12;
const ONE = 10n ** 18n;
const USDC = 10n ** 6n;

describe("a client that trades beyond the limit", () => {
  let exchange: TestExchange;
  let ada: ExchangeClient;
  let bob: ExchangeClient;
  beforeAll(async () => {
    exchange = await startExchange({ ordersPerClientAndRound: LIMIT });
    [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    for (const client of [ada, bob]) {
      await client.deposit("WETH", "100");
      await client.deposit("USDC", "300000");
    }
    await exchange.settle();
  });
  afterAll(() => exchange.stop());

  /** Ada sells to Bob, order by order. */
  async function trade(times: number): Promise<void> {
    const order = { market: "WETH/USDC", price: "3000", amount: "0.01" };
    for (let i = 0; i < times; i++) {
      await bob.createOrder({ ...order, side: "buy" });
      const sold = await ada.createOrder({ ...order, side: "sell" });
      expect(sold.state).toBe("filled");
    }
  }

  async function closed(round: number): Promise<void> {
    await until("the dispute is closed", async () => {
      await exchange.settle();
      return !(await exchange.reader.isDisputeOpen(ada.address, round));
    });
  }

  it("a client trades on, stating its closed orders by itself, across a restart", async () => {
    await trade(60);
    await exchange.stopOperator();
    await exchange.startOperator();
    await trade(60);
    for (const client of [ada, bob]) {
      const last = (await client.evidence.statements(0)).at(-1);
      expect(last?.countersignature).toBeDefined();
      const limits = await client.api.call("fetchLimits", {
        params: { client: client.address },
        session: await client.session(),
      });
      expect(limits.rounds[0]?.watermark).toBe(last?.statement.watermark);
      expect(limits.rounds[0]?.orders.used).toBeLessThanOrEqual(LIMIT);
    }
  });

  it("a client audits the round, and its dispute is answered by the statement", async () => {
    await exchange.toQuarter(1, 1);
    const report = await ada.audit(1);
    expect({ faults: report.faults, pending: report.pending }).toEqual({ faults: [], pending: [] });
    expect(report.balances.map(({ balance }) => balance)).toEqual([
      100n * ONE - (120n * ONE) / 100n,
      300_000n * USDC + 120n * 30n * USDC,
    ]);
    const opened = await dispute(ada);
    expect(opened.fills).toBeLessThanOrEqual(LIMIT);
    await closed(1);
    expect((await exchange.reader.clock()).halted).toBe(false);
  });

  it("a client cannot hide its statement and show fills of orders that it covers", async () => {
    await trade(30);
    await exchange.toQuarter(2, 1);
    const { address, reader, constants, evidence } = ada;
    const hidden = { statements: async () => [], saveProofs: async () => {} };
    const opened = await dispute({
      address,
      reader,
      constants,
      evidence: {
        ...hidden,
        proofs: (round) => evidence.proofs(round),
        orders: async (round) => (await evidence.orders(round)).slice(0, 9),
        saveOrder: async () => {},
        saveFill: async () => {},
        saveStatement: async () => {},
      },
      send: (what, data, value) => ada.send(what, data, value),
      audit: (round) => ada.audit(round),
      provenBalance: (token, round) => ada.provenBalance(token, round),
    });
    expect(opened.fills).toBe(9);
    await closed(2);
    expect((await exchange.reader.clock()).halted).toBe(false);
  });

  it("a client's statement cancels an overdraft, and no request that it can pay", async () => {
    await trade(30);
    await exchange.toQuarter(3, 0);
    // The opening was 98.5: since then 0.3 were sold.
    await ada.withdraw("WETH", "98.5");
    await ada.withdraw("USDC", "300000");
    const request = (token: typeof exchange.weth) => exchange.reader.withdrawal(ada.address, token);
    expect((await request(exchange.weth))?.opening).toBe((985n * ONE) / 10n);
    await exchange.toQuarter(3, 1);
    await until("the overdraft is cancelled", async () => {
      return (await request(exchange.weth)) === undefined;
    });
    await exchange.settle();
    expect(await ada.fetchWithdrawals()).toMatchObject([
      { token: exchange.usdc, state: "debited" },
    ]);
    await exchange.toQuarter(4, 1);
    expect((await ada.audit(4)).faults).toEqual([]);
    expect((await exchange.reader.clock()).halted).toBe(false);
  });
});
