/** Evidence in a file of JSON lines: appended, flushed before it counts, read back at the start. */
import { mkdirSync } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Hex } from "../../base/hex.ts";
import type { Round, SignedFill, SignedOrder } from "../../protocol/units.ts";
import { balanceProof } from "../../wire/schemas/account.ts";
import { signedFill, signedOrder } from "../../wire/schemas/order.ts";
import { address, count, hash, toJson } from "../../wire/schemas/values.ts";
import { parseText } from "../arguments.ts";
import {
  type EvidenceStore,
  MemoryEvidence,
  type OrderEvidence,
  type ProofRecord,
} from "../evidence.ts";

const line = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("proof"), round: count, token: address, proof: balanceProof }),
  z.object({ kind: z.literal("order"), orderHash: hash, signed: signedOrder }),
  z.object({ kind: z.literal("fill"), fill: signedFill }),
]);

export class FileEvidence implements EvidenceStore {
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

  async saveOrder(orderHash: Hex, signed: SignedOrder): Promise<void> {
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

  async close(): Promise<void> {
    await this.#line;
    await this.#file.close();
  }

  #append(records: readonly object[]): Promise<void> {
    const text = records.map((record) => `${toJson(record)}\n`).join("");
    this.#line = this.#line.then(async () => {
      await this.#file.appendFile(text);
      await this.#file.datasync();
    });
    return this.#line;
  }

  async #take(text: string, path: string, number: number): Promise<void> {
    const outcome = line.safeParse(parse(text));
    if (!outcome.success) {
      throw new QuarterdeckError({
        code: "EvidenceDamaged",
        message: `Line ${number} of ${path} is no evidence.`,
        hint: "Restore the file from a backup, or take that line out if you know why it is wrong.",
      });
    }
    const { data } = outcome;
    if (data.kind === "proof") await this.#memory.saveProofs([data]);
    else if (data.kind === "order") await this.#memory.saveOrder(data.orderHash, data.signed);
    else await this.#memory.saveFill(data.fill as SignedFill);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
