/** Disputes: a client makes the operator account for a round on chain. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectAnswer, dispute } from "../src/client/dispute.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";

const ONE = 10n ** 18n;
const USDC = 10n ** 6n;
const BOND = 10n ** 16n;

describe("a dispute", () => {
  let exchange: TestExchange;
  beforeAll(async () => {
    exchange = await startExchange({ disputeBond: BOND });
  });
  afterAll(() => exchange.stop());

  it("a dispute of a client without a proof is closed, and its proofs are on chain", async () => {
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "10");
    await bob.deposit("USDC", "30000");
    await exchange.settle();
    const order = { market: "WETH/USDC", price: "2999.99", amount: "0.5" };
    await ada.createOrder({ ...order, side: "sell" });
    await bob.createOrder({ ...order, side: "buy" });
    await ada.fetchOrders();
    await exchange.toQuarter(1, 1);

    // Ada never asked for a proof: her standing is her deposit, and she shows her fill.
    const opened = await dispute(ada);
    expect(opened).toMatchObject({ round: 1, standing: "deposit", fills: 1 });
    await exchange.settle();
    await until("the dispute is closed", async () => {
      await exchange.settle();
      return !(await exchange.reader.isDisputeOpen(ada.address, 1));
    });
    expect(await collectAnswer(ada, 1)).toBe(true);
    const proofs = await ada.evidence.proofs(1);
    expect(proofs.map(({ proof }) => proof.balance)).toEqual([
      (19n * ONE) / 2n,
      (299_999n * USDC) / 200n,
    ]);
    await exchange.toQuarter(2, 1);
    expect((await exchange.reader.clock()).halted).toBe(false);
  });

  it("a dispute with proofs, opened in quarter 0 before the commit, is closed later", async () => {
    const bob = await exchange.client(1);
    expect((await bob.audit(2)).faults).toEqual([]);
    await exchange.stopOperator();
    await exchange.toQuarter(3, 0);
    const opened = await dispute(bob);
    expect(opened).toMatchObject({ round: 3, standing: "proofs", fills: 0 });
    await exchange.startOperator();
    await until("the dispute is closed", async () => {
      await exchange.settle();
      return !(await exchange.reader.isDisputeOpen(bob.address, 3));
    });
    expect((await exchange.reader.clock()).committedRound).toBe(3);
    expect(await collectAnswer(bob, 3)).toBe(true);
  });

  it("a dispute shows fills that share a signature, as the Mediator takes them", async () => {
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    const { round } = await exchange.reader.clock();
    const order = { market: "WETH/USDC", price: "3000", amount: "0.01" };
    await ada.orders.createMany(Array(5).fill({ ...order, side: "sell" }));
    const bought = await bob.orders.createMany(Array(5).fill({ ...order, side: "buy" }));
    const fills = bought.flatMap(({ order: one }) => one?.fill ?? []);
    expect(fills).toHaveLength(5);
    // One flush, one signature: each fill has the path of a batch.
    expect(new Set(fills.map(({ signature }) => signature.r)).size).toBe(1);
    expect(fills.every(({ signature }) => signature.path.length > 0)).toBe(true);
    await exchange.toQuarter(round + 1, 1);
    expect(await dispute(bob)).toMatchObject({ round: round + 1, fills: 5 });
    await until("the dispute is closed", async () => {
      await exchange.settle();
      return !(await exchange.reader.isDisputeOpen(bob.address, round + 1));
    });
    await exchange.toQuarter(round + 2, 1);
    expect((await exchange.reader.clock()).halted).toBe(false);
  });

  it("a dispute cannot be opened by somebody who never deposited", async () => {
    const stranger = await exchange.client(5);
    await expect(dispute(stranger)).rejects.toMatchObject({ code: "NoStanding" });
  });
});
