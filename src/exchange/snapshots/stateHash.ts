import { concatBytes } from "../../base/bytes.ts";
import { bytesToHex, type Hex } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import type { State } from "../model/state.ts";
import { encodeSnapshot } from "./snapshot.ts";
import type { SnapshotVersion } from "./snapshotForm.ts";

/**
 * One hash over the whole state: two operators that applied the same entries have the same. It
 * chains the hashes of the snapshot's records, so that the snapshot is never held as a whole. Work
 * grows as `encodeSnapshot`. `version`: over the form of older snapshots, of a state read from one.
 */
export function stateHash(state: State, version?: SnapshotVersion): Hex {
  let chained: Uint8Array = new Uint8Array(32);
  for (const record of encodeSnapshot(state, version)) {
    chained = keccak256(concatBytes(chained, keccak256(record)));
  }
  return bytesToHex(chained);
}
