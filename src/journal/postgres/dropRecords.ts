/** Takes the last records out of a shared journal that nobody uses. */
import { hexToBytes } from "../../base/hex.ts";
import { StorageFailure } from "../errors.ts";
import type { Head } from "../journal.ts";
import { Database } from "./database.ts";
import { headOf, readHead, readLink } from "./records.ts";

/** Milliseconds that a question may take: many rows may go. */
const ANSWER_MS = 60_000;
/** Seconds after which an operator that said nothing counts as stopped. */
const SILENT_SECONDS = 30;

/**
 * As `dropSqliteRecords`. Throws `StorageFailure`: `OperatorsRun` while an operator holds the lease
 * or was heard of lately, `StorageChanged` where the journal is not as it was seen.
 */
export async function dropPostgresRecords(
  url: string,
  schema: string,
  { from, head, keep }: { from: number; head: Head; keep: () => Promise<void> },
): Promise<Head> {
  const database = new Database({ url, schema, answerMs: ANSWER_MS });
  try {
    await refuseOperators(database);
    const row = await readHead(database);
    const link = await readLink(database, from - 1);
    const changed = new StorageFailure(
      "StorageChanged",
      database.location,
      `The journal ends at record ${row.sequence} now`,
    );
    if (headOf(row).hash !== head.hash || link === undefined) throw changed;
    await keep();
    const rows = await database.ask(
      "The records cannot be dropped",
      (sql) => sql<{ moved: number }[]>`
        WITH moved AS (
          UPDATE {schema}.head SET epoch = epoch + 1, sequence = ${link.sequence},
            hash = ${Buffer.from(link.hash)}, holder = NULL, url = NULL, expires_at = now(),
            successor = NULL
          WHERE id = 1 AND epoch = ${row.epoch} AND sequence = ${row.sequence}
            AND hash = ${Buffer.from(hexToBytes(head.hash))}
            AND (holder IS NULL OR expires_at <= now())
          RETURNING id
        ), parts AS (
          DELETE FROM {schema}.snapshot_part
          WHERE sequence >= ${from} AND EXISTS (SELECT 1 FROM moved)
        ), snapshots AS (
          DELETE FROM {schema}.snapshot WHERE sequence >= ${from} AND EXISTS (SELECT 1 FROM moved)
        ), records AS (
          DELETE FROM {schema}.record WHERE sequence >= ${from} AND EXISTS (SELECT 1 FROM moved)
        )
        SELECT count(*)::integer AS moved FROM moved`,
    );
    if (rows[0]?.moved !== 1) throw changed;
    return headOf(link);
  } finally {
    await database.close();
  }
}

async function refuseOperators(database: Database): Promise<void> {
  const { held, holder } = await readHead(database);
  const rows = await database.ask(
    "The operators cannot be read",
    (sql) => sql<{ address: string }[]>`
      SELECT address FROM {schema}.operator
      WHERE seen_at > now() - ${SILENT_SECONDS} * interval '1 second' ORDER BY address`,
  );
  const live = [...(held && holder !== null ? [holder] : []), ...rows.map((row) => row.address)];
  if (live.length === 0) return;
  const what = `Operators use the journal: ${[...new Set(live)].join(", ")}`;
  throw new StorageFailure("OperatorsRun", database.location, what);
}
