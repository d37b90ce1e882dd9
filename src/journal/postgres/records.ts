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
import { confirmed, type Database } from "./database.ts";

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
export function readHead(database: Database): Promise<HeadRow> {
  return confirmed(database, async () => {
    const row = await readHeadRow(database);
    if (row !== undefined && isSensible(row)) return row;
    throw new JournalDamaged({
      damage: "headAltered",
      file: database.location,
      expected: "one row that names the last record",
      found: row === undefined ? "none" : `epoch ${row.epoch}, sequence ${row.sequence}`,
    });
  });
}

/** The row as it stands; undefined where there is none. */
export async function readHeadRow(database: Database): Promise<HeadRow | undefined> {
  const rows = await database.ask(
    "The head cannot be read",
    (sql) => sql<HeadRow[]>`
      SELECT epoch, sequence, hash, holder, url, holder IS NOT NULL AND expires_at > now()
        AND expires_at <= now() + ${LONGEST_LEASE_MS} * interval '1 millisecond' AS held
      FROM {schema}.head WHERE id = 1`,
  );
  return rows[0];
}

export function isSensible({ sequence, epoch, hash }: ChainLink): boolean {
  return sequence >= 0 && epoch >= 0 && hash.length === HASH_BYTES;
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
      sql<
        ChainLink[]
      >`SELECT sequence, epoch, hash FROM {schema}.record WHERE sequence = ${sequence}`,
  );
  return rows[0];
}

/**
 * Walks the chain from the record after `start` up to `last` in bounded batches. Throws
 * `JournalDamaged` at the first record that does not belong; ends early where there is none.
 */
export async function* walkRecords(
  database: Database,
  start: ChainLink,
  last: number,
): AsyncGenerator<readonly JournalRecord[], ChainLink> {
  let link = start;
  while (link.sequence < last) {
    const { records, end } = await readOn(database, link, last);
    if (records.length === 0) return link;
    yield records;
    link = end;
  }
  return link;
}

/** The records after `start`; fewer than there should be only if a second reading says so too. */
async function readOn(database: Database, start: ChainLink, last: number) {
  const from = start.sequence + 1;
  const wanted = Math.min(READ_BATCH_RECORDS, last - start.sequence);
  const read = async () => {
    const rows = await readBatch(database, from, last);
    const walk = new ChainWalk(database.location, start);
    return { records: rows.map((row) => walk.accept(row)), end: walk.last };
  };
  const found = await confirmed(database, read);
  if (found.records.length === wanted) return found;
  database.renew();
  return read();
}

/** See `JournalReader.read`. */
export async function* readRecords(
  database: Database,
  from: number,
  limit: number,
): AsyncGenerator<readonly JournalRecord[], void> {
  const head = await readHead(database);
  if (from > head.sequence || limit === 0) return;
  const start = await confirmed(database, () => requireLink(database, from - 1));
  const last = Math.min(head.sequence, from - 1 + limit);
  const end = yield* walkRecords(database, start, last);
  if (end.sequence < last || last === head.sequence) await requireEnd(database, end, head);
}

async function requireLink(database: Database, sequence: number): Promise<ChainLink> {
  const link = await readLink(database, sequence);
  if (link !== undefined) return link;
  throw new JournalDamaged({
    damage: "recordMissing",
    file: database.location,
    sequence,
    expected: `record ${sequence}`,
    found: "no such record",
  });
}

/**
 * Throws `JournalDamaged` unless `end`, the last record that was found, is the one that `head`
 * names: read again by then, since the head may be what was misread.
 */
export async function requireEnd(
  database: Database,
  end: ChainLink,
  head: ChainLink,
): Promise<void> {
  const walk = new ChainWalk(database.location, end);
  let named: ChainLink | undefined = head;
  await confirmed(database, async () => {
    named ??= await readHead(database);
    // A writer went on meanwhile, from what was found.
    if (named !== head && named.sequence > end.sequence && end.sequence >= head.sequence) return;
    const judged = named;
    named = undefined;
    walk.endAt(headOf(judged));
  });
}

/** Throws `JournalDamaged` when there are records that the head does not know. */
export function refuseBeyond(database: Database): Promise<void> {
  return confirmed(database, async () => {
    // In one statement, and so of one moment: a writer may be at work.
    const rows = await database.ask(
      "The last record cannot be read",
      (sql) => sql<{ head: number; last: number | null }[]>`
        SELECT sequence AS head, (SELECT max(sequence) FROM {schema}.record) AS last
        FROM {schema}.head WHERE id = 1`,
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
  });
}

function readBatch(
  database: Database,
  from: number,
  last: number,
): Promise<readonly StoredRecord[]> {
  return database.ask(
    `Records from ${from} on cannot be read`,
    (sql) => sql<StoredRecord[]>`
      SELECT sequence, epoch, version, payload, checksum, hash FROM {schema}.record
      WHERE sequence >= ${from} AND sequence <= ${last} ORDER BY sequence
      LIMIT ${READ_BATCH_RECORDS}`,
  );
}
