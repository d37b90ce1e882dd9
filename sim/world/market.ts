/** The market of a world. */
import { toAddress } from "../../src/base/address.ts";
import type { Address } from "../../src/base/hex.ts";
import type { Market } from "../../src/exchange/model/entries.ts";

export const CHAIN_ID = 31_337;
export const TOKENS = [0x11, 0x22, 0x33].map((byte) =>
  toAddress(`0x${byte.toString(16).repeat(20)}`),
) as [Address, Address, Address];
export const MARKETS: readonly Market[] = [
  { base: TOKENS[0], quote: TOKENS[1], lot: 10n, tick: 1n },
  { base: TOKENS[2], quote: TOKENS[1], lot: 1n, tick: 5n },
];
