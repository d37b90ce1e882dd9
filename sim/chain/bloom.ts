/** The bloom filter of a block's logs, as headers carry it (Yellow Paper, section 4.3.1). */

import { type Hex, hexToBytes } from "../../src/base/hex.ts";
import { keccak256 } from "../../src/base/keccak.ts";

const BYTES = 256;
const BITS = BYTES * 8;

/** `others`: what the logs of other contracts add. */
export function bloomOf(items: readonly Hex[], others: Uint8Array | undefined): Hex {
  const bloom = others === undefined ? new Uint8Array(BYTES) : others.slice();
  for (const item of items) {
    const hash = keccak256(hexToBytes(item));
    for (const at of [0, 2, 4]) {
      const bit = (((hash[at] as number) << 8) | (hash[at + 1] as number)) % BITS;
      const byte = BYTES - 1 - (bit >> 3);
      bloom[byte] = (bloom[byte] as number) | (1 << (bit & 7));
    }
  }
  return `0x${Buffer.from(bloom).toString("hex")}`;
}
