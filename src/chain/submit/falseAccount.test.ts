/** An endpoint that says what is not so of an account and its transactions, beside a true one. */
import { afterEach, describe, expect, it } from "vitest";
import { type HttpProxy, type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Hex } from "../../base/hex.ts";
import { connect } from "../rpc/rpc.ts";
import { readMarket } from "./account.ts";
import { quoteFees } from "./fees.ts";
import { readReceipt } from "./receipts.ts";
import { anvil, mineWhile, mint, minted, nonceOf, submitter, useChain } from "./submit.testkit.ts";
import type { SubmitterOptions } from "./submitter.ts";

useChain();

let proxies: HttpProxy[] = [];
afterEach(() => {
  for (const proxy of proxies) proxy.stop();
  proxies = [];
});

/** A submitter whose first endpoint meddles, and whose second one is true. */
async function beside(meddle: Meddle, changes: Partial<SubmitterOptions> = {}) {
  const proxy = await startHttpProxy(anvil.url, meddle);
  proxies.push(proxy);
  const client = connect([proxy.url, anvil.url], { retries: 0 });
  return { proxy, client, one: submitter({ client, ...changes }) };
}

const quantity = (value: number | bigint): Hex => `0x${value.toString(16)}`;

function receiptOf(hash: unknown, block: number, status: Hex) {
  const word = `0x${"5e".repeat(32)}`;
  return {
    result: {
      transactionHash: hash,
      blockHash: word,
      blockNumber: quantity(block),
      status,
      logs: [],
      gasUsed: "0x5208",
      effectiveGasPrice: "0x1",
    },
  };
}

describe("an endpoint that lies about an account", () => {
  it("a transaction said to be mined in a block that nobody has holds up nothing", async () => {
    const { one } = await beside(async ({ method }, forward) => {
      const answer = await forward();
      if (method !== "eth_getTransactionReceipt" || answer.result === null) return answer;
      return { result: { ...(answer.result as object), blockNumber: quantity(10 ** 6) } };
    });
    for (const amount of [5n, 7n, 9n]) await one.send(mint(amount));
    expect([await minted(), await nonceOf()]).toEqual([21n, 3]);
  });

  it("a transaction that one endpoint alone calls reverted is not sent again", async () => {
    await anvil.setAutomine(false);
    let lies = 0;
    const { one } = await beside(async ({ method, params }, forward) => {
      if (method !== "eth_getTransactionReceipt") return forward();
      lies += 1;
      return receiptOf(params[0], 3, "0x0");
    });
    await mineWhile(one.send(mint(5n)));
    expect(lies).toBeGreaterThan(0);
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it.each([
    ["inflates", 10n ** 15n, 30n],
    ["names none of", 0n, 1n],
  ])(
    "a priority fee that one endpoint %s is not the one that is paid in time",
    async (_, told, paid) => {
      const gwei = 10n ** 9n;
      const common: Meddle = async ({ method }, forward) =>
        method === "eth_maxPriorityFeePerGas" ? { result: quantity(30n * gwei) } : forward();
      const honest = await startHttpProxy(anvil.url, common);
      const liar = await startHttpProxy(anvil.url, async ({ method }, forward) =>
        method === "eth_maxPriorityFeePerGas" ? { result: quantity(told) } : forward(),
      );
      proxies.push(honest, liar);
      const market = await readMarket(connect([liar.url, honest.url], { retries: 0 }));
      const cap = 10n ** 30n;
      expect(quoteFees(market, 100, cap).maxPriorityFeePerGas).toBe(paid * gwei);
      // Too low a fee costs more where few blocks are left, or one was too low before; but never so
      // much is paid for one endpoint's word that the limit bites.
      const before = { maxFeePerGas: 1n, maxPriorityFeePerGas: 1n };
      for (const hurried of [quoteFees(market, 9, cap), quoteFees(market, 100, cap, before)]) {
        expect(hurried.maxPriorityFeePerGas).toBeGreaterThanOrEqual(30n * gwei);
        expect(hurried.maxPriorityFeePerGas).toBeLessThanOrEqual(64n * paid * gwei);
      }
    },
  );

  it("a transaction whose receipt one endpoint hides is not lost", async () => {
    const { one } = await beside(async ({ method }, forward) =>
      method === "eth_getTransactionReceipt" ? { result: null } : forward(),
    );
    await one.send(mint(5n));
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("a revert needs a second word of those that have its block, and of no others", async () => {
    const gas = quantity(100_000);
    // No function of the token.
    const sent = { from: anvil.addresses[0], to: mint(1n).to, data: "0x12345678", gas };
    const hash = (await anvil.rpc("eth_sendTransaction", [sent])) as Hex;
    // The node answers before it has mined.
    const receipt = () => anvil.rpc("eth_getTransactionReceipt", [hash]);
    await expect.poll(receipt).toMatchObject({ status: "0x0" });
    const head = Number(await anvil.rpc("eth_blockNumber", []));
    const second = async (behind: number) => {
      const proxy = await startHttpProxy(anvil.url, async ({ method }, forward) => {
        if (method === "eth_getTransactionReceipt") return { result: null };
        return method === "eth_blockNumber" ? { result: quantity(head - behind) } : forward();
      });
      proxies.push(proxy);
      return readReceipt(connect([anvil.url, proxy.url], { retries: 0 }), hash, undefined);
    };
    expect(await second(1)).toMatchObject({ isSuccess: false, block: head });
    expect(await second(0)).toBeUndefined();
  });

  it("a trial that one endpoint says cannot be paid for counts where another takes it", async () => {
    const { one } = await beside(async ({ method }, forward) =>
      method === "eth_estimateGas"
        ? { error: { code: -32000, message: "insufficient funds for gas * price + value" } }
        : forward(),
    );
    await one.send(mint(5n));
    expect(await minted()).toBe(5n);
  });

  it("a receipt of a block by which the nonce was not used is not believed", async () => {
    await anvil.setAutomine(false);
    const before = Number(await anvil.rpc("eth_blockNumber", []));
    let lies = 0;
    const meddle: Meddle = async ({ method, params }, forward) => {
      const answer = await forward();
      if (method !== "eth_getTransactionReceipt" || answer.result !== null) return answer;
      lies += 1;
      return receiptOf(params[0], before, "0x1");
    };
    const { one } = await beside(meddle, { pollMs: 100 });
    const sent = one.send(mint(5n));
    await expect.poll(() => lies).toBeGreaterThan(0);
    await anvil.mine(2);
    expect((await sent).block).toBe(before + 1);
    expect(one.newestMined).toBe(before + 1);
  });

  it("a receipt is believed beside false nonces as of a block, once the newest one is used", async () => {
    const { one } = await beside(async ({ method, params }, forward) => {
      const isOfBlock = method === "eth_getTransactionCount" && /^0x/.test(String(params[1]));
      return isOfBlock ? { result: "0x0" } : forward();
    });
    await one.send(mint(5n));
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("one endpoint alone is believed as ever", async () => {
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) =>
      method === "eth_getTransactionReceipt" ? receiptOf(params[0], 3, "0x1") : forward(),
    );
    proxies.push(proxy);
    await anvil.setAutomine(false);
    const one = submitter({ client: connect([proxy.url], { retries: 0 }) });
    expect((await one.send(mint(5n))).block).toBe(3);
  });
});
