import { bytesToHex } from "../../base/hex.ts";
import type {
  BackupOptions,
  Head,
  JournalReader,
  JournalRecord,
  RestoredFrom,
  Snapshot,
  VerifyOptions,
  VerifyReport,
} from "../journal.ts";
import { backupStore } from "./backup.ts";
import { journalFile, openBackupForReading, openForReading } from "./connection.ts";
import { headOf, readBackupMark, readHead, readRecords, type Store } from "./records.ts";
import { loadSnapshot } from "./snapshots.ts";
import { checkTail, verifyStore } from "./verify.ts";

/** Opens the journal of the storage directory `directory` for reading, also while a node writes. */
export async function openSqliteReader(directory: string): Promise<JournalReader> {
  const file = journalFile(directory);
  return SqliteReader.over({ connection: openForReading(file), file }, directory);
}

/** Opens the backup `file` for reading: to verify or to export it. */
export async function openSqliteBackup(file: string): Promise<JournalReader> {
  return SqliteReader.over({ connection: openBackupForReading(file), file }, undefined);
}

/**
 * The check of every opening for writing, done without writing: throws what that would throw, but
 * for `StorageInUse`.
 */
export async function checkSqliteTail(directory: string): Promise<void> {
  const file = journalFile(directory);
  const connection = openForReading(file);
  try {
    await checkTail({ connection, file }, directory);
  } finally {
    connection.close();
  }
}

/** The reading half of a SQLite journal; the writing half extends it. */
export class SqliteReader implements JournalReader {
  readonly location: string;
  readonly restoredFrom: RestoredFrom | undefined;
  protected readonly store: Store;
  readonly #directory: string | undefined;
  #head: Head;

  /** Takes `store` over: it is closed with the reader, and at once when it cannot be read. */
  static over(store: Store, directory: string | undefined): SqliteReader {
    try {
      return new SqliteReader(store, directory);
    } catch (error) {
      store.connection.close();
      throw error;
    }
  }

  protected constructor(store: Store, directory: string | undefined) {
    this.store = store;
    this.#directory = directory;
    this.location = store.file;
    this.#head = headOf(readHead(store));
    this.restoredFrom = readBackupMark(store);
  }

  get head(): Head {
    return this.#head;
  }

  protected moveHead(sequence: number, hash: Uint8Array): void {
    this.#head = { sequence, hash: bytesToHex(hash) };
  }

  async refresh(): Promise<Head> {
    const { sequence, hash } = readHead(this.store);
    this.moveHead(sequence, hash);
    return this.#head;
  }

  read(from: number, limit = Number.POSITIVE_INFINITY): AsyncIterable<readonly JournalRecord[]> {
    return readRecords(this.store, from, limit);
  }

  latestSnapshot(atOrBefore?: number): Promise<Snapshot | undefined> {
    return loadSnapshot(this.store, atOrBefore);
  }

  verify(options?: VerifyOptions): Promise<VerifyReport> {
    return verifyStore(this.store, this.#directory, options);
  }

  backup(path: string, options?: BackupOptions): Promise<Head> {
    return backupStore(this.location, path, options);
  }

  async close(): Promise<void> {
    if (this.store.connection.isOpen) this.store.connection.close();
  }
}
