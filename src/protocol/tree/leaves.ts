/** Leaves of a SumTree before they are hashed: what they are made of, on the bench of keccak.ts. */
import { ADDRESS_BYTES } from "../../base/address.ts";
import { UINT128_MAX, viewOf, writeUint128 } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import { writeHex } from "../../base/hex.ts";
import { LEAF_BYTES, nodeBench } from "../../base/keccak.ts";
import type { Amount, Leaf } from "../units.ts";

export function assertUint128({ balance }: Leaf): void {
  if (!isUint128(balance)) assert(false, `${balance} is not a uint128.`);
}

/** The input of the bench, for numbers. */
export const inputView = viewOf(nodeBench.input);

export function writeLeaf(at: number, { client, balance }: Leaf): void {
  writeHex(nodeBench.input, at, client, ADDRESS_BYTES);
  writeUint128(inputView, at + ADDRESS_BYTES, balance);
}

/**
 * The sum of the balances of the first `count` leaves that are written: by their words, each sum of
 * which is exact as a number.
 */
export function writtenBalances(count: number): Amount {
  let [first, second, third, last] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const at = LEAF_BYTES * i + ADDRESS_BYTES;
    first += inputView.getUint32(at);
    second += inputView.getUint32(at + 4);
    third += inputView.getUint32(at + 8);
    last += inputView.getUint32(at + 12);
  }
  const words = [first, second, third, last];
  return words.reduce((total, word) => (total << 32n) + BigInt(word), 0n);
}

export function half(value: number): number {
  return Math.floor(value / 2);
}

export function isUint128(value: Amount): boolean {
  return value >= 0n && value <= UINT128_MAX;
}
