import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { assert } from "../../base/errors.ts";
import { bytesToHex } from "../../base/hex.ts";
import { JournalDamaged } from "../errors.ts";
import {
  type Head,
  type JournalRecord,
  READ_BATCH_BYTES,
  READ_BATCH_RECORDS,
  type RestoredFrom,
} from "../journal.ts";
import {
  type ChainLink,
  ChainWalk,
  GENESIS_LINK,
  HASH_BYTES,
  type StoredRecord,
} from "../record.ts";
import { guarded } from "./engineErrors.ts";

/** An open database and its name for messages. */
export interface Store {
  readonly connection: DatabaseSync;
  readonly file: string;
}

/** The head row: the last record and the epoch of the last opening for writing. */
export interface HeadRow extends ChainLink {}

export function headOf(link: ChainLink): Head {
  return { sequence: link.sequence, hash: bytesToHex(link.hash) };
}

/** Throws `JournalDamaged` when the row is missing or makes no sense. */
export function readHead({ connection, file }: Store): HeadRow {
  const row = guarded(file, "The head cannot be read", () =>
    connection.prepare("SELECT epoch, sequence, hash FROM head WHERE id = 1").get(),
  ) as unknown as HeadRow | undefined;
  if (row !== undefined && row.sequence >= 0 && row.epoch >= 0 && row.hash.length === HASH_BYTES) {
    return row;
  }
  throw new JournalDamaged({
    damage: "headAltered",
    file,
    expected: "one row that names the last record",
    found: row === undefined ? "none" : `epoch ${row.epoch}, sequence ${row.sequence}`,
  });
}

/** The link of record `sequence`, believed as it stands; of 0 the one before the first. */
export function readLink({ connection, file }: Store, sequence: number): ChainLink | undefined {
  if (sequence === 0) return GENESIS_LINK;
  return guarded(file, `Record ${sequence} cannot be read`, () =>
    connection.prepare("SELECT sequence, epoch, hash FROM record WHERE sequence = ?").get(sequence),
  ) as unknown as ChainLink | undefined;
}

/** The newest mark left by `backup` in a copy; undefined in a journal that never was one. */
export function readBackupMark({ connection, file }: Store): RestoredFrom | undefined {
  const row = guarded(file, "The backup mark cannot be read", () =>
    connection.prepare("SELECT * FROM backup_mark ORDER BY id DESC LIMIT 1").get(),
  ) as
    | { sequence: number; hash: Uint8Array; backed_up_at: number; lost_up_to: number | null }
    | undefined;
  if (row === undefined) return undefined;
  return {
    head: { sequence: row.sequence, hash: bytesToHex(row.hash) },
    backedUpAt: row.backed_up_at,
    lostUpTo: row.lost_up_to ?? undefined,
  };
}

/**
 * Walks the chain from the record after `start` up to `last` in bounded batches, with a tick of the
 * event loop between two. Throws `JournalDamaged` at the first record that does not belong.
 */
export async function* walkRecords(
  store: Store,
  start: ChainLink,
  last: number,
): AsyncGenerator<readonly JournalRecord[], ChainLink> {
  const walk = new ChainWalk(store.file, start);
  while (walk.last.sequence < last) {
    const batch = readBatch(store, walk.last.sequence + 1, last).map((row) => walk.accept(row));
    if (batch.length === 0) return walk.last;
    yield batch;
    await nextTurn();
  }
  return walk.last;
}

/** See `JournalReader.read`. */
export async function* readRecords(
  store: Store,
  from: number,
  limit: number,
): AsyncGenerator<readonly JournalRecord[], void> {
  assert(Number.isSafeInteger(from) && from >= 1, () => `records read from ${from} on.`);
  assert(limit >= 0, () => `${limit} records read.`);
  const head = readHead(store);
  if (from > head.sequence || limit === 0) return;

  const start = readLink(store, from - 1);
  if (start === undefined) {
    throw new JournalDamaged({
      damage: "recordMissing",
      file: store.file,
      sequence: from - 1,
      expected: `record ${from - 1}`,
      found: "no such record",
    });
  }

  const last = Math.min(head.sequence, from - 1 + limit);
  const end = new ChainWalk(store.file, yield* walkRecords(store, start, last));
  if (end.last.sequence < last || last === head.sequence) end.endAt(headOf(head));
}

/**
 * Sequence, epoch, version, payload, checksum and hash. Bytes come as digits: `node:sqlite` takes
 * twice as long for bytes, since each value of them is a buffer of its own, and for objects.
 */
type Row = readonly [number, number, number, string, number, string];

function readBatch(store: Store, from: number, last: number): StoredRecord[] {
  return guarded(store.file, `Records from ${from} on cannot be read`, () => {
    const statement = store.connection.prepare(
      `SELECT sequence, epoch, version, hex(payload), checksum, hex(hash)
       FROM record WHERE sequence >= ? AND sequence <= ? ORDER BY sequence`,
    );
    statement.setReturnArrays(true);
    const rows = statement.all(from, endOfBatch(store, from, last)) as unknown as Row[];
    return rows.map(([sequence, epoch, version, payload, checksum, hash]) => ({
      sequence,
      epoch,
      version,
      payload: Buffer.from(payload, "hex"),
      checksum,
      hash: Buffer.from(hash, "hex"),
    }));
  });
}

/** The last record of a batch that begins with `from`. */
function endOfBatch({ connection }: Store, from: number, last: number): number {
  const end = Math.min(last, from + READ_BATCH_RECORDS - 1);
  const where = "FROM record WHERE sequence >= ? AND sequence <= ?";
  const sum = connection.prepare(`SELECT sum(length(payload)) AS bytes ${where}`).get(from, end);
  if (Number(sum?.["bytes"] ?? 0) < READ_BATCH_BYTES) return end;
  const sizes = connection.prepare(
    `SELECT sequence, length(payload) AS bytes ${where} ORDER BY sequence`,
  );
  let total = 0;
  for (const row of sizes.iterate(from, end)) {
    total += Number(row["bytes"]);
    if (total >= READ_BATCH_BYTES) return Number(row["sequence"]);
  }
  return end;
}

/** Throws `JournalDamaged` when there are records that the head does not know. */
export function refuseBeyond({ connection, file }: Store, head: Head): void {
  const row = guarded(file, "The last record cannot be read", () =>
    connection.prepare("SELECT max(sequence) AS last FROM record").get(),
  ) as { last: number | null };
  if (row.last === null || row.last <= head.sequence) return;
  throw new JournalDamaged({
    damage: "recordBeyondHead",
    file,
    sequence: head.sequence + 1,
    expected: `nothing after ${head.sequence}, as the head says`,
    found: `records up to ${row.last}`,
  });
}
