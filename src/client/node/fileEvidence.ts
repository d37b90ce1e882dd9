/** Evidence in a file of JSON lines: appended, flushed before it counts, read back at the start. */
import { mkdirSync } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Hex } from "../../base/hex.ts";
import type { Round, SignedFill } from "../../protocol/units.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import { parseText } from "../arguments.ts";
import {
  type EvidenceArchive,
  type EvidenceRecord,
  MemoryEvidence,
  type OrderEvidence,
  type ProofRecord,
  type StatementEvidence,
} from "../evidence/evidence.ts";
import { evidenceDamaged, formatRecord, readRecord } from "../evidence/records.ts";

export class FileEvidence implements EvidenceArchive {
  readonly #file: FileHandle;
  readonly #memory = new MemoryEvidence();
  #line: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Opens or creates the file. A last line that a crash cut short was never promised and is
   * dropped; any other damage throws `EvidenceDamaged` with its line number.
   */
  static async open(path: string): Promise<FileEvidence> {
    parseText("path", path);
    mkdirSync(dirname(path), { recursive: true });
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    const whole = text.lastIndexOf("\n") + 1;
    const file = await open(path, "a");
    if (whole < text.length) await file.truncate(Buffer.byteLength(text.slice(0, whole)));
    const store = new FileEvidence(file);
    const lines = text.slice(0, whole).split("\n").slice(0, -1);
    for (const [index, part] of lines.entries()) await store.#take(part, path, index + 1);
    return store;
  }

  async saveProofs(records: readonly ProofRecord[]): Promise<void> {
    await this.#append(records.map((record) => ({ kind: "proof", ...record })));
    await this.#memory.saveProofs(records);
  }

  proofs(round: Round): Promise<ProofRecord[]> {
    return this.#memory.proofs(round);
  }

  async saveOrder(orderHash: Hex, signed: Placement): Promise<void> {
    await this.#append([{ kind: "order", orderHash, signed }]);
    await this.#memory.saveOrder(orderHash, signed);
  }

  async saveFill(fill: SignedFill): Promise<void> {
    await this.#append([{ kind: "fill", fill }]);
    await this.#memory.saveFill(fill);
  }

  orders(round: Round): Promise<OrderEvidence[]> {
    return this.#memory.orders(round);
  }

  async saveStatement(given: StatementEvidence): Promise<void> {
    const { statement, signature, countersignature = null } = given;
    await this.#append([{ kind: "statement", statement, signature, countersignature }]);
    await this.#memory.saveStatement(given);
  }

  statements(round: Round): Promise<StatementEvidence[]> {
    return this.#memory.statements(round);
  }

  records(): AsyncIterable<EvidenceRecord> {
    return this.#memory.records();
  }

  async close(): Promise<void> {
    await this.#line;
    await this.#file.close();
  }

  #append(records: readonly EvidenceRecord[]): Promise<void> {
    const text = records.map((record) => `${formatRecord(record)}\n`).join("");
    this.#line = this.#line.then(async () => {
      await this.#file.appendFile(text);
      await this.#file.datasync();
    });
    return this.#line;
  }

  async #take(text: string, path: string, number: number): Promise<void> {
    const read = readRecord(text);
    if (!read.ok) throw evidenceDamaged(`Line ${number} of ${path}`, read.problem);
    const { record } = read;
    if (record.kind === "proof") return this.#memory.saveProofs([record]);
    if (record.kind === "order") return this.#memory.saveOrder(record.orderHash, record.signed);
    if (record.kind === "fill") return this.#memory.saveFill(record.fill);
    const { statement, signature, countersignature } = record;
    const known = { statement, signature, countersignature: countersignature ?? undefined };
    return this.#memory.saveStatement(known);
  }
}
