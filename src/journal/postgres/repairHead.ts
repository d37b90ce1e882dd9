/**
 * A head that does not name the last record, though every record is whole: it is set from them. All
 * that was acknowledged is in the records; the head only says where they end, and who may go on.
 */
import { JournalDamaged, StorageFailure } from "../errors.ts";
import type { Head } from "../journal.ts";
import { type ChainLink, GENESIS_LINK } from "../record.ts";
import { Database } from "./database.ts";
import { type HeadRow, headOf, isSensible, readHeadRow, walkRecords } from "./records.ts";
import { TABLES_VERSION } from "./tables.ts";

export interface HeadRepair {
  readonly location: string;
  /** The head as it stood; undefined where there was none. `hash` may be of any length. */
  readonly found: Head | undefined;
  /** The head that the records themselves show. */
  readonly wanted: Head;
  /** The epoch of the repaired head: greater than any before, so that no writer goes on unseen. */
  readonly epoch: number;
  readonly isRepaired: boolean;
}

export interface HeadRepairOptions {
  readonly url: string;
  readonly schema: string;
  /** Milliseconds after which a question to the database counts as unanswered. */
  readonly answerMs?: number;
  /** Writes it; else says only what would be written. */
  readonly apply: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

const ANSWER_MS = 30_000;

/**
 * Reads every record, and then sets the head if it must be. Throws `JournalDamaged` where a record
 * is damaged or missing, also where the head names records after the last one that is there; and
 * `StorageFailure` with `JournalHeld` while an operator leads.
 */
export async function repairHead(options: HeadRepairOptions): Promise<HeadRepair> {
  const { url, schema, answerMs = ANSWER_MS, apply, onProgress } = options;
  const database = new Database({ url, schema, answerMs });
  try {
    const row = await readHeadRow(database);
    refuseHeld(database, row);
    const last = await lastOf(database);
    const walk = walkRecords(database, GENESIS_LINK, last);
    let step = await walk.next();
    while (!step.done) {
      onProgress?.(step.value.at(-1)?.sequence ?? 0, last);
      step = await walk.next();
    }
    refuseMissing(database, row, step.value, last);
    const plan = planOf(database, row, step.value);
    if (!apply || isSame(plan)) return plan;
    await write(database, row, step.value, plan.epoch);
    return { ...plan, isRepaired: true };
  } finally {
    await database.close();
  }
}

function isSame({ found, wanted }: HeadRepair): boolean {
  return found?.sequence === wanted.sequence && found.hash === wanted.hash;
}

function planOf(database: Database, row: HeadRow | undefined, end: ChainLink): HeadRepair {
  return {
    location: database.location,
    found: row === undefined ? undefined : headOf(row),
    wanted: headOf(end),
    epoch: Math.max(row?.epoch ?? 0, end.epoch, 0) + 1,
    isRepaired: false,
  };
}

function refuseHeld(database: Database, row: HeadRow | undefined): void {
  if (row?.held !== true) return;
  const what = `Operator ${row.holder} leads, and moves the head`;
  throw new StorageFailure("JournalHeld", database.location, what);
}

async function lastOf(database: Database): Promise<number> {
  const rows = await database.ask(
    "The last record cannot be read",
    (sql) => sql<{ last: number | null }[]>`SELECT max(sequence) AS last FROM {schema}.record`,
  );
  return rows[0]?.last ?? 0;
}

/** Records that are gone may have been acknowledged: no head may hide that. */
function refuseMissing(
  database: Database,
  row: HeadRow | undefined,
  end: ChainLink,
  last: number,
): void {
  const named = row !== undefined && isSensible({ ...row, hash: end.hash }) ? row.sequence : 0;
  const wanted = Math.max(named, last);
  if (end.sequence >= wanted) return;
  throw new JournalDamaged({
    damage: "tailMissing",
    file: database.location,
    sequence: end.sequence + 1,
    expected: `records up to ${wanted}`,
    found: end.sequence === 0 ? "none" : `none after ${end.sequence}`,
  });
}

/** In one statement, and only if neither the head nor the records have moved since. */
async function write(
  database: Database,
  row: HeadRow | undefined,
  end: ChainLink,
  epoch: number,
): Promise<void> {
  const { sequence, hash } = end;
  const { count } = await database.ask("The head cannot be written", (sql) =>
    row === undefined
      ? sql`
        INSERT INTO {schema}.head
          (id, format, epoch, sequence, hash, expires_at, successor_until)
        SELECT 1, ${TABLES_VERSION}::integer, ${epoch}::bigint, ${sequence}::bigint,
          ${hash}::bytea, now(), now()
        WHERE coalesce((SELECT max(sequence) FROM {schema}.record), 0) = ${sequence}
        ON CONFLICT (id) DO NOTHING`
      : sql`
        UPDATE {schema}.head SET epoch = ${epoch}, sequence = ${sequence}, hash = ${hash},
          holder = NULL, url = NULL, successor = NULL, expires_at = now(), successor_until = now()
        WHERE id = 1 AND epoch = ${row.epoch} AND sequence = ${row.sequence} AND hash = ${row.hash}
          AND (holder IS NULL OR expires_at <= now())
          AND coalesce((SELECT max(sequence) FROM {schema}.record), 0) = ${sequence}`,
  );
  if (count === 1) return;
  const what = "The head or the records moved while they were read";
  throw new StorageFailure("JournalHeld", database.location, what);
}
