/** A client whose operator is gone for good: chain, key and evidence are enough to get out. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { ExchangeClient } from "../src/client/client.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { ExitClient } from "../src/client/rounds/exitClient.ts";
import { renewOrders } from "../src/client/rounds/renewOrders.ts";
import { roundWork } from "../src/client/rounds/roundWork.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";

const WETH = 10n ** 18n;

describe("a client without an operator", () => {
  let exchange: TestExchange;
  let ada: ExchangeClient;
  let kept: MemoryEvidence;
  beforeAll(async () => {
    exchange = await startExchange();
    await exchange.client(0);
    kept = new MemoryEvidence();
    ada = await ExchangeClient.join({
      operator: exchange.url,
      rpc: exchange.anvil.url,
      mediator: exchange.mediator,
      signer: exchange.anvil.keys[2] as Hex,
      evidence: kept,
      pollMs: 15,
      retryTimeoutMs: 0,
    });
    await ada.deposit("WETH", "10");
    await exchange.settle();
  });
  afterAll(() => exchange.stop());

  const exit = (evidence = kept) =>
    ExitClient.open({
      rpc: exchange.anvil.url,
      mediator: exchange.mediator,
      pollMs: 15,
      signer: exchange.anvil.keys[2] as Hex,
      evidence,
    });

  it("a client without an operator renews an order's rest each round, and once", async () => {
    const bob = await exchange.client(1);
    await bob.deposit("USDC", "30000");
    await exchange.settle();
    const order = { market: "WETH/USDC", price: "3000", amount: "2" };
    await ada.createOrder({ ...order, side: "sell" });
    const dropped = await ada.createOrder({ ...order, side: "sell", price: "3300" });
    await ada.cancelOrder(dropped);
    await bob.createOrder({ ...order, side: "buy", amount: "0.5" });
    await exchange.toQuarter(1, 1);
    const [renewed, ...rest] = await renewOrders(ada);
    expect(rest).toEqual([]);
    expect(renewed?.renewed).toMatchObject({ state: "open", round: 1 });
    expect((await ada.fetchOrderBook("WETH/USDC")).asks).toMatchObject([
      { priceText: "3000", amountText: "1.5" },
    ]);
    expect((await renewOrders(ada))[0]?.renewed?.id).toBe(renewed?.renewed?.id);
    expect((await ada.fetchOrders(1)).length).toBe(1);
  });

  it("a client without an operator audits kept proofs, and disputes missing ones", async () => {
    expect((await ada.audit(1)).faults).toEqual([]);
    const client = await exit();
    expect(await roundWork(client)).toMatchObject({ round: 1, disputed: undefined, confirmed: [] });
    await ada.cancelOrder((await ada.fetchOrders(1))[0] as never);

    await exchange.toQuarter(2, 1);
    // Nobody asked an operator for the proofs of round 2.
    const early = await roundWork(client);
    expect(early.audit?.faults.map(({ kind }) => kind)).toEqual(["noProof", "noProof"]);
    expect(early).toMatchObject({ disputed: undefined, recovered: undefined });
    expect(early.nextBlock).toBe(firstBlockOf(exchange.schedule, 2, 3));
    await exchange.toQuarter(2, 3);
    const late = await roundWork(client);
    expect(late.disputed).toMatchObject({ round: 2, standing: "proofs" });
    await until("the dispute is closed", async () => {
      await exchange.settle();
      return !(await exchange.reader.isDisputeOpen(ada.address, 2));
    });
    // What the operator had to publish is now the client's proof; a second dispute is not opened.
    const after = await roundWork(client);
    expect(after.audit?.faults).toEqual([]);
    expect(after.disputed).toBeUndefined();
    expect(after.audit?.balances).toContainEqual({
      token: exchange.weth,
      balance: (19n * WETH) / 2n,
    });
  });

  it("a client without an operator is paid, and after a halt recovers from an export", async () => {
    await exchange.toQuarter(3, 0);
    await ada.withdraw("WETH", "4");
    await exchange.toQuarter(4, 0);
    await ada.audit(4);
    await exchange.toQuarter(5, 1);
    await ada.audit(5);
    const client = await exit();
    const before = await exchange.balanceOf(exchange.weth, ada.address);
    const paid = await roundWork(client);
    expect(paid.confirmed).toEqual([{ token: exchange.weth, amount: 4n * WETH }]);
    expect((await roundWork(client)).confirmed).toEqual([]);
    expect((await exchange.balanceOf(exchange.weth, ada.address)) - before).toBe(4n * WETH);
    await exchange.stopOperator();
    await exchange.anvil.mineTo(firstBlockOf(exchange.schedule, 6, 1));
    const out = await roundWork(client);
    expect(out.nextBlock).toBeUndefined();
    expect(out.recovered).toContainEqual({
      what: "balance",
      token: exchange.weth,
      amount: (11n * WETH) / 2n,
    });
    expect((await roundWork(client)).recovered).toEqual([]);
  });
});
