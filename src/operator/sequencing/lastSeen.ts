/**
 * The last record of the shared journal that this operator saw, in a file of its own: a database
 * that lost records while the operator was down would otherwise be believed. The file is written
 * about once a second, so a loss within the last second before a crash may go unnoticed here.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Hex, isHex } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import type { Head, JournalReader } from "../../journal/journal.ts";
import { headAt, JournalLost } from "./replica.ts";

const HASH_BYTES = 32;
const FILE = "last-record.json";
/** Milliseconds between two writes. */
const PACE_MS = 1000;

const note = z.object({
  sequence: z.number().int().min(1),
  hash: z.custom<Hex>((text) => isHex(text, HASH_BYTES)),
});

export class LastSeen {
  readonly #path: string;
  readonly #log: Log;
  #written = 0;
  #writing: Promise<void> | undefined;

  /** `folder`: the operator's own; made if it is not there. */
  constructor(folder: string, log: Log) {
    this.#path = join(folder, FILE);
    this.#log = log;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (problem) {
      this.#unwritten(problem);
    }
  }

  /**
   * Throws `JournalLost` when `journal` does not hold the record last seen. A file that cannot be
   * read is reported, and counts as empty.
   */
  async requireIn(journal: JournalReader): Promise<void> {
    const seen = this.#read();
    if (seen === undefined) return;
    const { sequence } = await journal.refresh();
    if (sequence < seen.sequence) {
      throw JournalLost.wentBack(journal.location, seen.sequence, sequence, this.#path);
    }
    const { hash } = await headAt(journal, seen.sequence);
    if (hash !== seen.hash) {
      throw JournalLost.changed(seen.sequence, seen.hash, hash, this.#path);
    }
  }

  /** Writes it down in the background, unless that was done just now. */
  note({ sequence, hash }: Head): void {
    const now = performance.now();
    if (sequence === 0 || this.#writing !== undefined || now - this.#written < PACE_MS) return;
    this.#written = now;
    this.#writing = this.#write({ sequence, hash })
      .catch((problem) => this.#unwritten(problem))
      .finally(() => {
        this.#writing = undefined;
      });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  async #write(head: Head): Promise<void> {
    const draft = `${this.#path}.new`;
    await writeFile(draft, `${JSON.stringify(head)}\n`, { mode: 0o600 });
    await rename(draft, this.#path);
  }

  #read(): Head | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code !== "ENOENT") this.#unreadable(problem);
      return undefined;
    }
    try {
      return note.parse(JSON.parse(text));
    } catch (problem) {
      this.#unreadable(problem);
      return undefined;
    }
  }

  #unwritten(problem: unknown): void {
    this.#log.warn("lastRecordUnwritten", { file: this.#path, problem });
  }

  #unreadable(problem: unknown): void {
    const hint = "whether the journal lost records is not known: compare it with other operators";
    this.#log.error("lastRecordUnreadable", { file: this.#path, problem, hint });
  }
}
