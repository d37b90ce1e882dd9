import { concatBytes } from "../../base/bytes.ts";
import { bytesToHex, type Hex } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import type { State } from "../model/state.ts";
import { encodeSnapshot } from "./snapshot.ts";

/**
 * One hash over the whole state: two operators that applied the same entries have the same. The
 * hash chains the hashes of the snapshot's records, so that the snapshot is never held as a whole.
 * Work grows as `encodeSnapshot`.
 */
export function stateHash(state: State): Hex {
  let chained: Uint8Array = new Uint8Array(32);
  for (const record of encodeSnapshot(state)) {
    chained = keccak256(concatBytes(chained, keccak256(record)));
  }
  return bytesToHex(chained);
}
