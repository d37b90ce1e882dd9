/** A wallet whose user confirms transactions, a trading key for orders, and evidence that lies. */
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Address, Hex } from "../src/base/hex.ts";
import { encodeMint } from "../src/chain/contracts/tokens.ts";
import { ExchangeClient } from "../src/client/client.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import type { SignerOption } from "../src/client/signing/parseSigner.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";
import { startHttpProxy } from "./support/faults/proxy.ts";

const WALLET = 2;
const TRADING_KEY: Hex = `0x${"77".repeat(32)}`;
const WETH = 10n ** 18n;

describe("signers and evidence", () => {
  let exchange: TestExchange;
  let asked: string[];
  beforeAll(async () => {
    exchange = await startExchange();
  });
  afterAll(() => exchange.stop());

  /** The node's own accounts, as a browser's wallet offers one. */
  const wallet = {
    request: async ({ method, params }: { method: string; params?: readonly unknown[] }) => {
      asked.push(method);
      if (method === "eth_requestAccounts") return [exchange.anvil.addresses[WALLET]];
      return exchange.anvil.rpc(method, params);
    },
  };
  const join = (
    signer: SignerOption,
    evidence = new MemoryEvidence(),
    rpc: string = exchange.anvil.url,
  ) =>
    ExchangeClient.join({
      operator: exchange.url,
      rpc,
      mediator: exchange.mediator,
      signer,
      evidence,
      pollMs: 15,
      retryTimeoutMs: 0,
    });
  const sell = { market: "WETH/USDC", side: "sell", price: "3000", amount: "1" } as const;

  it("a wallet deposits, trades, hands over to a trading key, and withdraws", async () => {
    asked = [];
    const { anvil, weth } = exchange;
    const from = anvil.addresses[WALLET] as Address;
    await anvil.transact({ from, to: weth, data: encodeMint(from, 10n * WETH) });
    const client = await join(wallet);
    await client.deposit("WETH", "10");
    await exchange.settle();
    expect((await client.createOrder(sell)).state).toBe("open");
    expect(asked.filter((method) => method === "eth_signTypedData_v4")).toHaveLength(1);
    expect(asked.filter((method) => method === "eth_sendTransaction")).toHaveLength(2);

    await client.setTradingKey(privateKeyToAccount(TRADING_KEY).address);
    await exchange.toQuarter(1, 1);
    asked = [];
    const evidence = new MemoryEvidence();
    const trader = await join({ owner: wallet, tradingKey: TRADING_KEY }, evidence);
    expect((await trader.createOrder(sell)).state).toBe("open");
    expect(await trader.fetchBalance()).toMatchObject([{ total: 10n * WETH }, { total: 0n }]);
    expect(asked).not.toContain("eth_signTypedData_v4");
    expect((await trader.audit()).faults).toEqual([]);
    expect(await trader.evidence.orders(1)).toHaveLength(1);
    await exchange.toQuarter(2, 1);
    await trader.withdraw("WETH", "4");
    expect(await exchange.reader.withdrawal(from, weth)).toMatchObject({ amount: 4n * WETH });

    const alone = await join({ owner: from, tradingKey: TRADING_KEY }, evidence);
    expect((await alone.createOrder({ ...sell, price: "3100" })).state).toBe("open");
    await expect(alone.withdraw("WETH", "1")).rejects.toMatchObject({ code: "NeedsOwner" });
  });

  it.each(["gasUsed", "effectiveGasPrice"])(
    "a wallet's deposit costs at most its limits where the receipt leaves out %s",
    async (field) => {
      const { anvil, weth } = exchange;
      const from = anvil.addresses[WALLET] as Address;
      await anvil.transact({ from, to: weth, data: encodeMint(from, WETH) });
      const proxy = await startHttpProxy(anvil.url, async ({ method }, forward) => {
        const answer = await forward();
        const receipt = answer.result as Record<string, unknown> | null;
        if (method === "eth_getTransactionReceipt" && receipt) delete receipt[field];
        return answer;
      });
      onTestFinished(() => proxy.stop());
      asked = [];
      const client = await join(wallet, new MemoryEvidence(), proxy.url);
      const { transactionHash: hash, gasUsed, cost } = await client.deposit("WETH", "1");
      const real = await anvil.client.getTransactionReceipt({ hash });
      const { gas, maxFeePerGas = 0n } = await anvil.client.getTransaction({ hash });
      expect(gasUsed).toBeGreaterThanOrEqual(real.gasUsed);
      expect(gasUsed).toBeLessThanOrEqual(gas);
      expect(cost).toBeGreaterThanOrEqual(real.gasUsed * real.effectiveGasPrice);
      expect(cost).toBeLessThanOrEqual(gas * maxFeePerGas);
    },
  );

  it("evidence that the chain does not bear out is passed over, and named", async () => {
    const owner = privateKeyToAccount(exchange.anvil.keys[WALLET] as Hex);
    const good = new MemoryEvidence();
    await (await join(owner, good)).audit(1);
    const kept = (await good.proofs(1)).find(({ token }) => token === exchange.weth);
    if (kept === undefined) throw new Error("no proof to spoil");
    const bad = new MemoryEvidence();
    await bad.saveProofs([{ ...kept, proof: { ...kept.proof, balance: 11n * WETH } }]);
    const client = await join(owner, bad);
    expect(await client.evidence.proofs(1)).toEqual([]);
    expect(client.evidence.rejected).toMatchObject([{ round: 1, token: kept.token }]);
    // What is missing is fetched anew, and then stands.
    expect((await client.provenBalance(kept.token, 1)).balance).toBe(10n * WETH);

    const { signer, ...rest } = await strangersOrder();
    await bad.saveOrder(rest.orderHash, rest.signed);
    expect(signer).not.toBe(owner.address);
    expect(await client.evidence.orders(rest.signed.order.round)).toEqual([]);
  });

  /** An order that names this owner, signed by somebody else. */
  async function strangersOrder() {
    const stranger = await exchange.client(1);
    await stranger.deposit("WETH", "1");
    await exchange.settle();
    const { orderHash } = await stranger.createOrder({ ...sell, price: "4000" });
    const { round } = await exchange.reader.clock();
    const [order] = await stranger.evidence.orders(round);
    if (order?.orderHash !== orderHash) throw new Error("no order to take");
    return { ...order, signer: stranger.address };
  }
});
