/**
 * Has snapshots made while the operator works: a thread replays the journal, encodes what it leads
 * to, and writes that into the journal in small parts between appends. A snapshot only saves
 * time at the next start: when one cannot be made, the operator says so and goes on.
 */
import { Worker } from "node:worker_threads";
import type { Log } from "../../base/log.ts";
import type { Journal } from "../../journal/journal.ts";
import type { FromWorker, JournalSource, SavedSnapshot, SnapshotWork } from "./snapshotMessages.ts";

export interface SnapshotterOptions {
  readonly journal: Journal;
  /** The same journal, for the thread's own reader. */
  readonly source: JournalSource;
  /** Sequence of the snapshot that the operator began from; 0: none. */
  readonly last: number;
  /** Sequence of the newest that there is, where others make them too. */
  readonly newest?: (() => Promise<number>) | undefined;
  readonly log: Log;
  /** Records after which a snapshot is due. */
  readonly everyRecords?: number;
}

/** Records between two snapshots: bounds what a start has to replay. */
export const SNAPSHOT_RECORDS = 20_000;
/** The thread's module, as it is written or as it is built. */
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "./snapshotWorker.ts" : "./snapshotWorker.js",
  import.meta.url,
);
/** After a snapshot the thread pauses this many times as long as it worked. */
const REST_FACTOR = 3;

export class Snapshotter {
  readonly #options: SnapshotterOptions;
  readonly #everyRecords: number;
  #last: number;
  /** In milliseconds of `performance.now()`. */
  #restUntil = 0;
  #worker: Worker | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: SnapshotterOptions) {
    this.#options = options;
    this.#everyRecords = options.everyRecords ?? SNAPSHOT_RECORDS;
    this.#last = options.last;
  }

  /** Begins a snapshot if one is due and none is under way. Returns at once. */
  offer(): void {
    const { sequence } = this.#options.journal.head;
    const isDue = sequence - this.#last >= this.#everyRecords;
    if (this.#stopped || this.#running !== undefined || !isDue) return;
    if (performance.now() < this.#restUntil) return;
    this.#running = this.#snapshot().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Gives up the snapshot under way: the next start is as it would have been without it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#worker?.terminate();
    await this.#running;
  }

  async #snapshot(): Promise<void> {
    const { journal, log } = this.#options;
    const began = performance.now();
    try {
      if ((await this.#isMadeByOthers()) || this.#stopped) return;
      const saved = await this.#save();
      if (saved === undefined) return;
      const tookMs = Math.round(performance.now() - began);
      log.info("snapshotSaved", { ...saved, tookMs });
    } catch (error) {
      this.#last = journal.head.sequence;
      if (!this.#stopped) log.error("snapshotFailed", { problem: error, hint: FAILURE_HINT });
    } finally {
      const now = performance.now();
      this.#restUntil = now + REST_FACTOR * (now - began);
    }
  }

  /** The operator that led meanwhile has made the snapshots due since this one last made one. */
  async #isMadeByOthers(): Promise<boolean> {
    const newest = (await this.#options.newest?.()) ?? 0;
    if (newest <= this.#last) return false;
    this.#last = newest;
    return this.#options.journal.head.sequence - newest < this.#everyRecords;
  }

  /** Undefined when it was stopped meanwhile. */
  #save(): Promise<SavedSnapshot | undefined> {
    const { source, log, journal } = this.#options;
    const work: SnapshotWork = { source, epoch: journal.epoch };
    return new Promise((resolve, reject) => {
      const worker = new Worker(WORKER, {
        workerData: work,
        name: "snapshot",
      });
      this.#worker = worker;
      worker.on("message", (message: FromWorker) => {
        if (message.kind === "saved") {
          const { sequence, bytes } = message;
          resolve({ sequence, bytes });
          return;
        }
        // Counted from here on, saved or not: a failure is not repeated with every batch.
        if (message.kind === "made") this.#last = message.sequence;
        else log.error("snapshotUnusable", { ...message, hint: FAILURE_HINT });
      });
      worker.on("error", reject);
      worker.on("exit", () => {
        this.#worker = undefined;
        resolve(undefined);
      });
    });
  }
}

const FAILURE_HINT =
  "nothing is lost, and starts take longer; run `quarterdeck journal verify`, check disk and memory";
