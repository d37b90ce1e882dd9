/** Headers of a real node, and what becomes of them when a field is told otherwise. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Anvil, startAnvil } from "../../../test/support/chain/anvil.ts";
import { isProven } from "./headerProof.ts";

let anvil: Anvil;
beforeAll(async () => {
  anvil = await startAnvil();
  await anvil.mine(3);
});
afterAll(() => anvil.stop());

const blockAt = (blockNumber: bigint) => anvil.client.getBlock({ blockNumber });

it("headers as a node gives them are proven, the first one too", async () => {
  for (const number of [0n, 1n, 3n]) expect(isProven(await blockAt(number))).toBe(true);
});

it("headers with another time, number or parent, or with a field less, are not proven", async () => {
  const block = await blockAt(2n);
  const { parentHash } = await blockAt(1n);
  const { gasLimit: _, ...without } = block;
  const false_ = [
    { ...block, timestamp: block.timestamp + 1n },
    { ...block, number: 3n },
    { ...block, parentHash },
    { ...block, baseFeePerGas: undefined },
    without,
    {},
  ];
  expect(false_.map(isProven)).toEqual(false_.map(() => false));
});
