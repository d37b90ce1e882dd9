/**
 * The journal's promises (src/journal/journal.ts) over a disk that delays, fails and loses power.
 * Grouping, sealing and the walk along the hashes are the node's own code; only what SQLite does
 * with a batch is played: whole or not at all, and durable when its flush is over.
 */
import { assert } from "../../src/base/errors.ts";
import type { Hex } from "../../src/base/hex.ts";
import { StorageFailure, type StorageFailureCode } from "../../src/journal/errors.ts";
import { GroupCommit } from "../../src/journal/groupCommit.ts";
import {
  type Appended,
  BINARY_FORMAT,
  type Head,
  type Journal,
  type JournalRecord,
  READ_BATCH_RECORDS,
  type Snapshot,
  type VerifyReport,
} from "../../src/journal/journal.ts";
import {
  ChainWalk,
  EMPTY_HEAD,
  GENESIS_LINK,
  type SealedRecord,
  sealRecord,
} from "../../src/journal/record.ts";
import type { Clock } from "./clock.ts";

/** The fate of one flush to the disk. */
export interface FlushFate {
  readonly ms: number;
  /** The flush fails: the process hears of it after `ms`. */
  readonly failure?: StorageFailureCode;
  /** Whether the records are on the disk although the flush failed, or the power did. */
  readonly survives: boolean;
}

const LOCATION = "simulated disk";

/** The data that outlive the process. */
export class Disk {
  readonly records: SealedRecord[] = [];
  snapshot: Snapshot | undefined;
  epoch = 0;
  readonly clock: Clock;
  readonly fate: () => FlushFate;
  /** Called with records once they are durable, in order. */
  readonly onDurable: (records: readonly SealedRecord[]) => void;
  #flushing: { readonly records: readonly Uint8Array[]; readonly survives: boolean } | undefined;
  /** Records are there although the process got an error: it knows of them when it opens again. */
  #isAhead = false;

  constructor(
    clock: Clock,
    fate: () => FlushFate,
    onDurable: (records: readonly SealedRecord[]) => void,
  ) {
    this.clock = clock;
    this.fate = fate;
    this.onDurable = onDurable;
  }

  /** Nothing is under way, and the process knows of all that is there. */
  get isIdle(): boolean {
    return this.#flushing === undefined && !this.#isAhead;
  }

  open(): Journal {
    this.#isAhead = false;
    this.epoch += 1;
    return new SimulatedJournal(this);
  }

  /** The process is gone: what was being flushed is there, or is not. */
  crash(): void {
    const flushing = this.#flushing;
    this.#flushing = undefined;
    if (flushing?.survives) this.#write(flushing.records);
  }

  /** Resolves with the sequence of the first record. */
  flush(records: readonly Uint8Array[]): Promise<number> {
    const { ms, failure, survives } = this.fate();
    const first = this.records.length + 1;
    this.#flushing = { records, survives };
    return new Promise((resolve, reject) => {
      this.clock.ofProcess(ms, () => {
        this.#flushing = undefined;
        if (failure === undefined || survives) this.#write(records);
        this.#isAhead = failure !== undefined && survives;
        if (failure === undefined) resolve(first);
        else reject(new StorageFailure(failure, LOCATION, "Records cannot be appended"));
      });
    });
  }

  #write(payloads: readonly Uint8Array[]): void {
    const before = this.records.length;
    for (const payload of payloads) {
      const last = this.records.at(-1) ?? GENESIS_LINK;
      this.records.push(sealRecord(last.hash, last.sequence + 1, this.epoch, payload));
    }
    this.onDurable(this.records.slice(before));
  }
}

class SimulatedJournal implements Journal {
  readonly location = LOCATION;
  readonly restoredFrom = undefined;
  readonly epoch: number;
  readonly format = BINARY_FORMAT;
  readonly #disk: Disk;
  readonly #commits: GroupCommit;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.epoch = disk.epoch;
    this.#commits = new GroupCommit((records) => disk.flush(records));
  }

  get head(): Head {
    const last = this.#disk.records.at(-1);
    if (last === undefined) return EMPTY_HEAD;
    return { sequence: last.sequence, hash: `0x${last.hash.toString("hex")}` };
  }

  async refresh(): Promise<Head> {
    return this.head;
  }

  append(records: readonly Uint8Array[]): Promise<Appended> {
    return this.#commits.append(records);
  }

  async *read(from: number, limit?: number): AsyncGenerator<readonly JournalRecord[]> {
    const stored = this.#disk.records.slice(from - 1, limit && from - 1 + limit);
    const walk = new ChainWalk(LOCATION, this.#disk.records[from - 2] ?? GENESIS_LINK);
    for (let at = 0; at < stored.length; at += READ_BATCH_RECORDS) {
      yield stored.slice(at, at + READ_BATCH_RECORDS).map((record) => walk.accept(record));
    }
  }

  async latestSnapshot(atOrBefore = Number.MAX_SAFE_INTEGER): Promise<Snapshot | undefined> {
    const { snapshot } = this.#disk;
    return snapshot !== undefined && snapshot.sequence <= atOrBefore ? snapshot : undefined;
  }

  async saveSnapshot(sequence: number, bytes: Uint8Array, stateHash: Hex): Promise<void> {
    assert(sequence <= this.#disk.records.length, "a snapshot of records that are not there.");
    this.#disk.snapshot = { sequence, bytes, stateHash };
  }

  async verify(): Promise<VerifyReport> {
    let bytes = 0;
    for await (const records of this.read(1)) {
      for (const { payload } of records) bytes += payload.length;
    }
    const { snapshot } = this.#disk;
    const snapshots = snapshot === undefined ? [] : [snapshot.sequence];
    return { head: this.head, epoch: this.epoch, bytes, snapshots };
  }

  /** There are no files to copy it to. */
  async backup(path: string): Promise<Head> {
    throw new StorageFailure("StorageMissing", path, "The simulated disk has no files");
  }

  close(): Promise<void> {
    return this.#commits.close();
  }
}
