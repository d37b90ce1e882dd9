/** Roots of the receipts of a real node's blocks, and of receipts that were changed. */
import { concatHex, keccak256, toRlp } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Anvil } from "../../../test/support/chain/anvil.ts";
import { startDeployedExchange } from "../../../test/support/exchange/deployedExchange.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { encodeMint } from "../contracts/tokens.ts";
import { type GivenLog, type GivenReceipt, receiptsRoot } from "./receiptsRoot.ts";

interface Block {
  readonly number: Hex;
  readonly receiptsRoot: Hex;
  readonly gasUsed: Hex;
}

let anvil: Anvil;
let token: Address;
beforeAll(async () => {
  const started = await startDeployedExchange();
  anvil = started.anvil;
  [token] = started.exchange.tokens as [Address];
});
afterAll(() => anvil.stop());

/** A block of so many transactions of several types, each with a log; some are reverted. */
async function blockOf(
  transactions: number,
): Promise<{ root: Hex; gas: bigint; receipts: GivenReceipt[] }> {
  const [from] = anvil.addresses as [Address];
  await anvil.setAutomine(false);
  for (let i = 0; i < transactions; i++) {
    const data = i % 7 === 3 ? "0x12345678" : encodeMint(from, BigInt(i));
    const fee = "0x77359400";
    const fees = i % 3 === 2 ? { maxFeePerGas: fee } : { gasPrice: fee };
    await anvil.rpc("eth_sendTransaction", [
      {
        from,
        to: token,
        data,
        gas: "0x13880",
        ...fees,
        ...(i % 3 === 1 ? { accessList: [] } : {}),
      },
    ]);
  }
  await anvil.mine();
  await anvil.setAutomine(true);
  const block = await anvil.rpc<Block>("eth_getBlockByNumber", ["latest", false]);
  const receipts = await anvil.rpc<GivenReceipt[]>("eth_getBlockReceipts", [block.number]);
  expect(receipts).toHaveLength(transactions);
  return { root: block.receiptsRoot, gas: BigInt(block.gasUsed), receipts };
}

describe("roots of receipts", () => {
  // Keys of one byte, of two from 128 on, and of three from 256 on.
  it.each([0, 1, 2, 17, 130, 260])(
    "the root is that of a node's header: %i receipts",
    async (count) => {
      const { root, gas, receipts } = await blockOf(count);
      expect(receiptsRoot(receipts, gas)).toBe(root);
      const types = new Set(receipts.map(({ type }) => type));
      expect(types.size).toBe(Math.min(3, count));
    },
  );

  it("the root is another where a receipt or a log is missing, added, moved or changed", async () => {
    const { root, gas, receipts } = await blockOf(3);
    const [first, second, third] = receipts as [GivenReceipt, GivenReceipt, GivenReceipt];
    const [log] = first.logs as [GivenLog];
    const withLogs = (logs: unknown) => [{ ...first, logs }, second, third];
    const changed: GivenReceipt[][] = [
      [first, second],
      [second, first, third],
      withLogs([]),
      withLogs([log, log]),
      withLogs([{ ...log, data: "0x01" }]),
      withLogs([{ ...log, topics: [] }]),
      withLogs([{ ...log, address: anvil.addresses[1] }]),
      [{ ...first, status: "0x0" }, second, third],
    ];
    const roots = changed.map((one) => receiptsRoot(one, gas));
    expect(roots.every((one) => one !== undefined && one !== root)).toBe(true);
    expect(new Set(roots).size).toBe(changed.length);
  });

  it("the root is unknown where a receipt has another form", async () => {
    const { gas, receipts } = await blockOf(1);
    const [first] = receipts as [GivenReceipt];
    const odd = [{ type: "0x80" }, { type: "two" }, { status: undefined }, { logs: null }];
    for (const change of [...odd, { logs: [null] }, { logsBloom: "0x1" }]) {
      expect(receiptsRoot([{ ...first, ...change } as GivenReceipt], gas)).toBeUndefined();
    }
  });

  it("the root covers what a deposit of the OP stack has more, since Canyon alone", async () => {
    const { gas, receipts } = await blockOf(1);
    const [first] = receipts as [GivenReceipt & { logs: GivenLog[]; logsBloom: Hex }];
    const deposit = { ...first, type: "0x7e", depositNonce: "0x5" };
    const logs = first.logs.map(({ address, topics, data }) => [address, topics, data]);
    const usual = ["0x01", first.cumulativeGasUsed, first.logsBloom, logs];
    const rootOf = (fields: unknown[]) => {
      const value = concatHex(["0x7e", toRlp(fields as Hex[])]);
      return keccak256(toRlp(["0x2080", value]));
    };
    expect(receiptsRoot([deposit], gas)).toBe(rootOf(usual));
    const since = receiptsRoot([{ ...deposit, depositReceiptVersion: "0x1" }], gas);
    expect(since).toBe(rootOf([...usual, "0x05", "0x01"]));
  });

  it("the root of more than the gas of the block paid for is unknown", async () => {
    const { gas, receipts } = await blockOf(1);
    const [first] = receipts as [GivenReceipt & { logs: GivenLog[] }];
    const [log] = first.logs as [GivenLog];
    const many = { ...first, logs: Array.from({ length: 50_000 }, () => log) };
    expect(receiptsRoot([many], gas)).toBeUndefined();
    const long = { ...first, logs: [{ ...log, data: `0x${"00".repeat(5_000_000)}` }] };
    expect(receiptsRoot([long], gas)).toBeUndefined();
  });
});
