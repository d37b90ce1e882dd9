/** The trace of money: deposits, a trade, and the next round's proof of it. */
import { encodeFunctionData } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toAddress } from "../src/base/address.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import { encodeDeposit } from "../src/chain/contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../src/chain/contracts/tokens.ts";
import { batcherAbi } from "./support/contracts/abi/batcher.ts";
import { batcherBytecode } from "./support/contracts/bytecode/batcher.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const WETH = 10n ** 18n;
const USDC = 10n ** 6n;

describe("deposit, trade, proof", () => {
  let exchange: TestExchange;
  beforeAll(async () => {
    exchange = await startExchange();
  });
  afterAll(() => exchange.stop());

  it("the operator credits deposits, matches orders, and proves them a round later", async () => {
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "10");
    await bob.deposit("USDC", "30000");
    await exchange.settle();
    const order = { market: "WETH/USDC", price: "3000", amount: "2" };
    const rested = await ada.createOrder({ ...order, side: "sell" });
    expect(rested.state).toBe("open");
    expect((await ada.fetchOrderBook("WETH/USDC")).asks).toEqual([
      { price: 3_000_000n, amount: 2n * WETH, priceText: "3000", amountText: "2" },
    ]);
    const taken = await bob.createOrder({ ...order, side: "buy", price: "3100", amount: "1.5" });
    expect(taken.state).toBe("filled");
    // The maker's price: 4500 and not 4650.
    expect(taken.sold).toBe(4500n * USDC);
    expect(taken.fill?.fill.bought).toBe((3n * WETH) / 2n);

    const balances = await bob.fetchBalance();
    expect(balances).toMatchObject([
      {
        token: exchange.weth,
        total: 1_500_000_000_000_000_000n,
        locked: 0n,
        free: (3n * WETH) / 2n,
      },
      { token: exchange.usdc, total: 25_500n * USDC, locked: 0n, free: 25_500n * USDC },
    ]);
    expect((await bob.fetchMyTrades())[0]).toMatchObject({ side: "buy", price: 3_000_000n });

    await exchange.toQuarter(1, 0);
    for (const [client, weth, usdc] of [
      [ada, (17n * WETH) / 2n, 4500n * USDC],
      [bob, (3n * WETH) / 2n, 25_500n * USDC],
    ] as const) {
      const report = await client.audit(1);
      expect(report.faults).toEqual([]);
      expect(report.balances.map(({ balance }) => balance)).toEqual([weth, usdc]);
    }
    // The rest of Ada's order ended with its round, and its money is free again.
    const [free] = await ada.fetchBalance();
    expect(free?.free).toBe((17n * WETH) / 2n);
  });

  it("the operator credits both deposits of a transaction, also to a new address", async () => {
    const stranger = await depositTwiceInOneTransaction(exchange);
    await exchange.settle();
    const [weth] = exchange.operator.api.balances(stranger);
    expect(weth?.total).toBe(8n);
    await exchange.toQuarter(2, 0);
    const { committedRound, halted } = await exchange.reader.clock();
    expect({ committedRound, halted }).toEqual({ committedRound: 2, halted: false });
  });
});

/** A contract wallet that deposits 3 and 5 base units in one transaction. Gives its address. */
async function depositTwiceInOneTransaction(exchange: TestExchange) {
  const { anvil, weth, mediator } = exchange;
  const from = anvil.addresses[9] as Address;
  const multicall = await deployBatcher(exchange);
  const calls = [
    { to: weth, data: encodeMint(multicall, 8n) },
    { to: weth, data: encodeApprove(mediator, 8n) },
    { to: mediator, data: encodeDeposit(weth, 3n) },
    { to: mediator, data: encodeDeposit(weth, 5n) },
  ];
  const data = encodeFunctionData({ abi: batcherAbi, functionName: "run", args: [calls] });
  await anvil.transact({ from, to: multicall, data });
  return multicall;
}

async function deployBatcher({ anvil }: TestExchange) {
  const from = anvil.addresses[9] as Address;
  const { contractAddress } = await anvil.transact({ from, data: batcherBytecode });
  return toAddress(contractAddress as Hex);
}
