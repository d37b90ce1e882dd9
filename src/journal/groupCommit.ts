import { assert } from "../base/errors.ts";
import { AppendTooLarge, JournalStopped } from "./errors.ts";
import {
  type Appended,
  MAX_COMMIT_BYTES,
  MAX_COMMIT_RECORDS,
  MAX_WAITING_BYTES,
  MAX_WAITING_RECORDS,
} from "./journal.ts";

/** Makes `records` durable, all or none, and returns the sequence of the first. */
export type Commit = (records: readonly Uint8Array[]) => number | Promise<number>;

interface Waiting {
  readonly records: readonly Uint8Array[];
  readonly bytes: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Merges appends that wait at the same time into one flush and keeps their order. The first flush
 * that fails ends it: see `Journal.append`.
 */
export class GroupCommit {
  readonly #commit: Commit;
  #queue: Waiting[] = [];
  #waitingRecords = 0;
  #waitingBytes = 0;
  #flushing: Promise<void> | undefined;
  #stopped: JournalStopped | undefined;

  constructor(commit: Commit) {
    this.#commit = commit;
  }

  append(records: readonly Uint8Array[]): Promise<Appended> {
    return new Promise((resolve, reject) => {
      this.throwIfStopped();
      assert(records.length > 0, "an append without records.");
      const bytes = records.reduce((sum, record) => sum + record.length, 0);
      refuseTooLarge(records.length, bytes);
      refuseTooMany(this.#waitingRecords + records.length, this.#waitingBytes + bytes);

      this.#queue.push({ records, bytes, resolve, reject });
      this.#waitingRecords += records.length;
      this.#waitingBytes += bytes;
      this.#flushing ??= this.#flush();
    });
  }

  throwIfStopped(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** Refuses everything from now on; every waiting append is rejected with `error`. */
  stop(error: unknown): void {
    this.#stopped ??= new JournalStopped(error);
    const queue = this.#queue;
    this.#queue = [];
    this.#waitingRecords = 0;
    this.#waitingBytes = 0;
    for (const waiting of queue) waiting.reject(error);
  }

  /** Refuses new appends and resolves when those that wait are settled. */
  async close(): Promise<void> {
    this.#stopped ??= new JournalStopped();
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    while (this.#queue.length > 0) {
      // One tick of the event loop: callers that are ready join, and others get their say between.
      await new Promise((resolve) => setImmediate(resolve));
      const group = this.#takeGroup();
      if (group.length === 0) break;
      try {
        let first = await this.#commit(group.flatMap((waiting) => waiting.records));
        for (const { records, resolve } of group) {
          resolve({ first, last: first + records.length - 1 });
          first += records.length;
        }
      } catch (error) {
        for (const waiting of group) waiting.reject(error);
        this.stop(error);
      }
    }
    this.#flushing = undefined;
  }

  /** The longest head of the queue within the limits of one flush. */
  #takeGroup(): Waiting[] {
    let count = 0;
    let records = 0;
    let bytes = 0;
    for (const waiting of this.#queue) {
      records += waiting.records.length;
      bytes += waiting.bytes;
      if (records > MAX_COMMIT_RECORDS || bytes > MAX_COMMIT_BYTES) break;
      this.#waitingRecords -= waiting.records.length;
      this.#waitingBytes -= waiting.bytes;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }
}

function refuseTooLarge(records: number, bytes: number): void {
  const split = "Split it into several appends or smaller records.";
  if (records > MAX_COMMIT_RECORDS) {
    throw new AppendTooLarge("Records in one append", records, MAX_COMMIT_RECORDS, split);
  }
  if (bytes > MAX_COMMIT_BYTES) {
    throw new AppendTooLarge("Payload bytes in one append", bytes, MAX_COMMIT_BYTES, split);
  }
}

function refuseTooMany(records: number, bytes: number): void {
  const wait = "Wait for earlier appends to settle, then retry.";
  if (records > MAX_WAITING_RECORDS) {
    throw new AppendTooLarge("Records waiting to be written", records, MAX_WAITING_RECORDS, wait);
  }
  if (bytes > MAX_WAITING_BYTES) {
    throw new AppendTooLarge("Payload bytes waiting", bytes, MAX_WAITING_BYTES, wait);
  }
}
