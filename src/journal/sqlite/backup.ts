import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { backup as copyDatabase, type DatabaseSync } from "node:sqlite";
import { StorageFailure } from "../errors.ts";
import type { BackupOptions, Head, RestoredFrom, VerifyOptions } from "../journal.ts";
import {
  ACKNOWLEDGED_FILE,
  journalFile,
  LOCK_FILE,
  OWNER_FILE,
  openBackupForReading,
  openForReading,
  openForWriting,
  syncDirectoryOf,
} from "./connection.ts";
import { storageError } from "./engineErrors.ts";
import { readHighWaterMark } from "./highWaterMark.ts";
import { lockStorage } from "./lock.ts";
import { headOf, readBackupMark, readHead, readLink } from "./records.ts";
import { dropSnapshot, isSnapshotDamage, loadSnapshot, snapshotSequences } from "./snapshots.ts";
import { inTransaction } from "./transactions.ts";
import { verifyStore } from "./verify.ts";

/** Pages (4 KiB) copied between two polls of the event loop; the copying itself is on a thread. */
const PAGES_PER_STEP = 256;

/**
 * Copies the journal `file` to the new file `path` while it is written to, and leaves a mark in the
 * copy, so that a journal that begins with it can say so. Returns the copy's head. The copy is of
 * the moment at which it began, and gets its name only once it is durable and verified.
 * Throws `StorageFailure`, or `JournalDamaged` where the records are damaged.
 */
export async function backupStore(
  file: string,
  path: string,
  options: BackupOptions = {},
): Promise<Head> {
  refuseExisting(path, "The backup's file is there already");
  const partial = `${path}.partial`;
  const source = openForReading(file);
  try {
    dropLeftovers(partial);
    // An open view of the source keeps the copy consistent: without it, each append by the writer
    // would make the copying start over.
    source.exec("BEGIN; SELECT sequence FROM head;");
    await copyDatabase(source, partial, { rate: PAGES_PER_STEP });
    await dropDamagedSnapshots(partial, options);
    const mark = markCopy(partial, Date.now(), undefined);
    // A connection that may write takes its log away with it when it is closed.
    await verifyFile(partial, options, openForWriting);
    publish(partial, path);
    return mark.head;
  } catch (error) {
    dropLeftovers(partial);
    throw storageError(error, path, "The backup cannot be written");
  } finally {
    source.close();
  }
}

async function dropDamagedSnapshots(
  path: string,
  { onDamagedSnapshot }: BackupOptions,
): Promise<void> {
  const connection = openForWriting(path);
  const store = { connection, file: path };
  try {
    for (const sequence of snapshotSequences(store)) {
      try {
        await loadSnapshot(store, sequence);
      } catch (error) {
        if (!isSnapshotDamage(error)) throw error;
        dropSnapshot(store, sequence);
        onDamagedSnapshot?.(error);
      }
    }
  } finally {
    connection.close();
  }
}

/** Leaves the mark that this database is a copy of what it holds now. */
function markCopy(path: string, backedUpAt: number, lostUpTo: number | undefined): RestoredFrom {
  const connection = openForWriting(path);
  try {
    const row = readHead({ connection, file: path });
    inTransaction(connection, () => {
      connection
        .prepare(
          "INSERT INTO backup_mark (sequence, hash, backed_up_at, lost_up_to) VALUES (?, ?, ?, ?)",
        )
        .run(row.sequence, row.hash, backedUpAt, lostUpTo ?? null);
    });
    return { head: headOf(row), backedUpAt, lostUpTo };
  } finally {
    // The last connection to close folds the log into the file.
    connection.close();
  }
}

/** Gives the finished file its name, both durable. */
function publish(partial: string, path: string): void {
  syncFile(partial);
  renameSync(partial, path);
  syncDirectoryOf(path);
}

function syncFile(path: string): void {
  const descriptor = openSync(path, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function refuseExisting(path: string, what: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  throw new StorageFailure("StorageNotEmpty", path, what);
}

/**
 * Puts the backup `path` into the storage directory `directory`, which must hold no journal and
 * nothing that is not ours, after verifying all of it. Where the directory still remembers what its
 * lost journal acknowledged, the result says in `lostUpTo` which records are lost; the next opening
 * says it again.
 * Throws `StorageInUse`, `StorageFailure` or `JournalDamaged`.
 */
export async function restoreBackup(
  path: string,
  directory: string,
  options: VerifyOptions = {},
): Promise<RestoredFrom> {
  const lock = lockStorage(directory);
  try {
    const file = journalFile(directory);
    refuseExisting(file, "There is a journal already");
    refuseExisting(`${file}-wal`, "There is the log of another journal");
    refuseForeignFiles(directory);
    refuseUnfinished(path);
    const backedUp = await verifyFile(path, options);

    const partial = `${file}.partial`;
    dropLeftovers(partial);
    await copyFile(path, partial);
    const acknowledged = join(directory, ACKNOWLEDGED_FILE);
    const lostUpTo = lostRecords(partial, acknowledged);
    const mark = markCopy(partial, backedUp?.backedUpAt ?? Date.now(), lostUpTo);
    publish(partial, file);
    return mark;
  } catch (error) {
    throw storageError(error, directory, "The backup cannot be restored");
  } finally {
    lock.release();
  }
}

/** Verifies all of the backup; returns its mark. */
async function verifyFile(
  file: string,
  options: VerifyOptions,
  open: (file: string) => DatabaseSync = openBackupForReading,
): Promise<RestoredFrom | undefined> {
  const connection = open(file);
  try {
    await verifyStore({ connection, file }, undefined, options);
    return readBackupMark({ connection, file });
  } finally {
    connection.close();
  }
}

/**
 * The last record that was acknowledged and that the copy `file` lacks; undefined if none is known.
 */
function lostRecords(file: string, acknowledged: string): number | undefined {
  const highWaterMark = readHighWaterMark(acknowledged);
  if (highWaterMark === undefined) return undefined;
  const connection = openForReading(file);
  try {
    const store = { connection, file };
    if (highWaterMark.sequence > readHead(store).sequence) return highWaterMark.sequence;
    const link = readLink(store, highWaterMark.sequence);
    if (link !== undefined && headOf(link).hash === highWaterMark.hash) return undefined;
    throw new StorageFailure("StorageNotEmpty", acknowledged, "It remembers another journal");
  } finally {
    connection.close();
  }
}

/** The files that a moved-aside journal leaves behind may stay; any other file is not ours. */
function refuseForeignFiles(directory: string): void {
  const journal = basename(journalFile(directory));
  const ours = [LOCK_FILE, OWNER_FILE, ACKNOWLEDGED_FILE, `${journal}.partial`, `${journal}-shm`];
  const isOurs = (name: string) => ours.some((one) => name === one || name.startsWith(`${one}-`));
  const foreign = readdirSync(directory).find((name) => !isOurs(name));
  if (foreign === undefined) return;
  const path = join(directory, foreign);
  throw new StorageFailure("StorageNotEmpty", path, "The folder is not empty");
}

function refuseUnfinished(path: string): void {
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (log === undefined || log.size === 0) return;
  throw new StorageFailure("NotABackup", path, "This is a journal at work, with a log beside it");
}

/** The files that an earlier, interrupted attempt left behind. */
function dropLeftovers(partial: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(partial + suffix, { force: true });
}
