/** Takes the last records out of a journal at rest: the only way in which one ever gets shorter. */
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { bytesToHex } from "../../base/hex.ts";
import { StorageFailure } from "../errors.ts";
import type { Head } from "../journal.ts";
import { ACKNOWLEDGED_FILE, journalFile, NEVER_DELETED, openForWriting } from "./connection.ts";
import { guarded } from "./engineErrors.ts";
import { startHighWaterMark } from "./highWaterMark.ts";
import { lockStorage } from "./lock.ts";
import { headOf, readHead, readLink } from "./records.ts";
import { inTransaction } from "./transactions.ts";

/**
 * Drops the records from `from` on, with the snapshots that hold them, and gives the new head.
 * `head`: the head that the decision was made on. `keep` runs once nobody else can write, and
 * before anything is dropped. Throws `StorageInUse` while an operator runs, and `StorageFailure`:
 * then all of it is as it was.
 */
export async function dropSqliteRecords(
  directory: string,
  { from, head, keep }: { from: number; head: Head; keep: () => Promise<void> },
): Promise<Head> {
  const lock = lockStorage(directory);
  try {
    const file = journalFile(directory);
    const connection = openForWriting(file);
    try {
      const store = { connection, file };
      const found = headOf(readHead(store));
      const link = readLink(store, from - 1);
      if (found.hash !== head.hash || link === undefined) {
        const what = `The journal ends at record ${found.sequence} now`;
        throw new StorageFailure("StorageChanged", file, what);
      }
      await keep();
      guarded(file, "The records cannot be dropped", () => drop(connection, from, link.hash));
      // The mark remembers the dropped records, and would make the next start refuse the journal.
      const path = join(directory, ACKNOWLEDGED_FILE);
      guarded(path, "What is left cannot be noted", () =>
        startHighWaterMark(path, link.sequence, link.hash).close(),
      );
      return { sequence: link.sequence, hash: bytesToHex(link.hash) };
    } finally {
      connection.close();
    }
  } finally {
    lock.release();
  }
}

function drop(connection: DatabaseSync, from: number, hash: Uint8Array): void {
  inTransaction(connection, () => {
    connection.exec("DROP TRIGGER record_is_never_deleted");
    for (const table of ["record", "snapshot", "snapshot_part"]) {
      connection.prepare(`DELETE FROM ${table} WHERE sequence >= ?`).run(from);
    }
    connection.exec(NEVER_DELETED);
    connection
      .prepare("UPDATE head SET epoch = epoch + 1, sequence = ?, hash = ? WHERE id = 1")
      .run(from - 1, hash);
  });
}
