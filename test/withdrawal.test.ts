/** Withdrawals: paid in the right quarter and not one block earlier, or cancelled with evidence. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Address } from "../src/base/hex.ts";
import { ContractRefused } from "../src/chain/rpc/errors.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { firstBlockOf, quarterSize } from "../src/protocol/rounds.ts";
import {
  lastOfQuarter,
  startExchange,
  type TestExchange,
  until,
} from "./support/exchange/exchange.ts";

const USDC = 10n ** 6n;
/** An operator that sends looks more often than this. */
const QUIET_MS = 300;

describe("an honest withdrawal", () => {
  let exchange: TestExchange;
  let ada: ExchangeClient;
  beforeAll(async () => {
    exchange = await startExchange();
    ada = await exchange.client(0);
    await ada.deposit("USDC", "1000");
    await exchange.settle();
  });
  afterAll(() => exchange.stop());

  it("a withdrawal cannot be asked for before there is a commit to prove a balance", async () => {
    await expect(ada.withdraw("USDC", "400")).rejects.toMatchObject({ code: "NoProof" });
    await exchange.toQuarter(1, 0);
    await expect(ada.withdraw("USDC", "400")).rejects.toMatchObject({ code: "NoProof" });
    await exchange.toQuarter(2, 0);
  });

  it("a withdrawal is debited next quarter and paid in quarter 1 two rounds later", async () => {
    await ada.withdraw("USDC", "400");
    await exchange.settle();
    expect(await ada.fetchWithdrawals()).toMatchObject([{ state: "undecided", round: 2 }]);
    await exchange.toQuarter(2, 1);
    const [request] = await ada.fetchWithdrawals();
    const payable = firstBlockOf(exchange.schedule, 4, 1);
    expect(request).toMatchObject({ state: "debited", payableFrom: payable });
    const balances = await ada.fetchBalance();
    expect(balances.find(({ token }) => token === exchange.usdc)?.total).toBe(600n * USDC);

    await exchange.toQuarter(3, 0);
    expect((await ada.audit(3)).faults).toEqual([]);
    await exchange.toQuarter(4, 0);
    // The call runs in the block after the newest: this is the last in which it is too early.
    await exchange.anvil.mineTo(payable - 2);
    await expect(ada.confirmWithdrawal("USDC")).rejects.toMatchObject({
      errorName: "WithdrawalNotDue",
    });
    await exchange.anvil.mineTo(payable - 1);
    const held = await exchange.balanceOf(exchange.usdc, ada.address);
    const mined = await ada.confirmWithdrawal("USDC");
    expect(mined.block).toBe(payable);
    const paid = (await exchange.balanceOf(exchange.usdc, ada.address)) - held;
    expect(paid).toBe(400n * USDC);
    await exchange.settle();
    expect(await ada.fetchWithdrawals()).toEqual([]);
  });

  it("a second request for a token, or one of more than the opening, is refused", async () => {
    await expect(ada.withdraw("USDC", "601")).rejects.toMatchObject({
      errorName: "AmountExceedsOpening",
    });
    await ada.withdraw("USDC", "1");
    await expect(ada.withdraw("USDC", "1")).rejects.toBeInstanceOf(ContractRefused);
  });

  it("a withdrawal goes to another recipient once payable, its bond to the client", async () => {
    const other = exchange.anvil.addresses[9] as Address;
    await expect(ada.redirectWithdrawal("USDC", other)).rejects.toMatchObject({
      errorName: "WithdrawalNotDue",
    });
    for (const round of [5, 6]) await exchange.toQuarter(round, 0);
    await exchange.toQuarter(6, 1);
    await ada.redirectWithdrawal("USDC", other);
    await ada.confirmWithdrawal("USDC");
    expect(await exchange.balanceOf(exchange.usdc, other)).toBe(USDC);
    expect(await exchange.anvil.client.getBalance({ address: exchange.mediator })).toBe(0n);
  });
});

describe("an overdrawing withdrawal", () => {
  let exchange: TestExchange;
  beforeAll(async () => {
    exchange = await startExchange();
  });
  afterAll(() => exchange.stop());

  it("an overdrawn request is cancelled by the client's orders; commits are in time", async () => {
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("USDC", "6000");
    await bob.deposit("WETH", "10");
    await exchange.toQuarter(1, 0);
    // Spent in round 1, asked for in round 2 against the opening of round 1: overdrawn.
    const order = { market: "WETH/USDC", price: "3000", amount: "1" };
    await bob.createOrder({ ...order, side: "sell" });
    await ada.createOrder({ ...order, side: "buy" });
    await exchange.toQuarter(2, 0);
    await ada.withdraw("USDC", "4000");
    const request = () => exchange.reader.withdrawal(ada.address, exchange.usdc);
    expect(await request()).toMatchObject({ amount: 4000n * USDC, opening: 6000n * USDC });
    await exchange.toQuarter(2, 1);
    await until("the request is cancelled", async () => (await request()) === undefined);
    await exchange.settle();
    expect(await ada.fetchWithdrawals()).toEqual([]);
    await exchange.toQuarter(3, 0);
    expect(await exchange.reader.clock()).toMatchObject({ halted: false, committedRound: 3 });
    const report = await ada.audit(3);
    expect(report.faults).toEqual([]);
    expect(report.balances.map(({ balance }) => balance)).toEqual([10n ** 18n, 3000n * USDC]);
  });

  it("an overdrawn request of the last quarter is cancelled before the commit", async () => {
    const [cleo, dan] = [await exchange.client(2), await exchange.client(3)];
    await cleo.deposit("USDC", "6000");
    await dan.deposit("WETH", "10");
    await exchange.toQuarter(4, 0);
    const order = { market: "WETH/USDC", price: "3000", amount: "2" };
    await dan.createOrder({ ...order, side: "sell" });
    await cleo.createOrder({ ...order, side: "buy" });
    await exchange.toQuarter(5, 0);
    await exchange.toQuarter(5, 3);
    await cleo.withdraw("USDC", "1");
    await exchange.toQuarter(6, 0);
    const { committedRound, halted } = await exchange.reader.clock();
    expect({ committedRound, halted }).toEqual({ committedRound: 6, halted: false });
    expect(await exchange.reader.withdrawal(cleo.address, exchange.usdc)).toBeUndefined();
  });
});

describe("more overdrawing withdrawals than quarter 0 has blocks", () => {
  const CLIENTS = 8;
  let exchange: TestExchange;
  beforeAll(async () => {
    exchange = await startExchange({ roundSize: 4 * CLIENTS });
  });
  afterAll(() => exchange.stop());

  it("more overdrawn requests than quarter 0 has blocks are all cancelled in time", async () => {
    const clients: ExchangeClient[] = [];
    for (let index = 0; index < CLIENTS; index++) {
      const client = await exchange.client(index);
      await (index % 2 === 0 ? client.deposit("WETH", "10") : client.deposit("USDC", "6000"));
      clients.push(client);
      await exchange.toQuarter(index + 1, 1);
    }
    const order = { market: "WETH/USDC", price: "3000", amount: "1" };
    for (const [index, client] of clients.entries()) {
      await client.createOrder({ ...order, side: index % 2 === 0 ? "sell" : "buy" });
    }
    const asked = CLIENTS + 1;
    await exchange.toQuarter(asked, 1);
    await exchange.anvil.mineTo(lastOfQuarter(exchange.schedule, asked, 3) - 1);
    await exchange.anvil.setAutomine(false);
    // Of the last block of the round, so that only quarter 0 of the next is left.
    const asking = clients.map((client, index) =>
      index % 2 === 0 ? client.withdraw("WETH", "10") : client.withdraw("USDC", "6000"),
    );
    await until("all ask", async () => (await waiting()) === CLIENTS);
    await exchange.anvil.mine();
    await Promise.all(asking);
    for (let left = quarterSize(exchange.schedule); left > 0; left--) await mineWhatIsThere();

    const { committedRound, halted } = await exchange.reader.clock();
    expect({ committedRound, halted }).toEqual({ committedRound: asked + 1, halted: false });
    for (const [index, { address }] of clients.entries()) {
      const token = index % 2 === 0 ? exchange.weth : exchange.usdc;
      expect(await exchange.reader.withdrawal(address, token)).toBeUndefined();
    }
  });

  const waiting = async () =>
    Number(await exchange.anvil.rpc("eth_getBlockTransactionCountByNumber", ["pending"]));

  /** A block, once the operator has seen the last one and sends nothing more. */
  async function mineWhatIsThere(): Promise<void> {
    const { anvil, operator } = exchange;
    const head = await anvil.blockNumber();
    await until("the operator sees the block", () => operator.api.clock().chainHead === head);
    for (let before = -1, now = await waiting(); before !== now; now = await waiting()) {
      before = now;
      await sleep(QUIET_MS);
    }
    await anvil.mine();
  }
});
