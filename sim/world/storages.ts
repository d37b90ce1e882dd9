/** Where the operators of a world keep their journal: one on a disk of its own, several share. */

import { hexToBytes } from "../../src/base/hex.ts";
import { stateHash } from "../../src/exchange/snapshots/stateHash.ts";
import type { JournalReader } from "../../src/journal/journal.ts";
import { snapshotChecksum } from "../../src/journal/snapshotSeal.ts";
import { replay } from "../../src/operator/replay/replay.ts";
import { encodeSaved } from "../../src/operator/replay/savedState.ts";
import type { StorageParts } from "../../src/operator/sequencing/openStorage.ts";
import type { Clock, Process } from "../host/clock.ts";
import { type Appending, type DatabaseLink, SharedDatabase } from "../host/database.ts";
import { SimulatedLink, type StatementFate } from "../host/databaseLink.ts";
import { Disk, type FlushFate } from "../host/disk.ts";
import { openSimulatedJournal } from "../host/sharedJournal.ts";

/** Records that are durable, and who wrote them. */
export type OnDurable = (appending: Pick<Appending, "records"> & Partial<Appending>) => void;

export interface WorldStorage {
  /** How a process opens its journal. */
  parts(process: Process): StorageParts;
  /** Nothing is under way, and every process knows of all that is there. */
  readonly isIdle: boolean;
  /** Records that are durable. */
  readonly length: number;
  /** A process has ended. */
  processEnded(): void;
  /** As if an operator had saved the state after record `sequence`. */
  saveSnapshot(sequence: number): void;
}

/** Of one operator. */
export class OwnStorage implements WorldStorage {
  readonly #clock: Clock;
  readonly #disk: Disk;

  constructor(clock: Clock, fate: () => FlushFate, onDurable: OnDurable) {
    this.#clock = clock;
    this.#disk = new Disk(clock, fate, (records) => onDurable({ records }));
  }

  parts(): StorageParts {
    return { openJournal: async () => this.#disk.open() };
  }

  get isIdle(): boolean {
    return this.#disk.isIdle;
  }

  get length(): number {
    return this.#disk.records.length;
  }

  processEnded(): void {
    this.#disk.crash();
  }

  saveSnapshot(sequence: number): void {
    const reader = new Disk(this.#clock, this.#disk.fate, () => {});
    reader.records.push(...this.#disk.records.slice(0, sequence));
    void snapshotOf(reader.open()).then((snapshot) => {
      this.#disk.snapshot = { sequence, ...snapshot };
    });
  }
}

export interface SharedStorageOptions {
  readonly clock: Clock;
  readonly leaseMs: number;
  /** The fate of each statement. */
  readonly fate: (process: Process) => StatementFate;
  /** Milliseconds by which the database's clock is wrong. */
  readonly clockOffset: () => number;
  readonly onDurable: OnDurable;
  readonly onAcquired: (operator: string, epoch: number) => void;
}

/** Of several. */
export class SharedStorage implements WorldStorage {
  readonly isIdle = true;
  readonly #options: SharedStorageOptions;
  readonly #database: SharedDatabase;

  constructor(options: SharedStorageOptions) {
    const { clock, clockOffset, onDurable, onAcquired } = options;
    this.#options = options;
    const now = () => clock.now + clockOffset();
    this.#database = new SharedDatabase({ now, onDurable, onAcquired });
  }

  parts(process: Process): StorageParts {
    const { clock, leaseMs, fate } = this.#options;
    const link = new SimulatedLink(clock, process, () => fate(process));
    return {
      openShared: ({ operator, operatorUrl }) =>
        openSimulatedJournal({ database: this.#database, link, operator, operatorUrl, leaseMs }),
    };
  }

  get length(): number {
    return this.#database.records.length;
  }

  processEnded(): void {}

  saveSnapshot(sequence: number): void {
    const record = this.#database.link(sequence);
    if (record === undefined) return;
    const copy = new SharedDatabase({ now: () => 0 });
    copy.records.push(...this.#database.records.slice(0, sequence));
    copy.head = { ...copy.head, sequence, hash: record.hash, epoch: record.epoch };
    const options = { database: copy, link: DIRECT, operator: "", operatorUrl: "", leaseMs: 0 };
    void openSimulatedJournal(options)
      .then(snapshotOf)
      .then(async ({ bytes, stateHash: hash }) => {
        const sealed = { sequence, record_hash: record.hash, state_hash: hexToBytes(hash) };
        const checksum = await snapshotChecksum(sealed, bytes);
        const row = { ...sealed, bytes: bytes.length, checksum };
        this.#database.saveSnapshot(this.#database.head.epoch, { row, bytes });
      });
  }
}

const DIRECT: DatabaseLink = {
  location: "simulated database",
  ask: async (_what, _kind, statement) => statement(),
};

async function snapshotOf(journal: JournalReader) {
  const { state, history } = await replay(journal, () => {});
  return { bytes: encodeSaved(state, history), stateHash: stateHash(state) };
}
