/** An exit of a client whose closed orders are summed up in statements. */
import { decodeFunctionData } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Address, Hex } from "../src/base/hex.ts";
import { mediatorAbi } from "../src/chain/abi/mediator.ts";
import { ExchangeClient } from "../src/client/client.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { ExitClient } from "../src/client/rounds/exitClient.ts";
import { exitStep } from "../src/client/rounds/exitStep.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";
import { type Relay, startRelay } from "./support/faults/relay.ts";

const LIMIT = 12;
const ONE = 10n ** 18n;
/** Blocks whose logs the endpoint of the exit gives at once. */
const MOST_BLOCKS = 100;

describe("an exit with statements", () => {
  let exchange: TestExchange;
  let narrow: Relay;
  let refused = 0;
  let kept: MemoryEvidence;
  let ada: ExchangeClient;
  let bob: ExchangeClient;

  beforeAll(async () => {
    exchange = await startExchange({ ordersPerClientAndRound: LIMIT });
    narrow = await startRelay(exchange.anvil.url, async ({ json }, pass) => {
      const {
        id,
        method,
        params = [],
      } = json as {
        readonly id: number;
        readonly method: string;
        readonly params?: readonly { readonly fromBlock: Hex; readonly toBlock: Hex }[];
      };
      const [filter] = params;
      if (method !== "eth_getLogs" || filter === undefined) return pass();
      if (Number(filter.toBlock) - Number(filter.fromBlock) < MOST_BLOCKS) return pass();
      refused += 1;
      const message = `query exceeds max block range ${MOST_BLOCKS}`;
      return { jsonrpc: "2.0", id, error: { code: -32602, message } };
    });
    kept = new MemoryEvidence();
    await exchange.client(0);
    bob = await exchange.client(1);
    ada = await ExchangeClient.join({
      operator: exchange.url,
      rpc: exchange.anvil.url,
      mediator: exchange.mediator,
      signer: exchange.anvil.keys[2] as Hex,
      evidence: kept,
      pollMs: 15,
    });
    for (const client of [ada, bob]) {
      await client.deposit("WETH", "100");
      await client.deposit("USDC", "300000");
    }
    await exchange.settle();
  });
  afterAll(async () => {
    await narrow?.stop();
    await exchange?.stop();
  });

  /** Ada sells to Bob and buys back, so that nothing has moved in the end. */
  async function tradeAround(times: number): Promise<void> {
    const order = { market: "WETH/USDC", price: "3000", amount: "0.01" };
    for (let i = 0; i < times; i++) {
      for (const [buyer, seller] of [
        [bob, ada],
        [ada, bob],
      ] as const) {
        await buyer.createOrder({ ...order, side: "buy" });
        const sold = await seller.createOrder({ ...order, side: "sell" });
        expect(sold.state).toBe("filled");
      }
    }
  }

  it("an exit asks for what the statements leave free, shows them, and is paid", async () => {
    await exchange.toQuarter(1, 1);
    await ada.audit(1);
    await tradeAround(12);
    await exchange.toQuarter(2, 1);
    await ada.audit(2);
    const signed = await kept.statements(1);
    const last = signed.at(-1);
    expect(last?.countersignature).toBeDefined();
    const orders = await kept.orders(1);
    expect(orders.length).toBeGreaterThan(LIMIT);
    const rest = orders.filter(
      ({ signed: { order } }) =>
        order.id >= (last?.statement.watermark ?? 0n) || last?.statement.except.includes(order.id),
    );

    const client = await ExitClient.open({
      rpc: narrow.url,
      mediator: exchange.mediator,
      signer: exchange.anvil.keys[2] as Hex,
      evidence: kept,
      pollMs: 15,
    });
    const asked = await exitStep(client);
    // Only what orders beyond the statement sell is left in, in place of all that was ever sold.
    const bound = (token: Address) => {
      const index = last?.statement.tokens.indexOf(token) ?? -1;
      const net = (last?.statement.sold[index] ?? 0n) - (last?.statement.bought[index] ?? 0n);
      const sells = rest.filter(({ signed: { order } }) => order.sellToken === token);
      const sum = sells.reduce((all, { signed: { order } }) => all + order.sellAmount, net);
      return sum > 0n ? sum : 0n;
    };
    const everSold = orders
      .filter(({ signed: { order } }) => order.sellToken === exchange.weth)
      .reduce((sum, { signed: { order } }) => sum + order.sellAmount, 0n);
    expect(everSold).toBe((12n * ONE) / 100n);
    expect(bound(exchange.weth)).toBeLessThan(everSold);
    expect(asked.requested).toEqual([
      { token: exchange.weth, amount: 100n * ONE - bound(exchange.weth) },
      { token: exchange.usdc, amount: 300_000n * 10n ** 6n - bound(exchange.usdc) },
    ]);
    expect(await shownIn(ada.address)).toEqual([last?.statement.watermark]);
    expect(refused).toBeGreaterThan(0);

    await exchange.toQuarter(3, 1);
    for (const { token, amount } of asked.requested) {
      expect(await exchange.reader.withdrawal(ada.address, token)).toMatchObject({ amount });
    }
    await ada.audit(3);
    await exchange.toQuarter(4, 1);
    await ada.audit(4);
    expect((await exitStep(client)).confirmed).toEqual(asked.requested);
  });

  /** Watermarks of the statements in the newest request of `client`. */
  async function shownIn(client: Address): Promise<bigint[]> {
    const { anvil, mediator } = exchange;
    for (let block = await anvil.blockNumber(); ; block--) {
      const { transactions } = await anvil.client.getBlock({
        blockNumber: BigInt(block),
        includeTransactions: true,
      });
      const sent = transactions.find(
        ({ from, to }) =>
          from === client.toLowerCase() && to?.toLowerCase() === mediator.toLowerCase(),
      );
      if (sent === undefined) continue;
      const { functionName, args } = decodeFunctionData({ abi: mediatorAbi, data: sent.input });
      expect(functionName).toBe("initiateWithdrawal");
      const statements = args?.at(-1) as unknown as readonly { readonly watermark: bigint }[];
      return statements.map(({ watermark }) => watermark);
    }
  }
});
