/** The operator falls silent: the halt at the right boundary, and everybody's money out. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExchangeClient } from "../src/client/client.ts";
import { type Recovered, recover } from "../src/client/rounds/recover.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { startExchange, type TestExchange, WITHDRAWAL_BOND } from "./support/exchange/exchange.ts";

describe("an operator that falls silent", () => {
  let exchange: TestExchange;
  let clients: ExchangeClient[];
  const wallets = () =>
    Promise.all(
      clients.flatMap(({ address }) =>
        [exchange.weth, exchange.usdc].map((token) => exchange.balanceOf(token, address)),
      ),
    );
  beforeAll(async () => {
    exchange = await startExchange();
    clients = [await exchange.client(0), await exchange.client(1), await exchange.client(2)];
  });
  afterAll(() => exchange.stop());

  it("a silent operator halts the Mediator at the boundary, and nobody loses a unit", async () => {
    const [ada, bob, cleo] = clients as [ExchangeClient, ExchangeClient, ExchangeClient];
    await ada.deposit("WETH", "10");
    await bob.deposit("USDC", "30000");
    await exchange.settle();
    const order = { market: "WETH/USDC", price: "3000", amount: "2" };
    await ada.createOrder({ ...order, side: "sell" });
    await bob.createOrder({ ...order, side: "buy" });
    for (const round of [1, 2]) await exchange.toQuarter(round, 0);
    await ada.withdraw("USDC", "1000");
    await exchange.toQuarter(3, 0);
    for (const client of [ada, bob]) expect((await client.audit(3)).faults).toEqual([]);
    // Cleo comes late: her deposit is in no commit that counts.
    await cleo.deposit("WETH", "7");
    await exchange.toQuarter(4, 0);
    await bob.deposit("USDC", "1");
    // A trade that the recovery undoes: it is newer than the last confirmed commit.
    // So is this request: void at the halt, its bond comes back with the recovery.
    await bob.withdraw("WETH", "1");
    await ada.createOrder({ ...order, side: "sell", amount: "1" });
    await bob.createOrder({ ...order, side: "buy", amount: "1" });
    await exchange.stopOperator();

    const boundary = firstBlockOf(exchange.schedule, 5, 1);
    await exchange.anvil.mineTo(boundary - 1);
    expect(await exchange.reader.clock()).toMatchObject({ halted: false, round: 5, quarter: 0 });
    await exchange.anvil.mineTo(boundary);
    expect(await exchange.reader.clock()).toMatchObject({ halted: true, round: 5, quarter: 1 });
    // Nobody calls it for several rounds: the round of the halt does not move.
    await exchange.anvil.mineTo(firstBlockOf(exchange.schedule, 9, 2));
    expect(await exchange.reader.clock()).toMatchObject({ halted: true, round: 5, quarter: 1 });
    await expect(ada.deposit("WETH", "1")).rejects.toMatchObject({ errorName: "Halted" });

    const before = await wallets();
    const told: Recovered[][] = [];
    for (const client of clients) told.push(await recover(client));
    expect(told[1]).toContainEqual({ what: "bond", round: 4, amount: WITHDRAWAL_BOND });
    expect(await exchange.anvil.client.getBalance({ address: exchange.mediator })).toBe(0n);
    const after = await wallets();
    const taken = after.map((amount, i) => amount - (before[i] as bigint));
    const eth = 10n ** 18n;
    const usd = 10n ** 6n;
    // Ada's 1000 USDC of round 2 are paid as her withdrawal; bob's 1 USDC and Cleo's are deposits.
    expect(taken).toEqual([8n * eth, 6000n * usd, 2n * eth, 24_001n * usd, 7n * eth, 0n]);
    for (const token of [exchange.weth, exchange.usdc]) {
      expect(await exchange.balanceOf(token, exchange.mediator)).toBe(0n);
    }
    // Twice is the same as once.
    for (const client of clients) expect(await recover(client)).toEqual([]);
  });
});
