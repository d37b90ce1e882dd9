import { StorageFailure } from "../errors.ts";
import type {
  Head,
  JournalReader,
  JournalRecord,
  Snapshot,
  VerifyOptions,
  VerifyReport,
} from "../journal.ts";
import { GENESIS_LINK } from "../record.ts";
import type { Database } from "./database.ts";
import {
  type HeadRow,
  headOf,
  readHead,
  readRecords,
  refuseBeyond,
  requireEnd,
  walkRecords,
} from "./records.ts";
import { loadSnapshot, snapshotSequences } from "./snapshots.ts";

/** The reading half of a shared journal. */
export class PostgresReader implements JournalReader {
  readonly location: string;
  /** A database that was set back gives no sign of it; a reader that followed it notices. */
  readonly restoredFrom = undefined;
  protected readonly database: Database;
  #head: Head;

  constructor(database: Database, head: Head) {
    this.database = database;
    this.location = database.location;
    this.#head = head;
  }

  get head(): Head {
    return this.#head;
  }

  protected moveHead(head: Head): void {
    this.#head = head;
  }

  /**
   * As `readHead`. A head that went back, or names another record than before, is read again on a
   * connection that is opened then: an operator will end because of it.
   */
  protected async readOwnHead(): Promise<HeadRow> {
    const row = await readHead(this.database);
    const { sequence, hash } = headOf(row);
    const wentBack = sequence < this.#head.sequence;
    if (!wentBack && (sequence > this.#head.sequence || hash === this.#head.hash)) return row;
    this.database.renew();
    return readHead(this.database);
  }

  async refresh(): Promise<Head> {
    const row = await this.readOwnHead();
    this.#head = headOf(row);
    return this.#head;
  }

  read(from: number, limit = Number.POSITIVE_INFINITY): AsyncIterable<readonly JournalRecord[]> {
    return readRecords(this.database, from, limit);
  }

  latestSnapshot(atOrBefore?: number): Promise<Snapshot | undefined> {
    return loadSnapshot(this.database, atOrBefore);
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    await refuseBeyond(this.database);
    const row = await readHead(this.database);
    const head = headOf(row);
    let bytes = 0;
    const walk = walkRecords(this.database, GENESIS_LINK, row.sequence);
    let step = await walk.next();
    while (!step.done) {
      for (const record of step.value) bytes += record.payload.length;
      options.onProgress?.(step.value.at(-1)?.sequence ?? 0, row.sequence);
      step = await walk.next();
    }
    await requireEnd(this.database, step.value, row);
    const snapshots = options.snapshots === false ? [] : await this.#checkSnapshots();
    return { head, epoch: row.epoch, bytes, snapshots };
  }

  async #checkSnapshots(): Promise<number[]> {
    const found: number[] = [];
    for (const sequence of await snapshotSequences(this.database)) {
      // A writer may have dropped it since, then another one is answered.
      const snapshot = await loadSnapshot(this.database, sequence);
      if (snapshot?.sequence === sequence) found.push(sequence);
    }
    return found;
  }

  backup(): Promise<Head> {
    const what = "A shared journal makes no backup of itself";
    return Promise.reject(new StorageFailure("BackupElsewhere", this.location, what));
  }

  async close(): Promise<void> {
    await this.database.close();
  }
}
