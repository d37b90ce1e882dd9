/** Rows of a shared journal as values, and the walk along its records. */
import { bytesToHex } from "../../base/hex.ts";
import { JournalDamaged } from "../errors.ts";
import { type Head, type JournalRecord, READ_BATCH_RECORDS } from "../journal.ts";
import {
  type ChainLink,
  ChainWalk,
  GENESIS_LINK,
  HASH_BYTES,
  type StoredRecord,
} from "../record.ts";
import type { Database } from "./database.ts";

/** The head row: the last record, the epoch of the last writer, and who that is. */
export interface HeadRow extends ChainLink {
  readonly holder: string | null;
  readonly url: string | null;
  /** Whether the holder's lease has not run out. */
  readonly held: boolean;
}

/**
 * Milliseconds that no lease exceeds: one that seems to was given before the database's clock went
 * back, as a failover can make it, and holds nobody off.
 */
export const LONGEST_LEASE_MS = 60_000;

export function headOf(link: ChainLink): Head {
  return { sequence: link.sequence, hash: bytesToHex(link.hash) };
}

/** Throws `JournalDamaged` when the row is missing or makes no sense. */
export async function readHead(database: Database): Promise<HeadRow> {
  const rows = await database.ask(
    "The head cannot be read",
    (sql) => sql<HeadRow[]>`
      SELECT epoch, sequence, hash, holder, url, holder IS NOT NULL AND expires_at > now()
        AND expires_at <= now() + ${LONGEST_LEASE_MS} * interval '1 millisecond' AS held
      FROM head WHERE id = 1`,
  );
  const row = rows[0];
  if (row !== undefined && row.sequence >= 0 && row.epoch >= 0 && row.hash.length === HASH_BYTES) {
    return row;
  }
  throw new JournalDamaged({
    damage: "headAltered",
    file: database.location,
    expected: "one row that names the last record",
    found: row === undefined ? "none" : `epoch ${row.epoch}, sequence ${row.sequence}`,
  });
}

/** The link of record `sequence`, believed as it stands; of 0 the one before the first. */
export async function readLink(
  database: Database,
  sequence: number,
): Promise<ChainLink | undefined> {
  if (sequence === 0) return GENESIS_LINK;
  const rows = await database.ask(
    `Record ${sequence} cannot be read`,
    (sql) =>
      sql<ChainLink[]>`SELECT sequence, epoch, hash FROM record WHERE sequence = ${sequence}`,
  );
  return rows[0];
}

/**
 * Walks the chain from the record after `start` up to `last` in bounded batches. Throws
 * `JournalDamaged` at the first record that does not belong.
 */
export async function* walkRecords(
  database: Database,
  start: ChainLink,
  last: number,
): AsyncGenerator<readonly JournalRecord[], ChainLink> {
  const walk = new ChainWalk(database.location, start);
  while (walk.last.sequence < last) {
    const rows = await readBatch(database, walk.last.sequence + 1, last);
    if (rows.length === 0) return walk.last;
    yield rows.map((row) => walk.accept(row));
  }
  return walk.last;
}

/** See `JournalReader.read`. */
export async function* readRecords(
  database: Database,
  from: number,
  limit: number,
): AsyncGenerator<readonly JournalRecord[], void> {
  const head = await readHead(database);
  if (from > head.sequence || limit === 0) return;
  const start = await readLink(database, from - 1);
  if (start === undefined) {
    throw new JournalDamaged({
      damage: "recordMissing",
      file: database.location,
      sequence: from - 1,
      expected: `record ${from - 1}`,
      found: "no such record",
    });
  }
  const last = Math.min(head.sequence, from - 1 + limit);
  const end = new ChainWalk(database.location, yield* walkRecords(database, start, last));
  if (end.last.sequence < last || last === head.sequence) end.endAt(headOf(head));
}

/** Throws `JournalDamaged` when there are records that the head does not know. */
export async function refuseBeyond(database: Database): Promise<void> {
  // In one statement, and so of one moment: a writer may be at work.
  const rows = await database.ask(
    "The last record cannot be read",
    (sql) => sql<{ head: number; last: number | null }[]>`
      SELECT sequence AS head, (SELECT max(sequence) FROM record) AS last FROM head WHERE id = 1`,
  );
  const { head, last } = rows[0] ?? { head: 0, last: null };
  if (last === null || last <= head) return;
  throw new JournalDamaged({
    damage: "recordBeyondHead",
    file: database.location,
    sequence: head + 1,
    expected: `nothing after ${head}, as the head says`,
    found: `records up to ${last}`,
  });
}

function readBatch(database: Database, from: number, last: number): Promise<StoredRecord[]> {
  return database.ask(
    `Records from ${from} on cannot be read`,
    (sql) => sql<StoredRecord[]>`
      SELECT sequence, epoch, version, payload, checksum, hash FROM record
      WHERE sequence >= ${from} AND sequence <= ${last} ORDER BY sequence
      LIMIT ${READ_BATCH_RECORDS}`,
  );
}
