import { join } from "node:path";
import type { StatementSync } from "node:sqlite";
import { assert } from "../../base/errors.ts";
import type { Hex } from "../../base/hex.ts";
import { FencedOff } from "../errors.ts";
import { GroupCommit } from "../groupCommit.ts";
import { type Appended, BINARY_FORMAT, type Head, type Journal } from "../journal.ts";
import { type ChainLink, sealRecord } from "../record.ts";
import { ACKNOWLEDGED_FILE, journalFile, openForWriting, type WriteOptions } from "./connection.ts";
import { guarded } from "./engineErrors.ts";
import { type HighWaterMark, startHighWaterMark } from "./highWaterMark.ts";
import { lockStorage, type StorageLock } from "./lock.ts";
import { SqliteReader } from "./reader.ts";
import { readHead, type Store } from "./records.ts";
import { saveSnapshot } from "./snapshots.ts";
import { inTransaction, waitByTheClock } from "./transactions.ts";
import { checkTail } from "./verify.ts";

/**
 * Opens the journal of the storage directory `directory` for writing, creating both when they are
 * not there: takes the lock, checks the records since the newest snapshot, raises the epoch.
 * Throws `StorageInUse`, `StorageFailure` or `JournalDamaged`.
 */
export async function openSqliteJournal(
  directory: string,
  options: WriteOptions = {},
): Promise<Journal> {
  const lock = lockStorage(directory);
  try {
    const file = journalFile(directory);
    const connection = openForWriting(file, options);
    try {
      const store = { connection, file };
      settleLog(store);
      const found = await checkTail(store, directory);
      const start = raiseEpoch(store, found);
      waitByTheClock(connection);
      const path = join(directory, ACKNOWLEDGED_FILE);
      const highWaterMark = guarded(path, "What is acknowledged cannot be noted", () =>
        startHighWaterMark(path, start.sequence, start.hash),
      );
      return new SqliteJournal(store, directory, { lock, highWaterMark, start });
    } catch (error) {
      connection.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Moves the frames that an earlier process left in the write-ahead log into the main file. After a
 * flush that failed, the log may look whole in the kernel's cache and yet not be on the disk, and
 * nothing would ever write it again: this does, and fails when the disk still refuses.
 */
function settleLog({ connection, file }: Store): void {
  guarded(file, "The log of the last run cannot be settled", () =>
    connection.exec("PRAGMA wal_checkpoint(TRUNCATE)"),
  );
}

/** From here on, every older writer is fenced off. */
function raiseEpoch(store: Store, found: ChainLink): ChainLink {
  const epoch = found.epoch + 1;
  const { changes } = guarded(store.file, "The epoch cannot be raised", () =>
    inTransaction(store.connection, () =>
      store.connection
        .prepare("UPDATE head SET epoch = ? WHERE id = 1 AND epoch = ? AND sequence = ?")
        .run(epoch, found.epoch, found.sequence),
    ),
  );
  if (changes !== 1) throw new FencedOff(store.file, found, readHead(store));
  return { ...found, epoch };
}

interface Holding {
  readonly lock: StorageLock;
  readonly highWaterMark: HighWaterMark;
  /** The head with our epoch. */
  readonly start: ChainLink;
}

class SqliteJournal extends SqliteReader implements Journal {
  readonly epoch: number;
  readonly format = BINARY_FORMAT;
  readonly #lock: StorageLock;
  readonly #highWaterMark: HighWaterMark;
  readonly #commits: GroupCommit;
  readonly #moveHeadRow: StatementSync;
  readonly #insert: StatementSync;
  #last: ChainLink;
  #saving = false;
  #closing: Promise<void> | undefined;

  constructor(store: Store, directory: string, { lock, highWaterMark, start }: Holding) {
    super(store, directory);
    this.epoch = start.epoch;
    this.#lock = lock;
    this.#highWaterMark = highWaterMark;
    this.#last = start;
    this.#commits = new GroupCommit((records) => this.#commit(records));
    this.#moveHeadRow = store.connection.prepare(
      "UPDATE head SET sequence = ?, hash = ? WHERE id = 1 AND epoch = ? AND sequence = ?",
    );
    this.#insert = store.connection.prepare(
      `INSERT INTO record (sequence, epoch, version, payload, checksum, hash)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
  }

  append(records: readonly Uint8Array[]): Promise<Appended> {
    return this.#commits.append(records);
  }

  /** Makes `records` durable in one transaction, and only if nobody else has written meanwhile. */
  #commit(payloads: readonly Uint8Array[]): number {
    const { sequence, hash } = this.#last;
    let previous = hash;
    const records = payloads.map((payload, index) => {
      const record = sealRecord(previous, sequence + 1 + index, this.epoch, payload);
      previous = record.hash;
      return record;
    });
    const last: ChainLink = records.at(-1) ?? this.#last;

    guarded(this.location, "The append failed", () => {
      inTransaction(this.store.connection, () => {
        const moved = this.#moveHeadRow.run(last.sequence, last.hash, this.epoch, sequence);
        if (moved.changes !== 1) throw this.#fencedOff();
        for (const record of records) {
          this.#insert.run(
            record.sequence,
            record.epoch,
            record.version,
            record.payload,
            record.checksum,
            record.hash,
          );
        }
      });
      this.#highWaterMark.note(last.sequence, last.hash);
    });

    this.#last = last;
    this.moveHead(last.sequence, last.hash);
    return sequence + 1;
  }

  #fencedOff(): FencedOff {
    const own = { epoch: this.epoch, sequence: this.#last.sequence };
    return new FencedOff(this.location, own, readHead(this.store));
  }

  /** Also finds out whether this journal has been fenced off. */
  override async refresh(): Promise<Head> {
    this.#commits.throwIfStopped();
    const { epoch, sequence } = readHead(this.store);
    if (epoch !== this.epoch || sequence !== this.#last.sequence) {
      const error = this.#fencedOff();
      this.#commits.stop(error);
      throw error;
    }
    return this.head;
  }

  async saveSnapshot(sequence: number, bytes: Uint8Array, stateHash: Hex): Promise<void> {
    const throwIfStopped = () => this.#commits.throwIfStopped();
    throwIfStopped();
    assert(!this.#saving, "a snapshot is being saved while another one is.");
    this.#saving = true;
    try {
      const store = { ...this.store, epoch: this.epoch, throwIfStopped };
      await saveSnapshot(store, sequence, bytes, stateHash);
    } catch (error) {
      this.#commits.stop(error);
      throw error;
    } finally {
      this.#saving = false;
    }
  }

  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.close();
    try {
      this.#highWaterMark.close();
    } finally {
      await super.close();
      this.#lock.release();
    }
  }
}
