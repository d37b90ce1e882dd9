import fc from "fast-check";
import { encodeFunctionData, type Hex, parseAbi, serializeTransaction, zeroAddress } from "viem";
import { expect, test } from "vitest";
import { mediatorAbi } from "../chain/abi/mediator.ts";
import {
  cancelWithdrawalBytes,
  disputableOrders,
  evidenceOrders,
  FILL_PATH_LENGTH,
  leastBonds,
  MAX_STATEMENT_EXCEPT,
  MAX_TOKENS,
  ORDER_PATH_LENGTH,
  ORDERS_PER_CLIENT_AND_ROUND,
  openDisputeBytes,
  openDisputeGas,
  TX_BYTES_CAP,
  TX_GAS_CAP,
  treeDepth,
} from "./limits.ts";
import { SumTree } from "./sumTree.ts";

const abi = parseAbi([
  "struct Sibling { bytes32 hash; uint128 sum; }",
  "struct BalanceProof { uint128 balance; uint64 index; uint64 leafCount; Sibling[] siblings; }",
  "struct Signature { bytes32 r; bytes32 vs; bytes32[] path; }",
  "struct Amounts { uint128 sold; uint128 bought; uint64 sequence; }",
  "struct PresentedFill { bytes32 orderHash; Amounts amounts; Signature signature; }",
  "struct DepositRef { address token; uint64 round; }",
  "struct Delegation { uint64 untilRound; bytes signature; }",
  "struct Sums { uint64 round; uint64 watermark; uint64[] except; address[] tokens; uint128[] sold; uint128[] bought; Signature signature; }",
  "function openDispute(address, BalanceProof[], DepositRef, PresentedFill[], Delegation, Sums[]) payable",
]);
const word: Hex = `0x${"ff".repeat(32)}`;
const uint64 = 2n ** 64n - 1n;
const uint128 = 2n ** 128n - 1n;

function statementOf(tokens: number, pathLength: number) {
  return {
    round: uint64,
    watermark: uint64,
    except: Array<bigint>(MAX_STATEMENT_EXCEPT).fill(uint64),
    tokens: Array<Hex>(tokens).fill(`0x${"ff".repeat(20)}`),
    sold: Array<bigint>(tokens).fill(uint128),
    bought: Array<bigint>(tokens).fill(uint128),
    signature: { r: word, vs: word, path: Array<Hex>(pathLength).fill(word) },
  };
}

function calldata(
  tokens: number,
  depth: number,
  fills: number,
  pathLength: number,
  statement = false,
): Hex {
  const siblings = Array.from({ length: depth }, () => ({ hash: word, sum: uint128 }));
  const proof = { balance: uint128, index: uint64, leafCount: uint64, siblings };
  const signature = { r: word, vs: word, path: Array<Hex>(pathLength).fill(word) };
  // A static struct within is encoded in place, as its fields are.
  const amounts = { sold: uint128, bought: uint128, sequence: uint64 };
  const fill = { orderHash: word, amounts, signature };
  return encodeFunctionData({
    abi,
    args: [
      zeroAddress,
      Array(tokens).fill(proof),
      { token: zeroAddress, round: uint64 },
      Array(fills).fill(fill),
      { untilRound: uint64, signature: `0x${"ff".repeat(65)}` },
      statement ? [statementOf(tokens, pathLength)] : [],
    ],
  });
}

const byteLength = (hex: Hex) => (hex.length - 2) / 2;

test("openDisputeBytes is what the ABI encoding takes", () => {
  const some = (max: number) => fc.nat({ max });
  fc.assert(
    fc.property(some(32), some(24), some(12), some(16), (tokens, depth, fills, pathLength) => {
      const encoded = byteLength(calldata(tokens, depth, fills, pathLength));
      expect(openDisputeBytes({ tokens, depth, fills, pathLength })).toBe(encoded);
      const beside = byteLength(calldata(tokens, depth, fills, pathLength, true));
      expect(openDisputeBytes({ tokens, depth, fills, pathLength, statement: true })).toBe(beside);
    }),
    { numRuns: 40 },
  );
});

test("a signed transaction with as many fills as are disputable is within the cap of bytes", () => {
  for (const [tokens, depth, pathLength] of [
    [MAX_TOKENS, 20, 3],
    [16, 20, FILL_PATH_LENGTH],
    [2, 17, 8],
  ] as const) {
    const fills = disputableOrders(tokens, depth, pathLength);
    const transaction = serializeTransaction(
      {
        type: "eip1559",
        chainId: Number.MAX_SAFE_INTEGER,
        nonce: Number.MAX_SAFE_INTEGER,
        gas: BigInt(TX_GAS_CAP),
        maxFeePerGas: uint64,
        maxPriorityFeePerGas: uint64,
        value: uint128,
        to: `0x${"ff".repeat(20)}`,
        data: calldata(tokens, depth, fills, pathLength, true),
      },
      { r: word, s: word, yParity: 1 },
    );
    expect(byteLength(transaction)).toBeLessThanOrEqual(TX_BYTES_CAP);
    const gas = openDisputeGas({ tokens, depth, fills, pathLength, statement: true });
    expect(gas).toBeLessThanOrEqual(TX_GAS_CAP);
  }
});

test("one order more than is disputable does not fit", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 32 }),
      fc.nat({ max: 24 }),
      fc.nat({ max: 16 }),
      (tokens, depth, pathLength) => {
        const fills = disputableOrders(tokens, depth, pathLength) + 1;
        const shape = { tokens, depth, fills, pathLength, statement: true };
        const fits =
          openDisputeBytes(shape) + 512 <= TX_BYTES_CAP && openDisputeGas(shape) <= TX_GAS_CAP;
        expect(fits).toBe(false);
      },
    ),
  );
});

test("the default limit fits where it says so, and shrinks with tokens, depth and path", () => {
  expect(disputableOrders(16, treeDepth(1_000_000), FILL_PATH_LENGTH)).toBeGreaterThanOrEqual(
    ORDERS_PER_CLIENT_AND_ROUND,
  );
  const few = disputableOrders(2, 17, 3);
  expect(disputableOrders(32, 17, 3)).toBeLessThan(few);
  expect(disputableOrders(2, 17, 16)).toBeLessThan(few);
  expect(disputableOrders(32, 24, 3)).toBeLessThan(disputableOrders(32, 17, 3));
  expect(disputableOrders(32, 64, 16)).toBe(0);
});

test("treeDepth is the longest proof of a tree", () => {
  const client = `0x${"01".repeat(20)}` as const;
  for (const count of [1, 2, 3, 5, 8, 9, 33]) {
    const tree = SumTree.build(Array.from({ length: count }, () => ({ client, balance: 1n })));
    const lengths = Array.from({ length: count }, (_, i) => tree.prove(i).siblings.length);
    expect(treeDepth(count)).toBe(Math.max(...lengths));
  }
  expect(treeDepth(0)).toBe(0);
});

test("the count is that of the bytes of cancelWithdrawal in the contract's ABI", () => {
  const zero = `0x${"00".repeat(20)}` as const;
  const word = `0x${"11".repeat(32)}` as const;
  for (const [orders, pathLength] of [
    [0, 0],
    [1, 0],
    [7, 4],
    [2 * ORDERS_PER_CLIENT_AND_ROUND, ORDER_PATH_LENGTH],
  ] as const) {
    const signature = { r: word, vs: word, path: Array.from({ length: pathLength }, () => word) };
    const order = {
      round: 1n,
      id: 1n,
      sellToken: zero,
      sellAmount: 1n,
      buyToken: zero,
      buyAmount: 1n,
      intent: 0,
      signature,
    };
    const data = encodeFunctionData({
      abi: mediatorAbi,
      functionName: "cancelWithdrawal",
      args: [zero, zero, Array.from({ length: orders }, () => order), [], []],
    });
    expect((data.length - 2) / 2).toBe(cancelWithdrawalBytes(orders, pathLength));
    const statement = statementOf(MAX_TOKENS, pathLength);
    const beside = encodeFunctionData({
      abi: mediatorAbi,
      functionName: "cancelWithdrawal",
      args: [
        zero,
        zero,
        Array.from({ length: orders }, () => order),
        [statement, statement],
        [statement, statement],
      ],
    });
    expect((beside.length - 2) / 2).toBe(cancelWithdrawalBytes(orders, pathLength, 2));
  }
});

test("the order limit keeps the evidence of two rounds within one transaction", () => {
  expect(evidenceOrders(ORDER_PATH_LENGTH)).toBeGreaterThanOrEqual(2 * ORDERS_PER_CLIENT_AND_ROUND);
  // As many orders as a dispute can present would not fit: this limit is the one that binds.
  expect(evidenceOrders(0)).toBeLessThan(2 * 256);
});

const GWEI = 10n ** 9n;

test("the least useful bonds are those of docs/security.md", () => {
  // 2 tokens, 2^20 clients, 10 gwei: 0.026 and 0.033 ether.
  const { disputeBond, withdrawalBond } = leastBonds({ tokens: 2, levels: 20 }, 10n * GWEI);
  expect(disputeBond).toBe(10n * GWEI * (65_000n + 2n * (20_000n + 3_850n * 20n) + 2_300_000n));
  expect(withdrawalBond).toBe(10n * GWEI * (45_000n + 16_000n * 200n));
  expect(disputeBond / 10n ** 15n).toBe(25n);
  expect(withdrawalBond / 10n ** 15n).toBe(32n);
});

test("bonds grow with tokens, levels, orders and the fee, and not with anything free", () => {
  const of = (tokens: number, levels: number, orders: number, fee: bigint) =>
    leastBonds({ tokens, levels, orders }, fee);
  expect(of(0, 0, 0, 1n)).toEqual({ disputeBond: 65_000n, withdrawalBond: 45_000n });
  expect(of(3, 20, 5, 0n)).toEqual({ disputeBond: 0n, withdrawalBond: 0n });
  expect(of(3, 20, 5, 1n).disputeBond).toBeGreaterThan(of(2, 20, 5, 1n).disputeBond);
  expect(of(2, 21, 5, 1n).disputeBond).toBeGreaterThan(of(2, 20, 5, 1n).disputeBond);
  expect(of(2, 20, 6, 1n).withdrawalBond).toBe(of(2, 20, 5, 1n).withdrawalBond + 32_000n);
  expect(() => leastBonds({ tokens: -1, levels: 2 }, 1n)).toThrow();
});
