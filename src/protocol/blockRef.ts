/** A block of the chain, by its number and its hash. */
import type { Hex } from "../base/hex.ts";
import type { BlockNumber } from "./units.ts";

export interface BlockRef {
  readonly number: BlockNumber;
  readonly hash: Hex;
}
