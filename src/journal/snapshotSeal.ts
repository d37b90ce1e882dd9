/** The seal of a snapshot, and the check of one that was read; the same in every storage. */
import { createHash, type Hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { bytesToHex } from "../base/hex.ts";
import { type Damage, JournalDamaged } from "./errors.ts";
import type { Snapshot } from "./journal.ts";
import type { ChainLink } from "./record.ts";

/** A snapshot lies in parts of this size, so that writing a large one holds up no append. */
export const PART_BYTES = 256 * 1024;

/** The row that makes the parts of a snapshot count. */
export interface SnapshotRow {
  readonly sequence: number;
  readonly record_hash: Uint8Array;
  readonly state_hash: Uint8Array;
  readonly bytes: number;
  readonly checksum: Uint8Array;
}

/** SHA-256 over all of it, with a tick of the event loop between parts. */
export async function snapshotChecksum(
  { sequence, record_hash, state_hash }: Omit<SnapshotRow, "bytes" | "checksum">,
  bytes: Uint8Array,
): Promise<Buffer> {
  const header = Buffer.alloc(8);
  header.writeBigUInt64BE(BigInt(sequence));
  const hash: Hash = createHash("sha256").update(header).update(record_hash).update(state_hash);
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    hash.update(bytes.subarray(at, at + PART_BYTES));
    await nextTurn();
  }
  return hash.digest();
}

/**
 * The snapshot, if `bytes` are what its row says and `link` is the record that it stands for.
 * Throws `JournalDamaged` otherwise; a whole snapshot whose record is another or missing means that
 * the record is damaged, and is reported so. `head`: sequence of the last record.
 */
export async function unsealSnapshot(
  file: string,
  row: SnapshotRow,
  bytes: Uint8Array,
  { link, head }: { readonly link: ChainLink | undefined; readonly head: number },
): Promise<Snapshot> {
  const { sequence } = row;
  const damaged = (damage: Damage, expected: string, found: string) =>
    new JournalDamaged({ damage, file, sequence, expected, found });
  if (bytes.length !== row.bytes) {
    throw damaged("snapshotAltered", `${row.bytes} bytes`, `${bytes.length} bytes`);
  }
  const checksum = await snapshotChecksum(row, bytes);
  if (!checksum.equals(row.checksum)) {
    throw damaged("snapshotAltered", bytesToHex(row.checksum), bytesToHex(checksum));
  }
  const expected = `${bytesToHex(row.record_hash)}, as the snapshot of that record says`;
  if (link === undefined) {
    throw damaged(sequence < head ? "recordMissing" : "tailMissing", expected, "no such record");
  }
  if (!Buffer.from(link.hash).equals(row.record_hash)) {
    throw damaged("chainBroken", expected, bytesToHex(link.hash));
  }
  return { sequence, stateHash: bytesToHex(row.state_hash), bytes };
}
