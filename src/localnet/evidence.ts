/**
 * A trader's evidence in one file for a few rounds each, so that a night of `npm start` does not
 * keep all of it in memory: what is of rounds long settled is packed away, and never deleted.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Hex } from "../base/hex.ts";
import type {
  EvidenceStore,
  OrderEvidence,
  ProofRecord,
  StatementEvidence,
} from "../client/evidence/evidence.ts";
import { FileEvidence } from "../client/node/fileEvidence.ts";
import type { Round, SignedFill, SignedOrder } from "../protocol/units.ts";

/** Rounds in one file. */
export const ROUNDS_PER_FILE = 16;
/**
 * Rounds before the last committed one that are kept at hand. A dispute is about one of the last
 * two, and a recovery needs the proofs of one of the last three.
 */
export const ROUNDS_AT_HAND = 8;
const FILE = /^rounds-([0-9]{1,9})\.jsonl$/;

export class RoundEvidence implements EvidenceStore {
  readonly #folder: string;
  readonly #files = new Map<number, Promise<FileEvidence>>();
  /** The file of each order at hand. */
  readonly #orders = new Map<Hex, number>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens what lies in `folder`, which is made if need be. Throws as `FileEvidence.open`. */
  static async open(folder: string): Promise<RoundEvidence> {
    mkdirSync(folder, { recursive: true });
    const evidence = new RoundEvidence(folder);
    for (const name of readdirSync(folder)) {
      const first = FILE.exec(name)?.[1];
      if (first !== undefined) await evidence.#readOrders(Number(first));
    }
    return evidence;
  }

  async saveProofs(records: readonly ProofRecord[]): Promise<void> {
    for (const record of records) await (await this.#of(record.round)).saveProofs([record]);
  }

  async proofs(round: Round): Promise<ProofRecord[]> {
    return this.#isKept(round) ? (await this.#of(round)).proofs(round) : [];
  }

  async saveOrder(orderHash: Hex, signed: SignedOrder): Promise<void> {
    const { round } = signed.order;
    await (await this.#of(round)).saveOrder(orderHash, signed);
    this.#orders.set(orderHash, firstOf(round));
  }

  async saveFill(fill: SignedFill): Promise<void> {
    const first = this.#orders.get(fill.fill.orderHash);
    // A fill of an order that was packed away: it was settled long ago.
    if (first !== undefined) await (await this.#open(first)).saveFill(fill);
  }

  async orders(round: Round): Promise<OrderEvidence[]> {
    return this.#isKept(round) ? (await this.#of(round)).orders(round) : [];
  }

  async saveStatement(given: StatementEvidence): Promise<void> {
    await (await this.#of(given.statement.round)).saveStatement(given);
  }

  async statements(round: Round): Promise<StatementEvidence[]> {
    return this.#isKept(round) ? (await this.#of(round)).statements(round) : [];
  }

  /** Packs away the files of rounds that nothing can need once `committed` is committed. */
  async archive(committed: Round): Promise<void> {
    for (const [first, opening] of [...this.#files]) {
      if (first + ROUNDS_PER_FILE > committed - ROUNDS_AT_HAND) continue;
      await (await opening).close();
      this.#files.delete(first);
      for (const [hash, at] of this.#orders) if (at === first) this.#orders.delete(hash);
      const path = this.#path(first);
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)), { flush: true });
      rmSync(path);
    }
  }

  async close(): Promise<void> {
    for (const opening of this.#files.values()) await (await opening).close();
    this.#files.clear();
  }

  async #readOrders(first: number): Promise<void> {
    const file = await this.#open(first);
    for (let round = first; round < first + ROUNDS_PER_FILE; round++) {
      for (const { orderHash } of await file.orders(round)) this.#orders.set(orderHash, first);
    }
  }

  #isKept(round: Round): boolean {
    return this.#files.has(firstOf(round)) || existsSync(this.#path(firstOf(round)));
  }

  #of(round: Round): Promise<FileEvidence> {
    return this.#open(firstOf(round));
  }

  /** Once for each file, also where several ask at the same time. */
  #open(first: number): Promise<FileEvidence> {
    const known = this.#files.get(first);
    if (known !== undefined) return known;
    const opening = FileEvidence.open(this.#path(first));
    this.#files.set(first, opening);
    return opening;
  }

  #path(first: number): string {
    return join(this.#folder, `rounds-${first}.jsonl`);
  }
}

function firstOf(round: Round): number {
  return round - (round % ROUNDS_PER_FILE);
}
