/** Evidence in a browser: an IndexedDB database that survives the page. */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Hex } from "../../base/hex.ts";
import type { Round, SignedFill } from "../../protocol/units.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import {
  byWatermark,
  type EvidenceArchive,
  type EvidenceRecord,
  goesFurther,
  nameOfStatement,
  type OrderEvidence,
  type ProofRecord,
  type StatementEvidence,
} from "./evidence.ts";
import { evidenceDamaged, formatRecord, readRecord } from "./records.ts";

const VERSION = 2;
const STORES = ["proofs", "orders", "fills", "statements"] as const;
type StoreName = (typeof STORES)[number];

/** A record as its line, so that it is checked when it is read as a file is. */
interface Row {
  readonly key: string;
  readonly round: Round;
  readonly line: string;
}

export class IndexedDbEvidence implements EvidenceArchive {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  /**
   * Opens or makes the database `name`: one for each exchange and client. Browsers may drop what a
   * site keeps unless it asked for `navigator.storage.persist()`. Throws `EvidenceUnavailable`.
   */
  static async open(name: string, factory?: IDBFactory): Promise<IndexedDbEvidence> {
    const indexedDb = factory ?? globalThis.indexedDB;
    if (indexedDb === undefined) throw unavailable("There is no IndexedDB here");
    const request = indexedDb.open(name, VERSION);
    request.onupgradeneeded = () => {
      for (const store of STORES) {
        if (request.result.objectStoreNames.contains(store)) continue;
        request.result.createObjectStore(store, { keyPath: "key" }).createIndex("round", "round");
      }
    };
    return new IndexedDbEvidence(await resultOf(request));
  }

  async saveProofs(records: readonly ProofRecord[]): Promise<void> {
    await this.#write("proofs", (store) => {
      for (const { round, token, proof } of records) {
        const line = formatRecord({ kind: "proof", round, token, proof });
        store.put({ key: `${round} ${token}`, round, line } satisfies Row);
      }
    });
  }

  async proofs(round: Round): Promise<ProofRecord[]> {
    const records = await this.#read("proofs", round);
    return records.flatMap((one) => {
      if (one.kind !== "proof") return [];
      return [{ round: one.round, token: one.token, proof: one.proof }];
    });
  }

  async saveOrder(orderHash: Hex, signed: Placement): Promise<void> {
    await this.#write("orders", (store) => {
      const line = formatRecord({ kind: "order", orderHash, signed });
      store.put({ key: orderHash, round: signed.order.round, line } satisfies Row);
    });
  }

  async saveFill(fill: SignedFill): Promise<void> {
    const { orderHash, round } = fill.fill;
    await this.#write("fills", (store) => {
      const known = store.get(orderHash);
      known.onsuccess = () => {
        const row = known.result as Row | undefined;
        const kept = row === undefined ? undefined : recordOf(row, "fills");
        if (kept?.kind === "fill" && !goesFurther(fill, kept.fill)) return;
        const line = formatRecord({ kind: "fill", fill });
        store.put({ key: orderHash, round, line } satisfies Row);
      };
    });
  }

  async orders(round: Round): Promise<OrderEvidence[]> {
    const [orders, filled] = await Promise.all([
      this.#read("orders", round),
      this.#read("fills", round),
    ]);
    const fills = new Map<Hex, SignedFill>();
    for (const one of filled) if (one.kind === "fill") fills.set(one.fill.fill.orderHash, one.fill);
    return orders.flatMap((one) => {
      if (one.kind !== "order") return [];
      const { orderHash, signed } = one;
      return [{ orderHash, signed, fill: fills.get(orderHash) }];
    });
  }

  async saveStatement(given: StatementEvidence): Promise<void> {
    const { statement, signature, countersignature = null } = given;
    await this.#write("statements", (store) => {
      const key = nameOfStatement(given);
      const known = store.get(key);
      known.onsuccess = () => {
        const row = known.result as Row | undefined;
        const kept = row === undefined ? undefined : recordOf(row, "statements");
        if (kept?.kind === "statement" && kept.countersignature !== null) return;
        const line = formatRecord({ kind: "statement", statement, signature, countersignature });
        store.put({ key, round: statement.round, line } satisfies Row);
      };
    });
  }

  async statements(round: Round): Promise<StatementEvidence[]> {
    const records = await this.#read("statements", round);
    const kept = records.flatMap((one): StatementEvidence[] => {
      if (one.kind !== "statement") return [];
      const { statement, signature, countersignature } = one;
      return [{ statement, signature, countersignature: countersignature ?? undefined }];
    });
    return kept.sort(byWatermark);
  }

  async *records(): AsyncGenerator<EvidenceRecord> {
    for (const store of STORES) yield* await this.#read(store);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  /** Resolves when it is on the disk, as far as browsers promise that. */
  #write(name: StoreName, work: (store: IDBObjectStore) => void): Promise<void> {
    const transaction = this.#database.transaction(name, "readwrite", { durability: "strict" });
    work(transaction.objectStore(name));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      const failed = () => reject(unavailable("The evidence was not kept", transaction.error));
      transaction.onerror = failed;
      transaction.onabort = failed;
    });
  }

  /** Throws `EvidenceDamaged`. */
  async #read(name: StoreName, round?: Round): Promise<EvidenceRecord[]> {
    const store = this.#database.transaction(name, "readonly").objectStore(name);
    const rows = round === undefined ? store.getAll() : store.index("round").getAll(round);
    return ((await resultOf(rows)) as Row[]).map((row) => recordOf(row, name));
  }
}

function recordOf({ key, line }: Row, name: StoreName): EvidenceRecord {
  const read = readRecord(line);
  if (read.ok) return read.record;
  throw evidenceDamaged(`${key} of ${name}`, read.problem);
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(unavailable("IndexedDB failed", request.error));
  });
}

function unavailable(problem: string, cause?: unknown): QuarterdeckError {
  return new QuarterdeckError({
    code: "EvidenceUnavailable",
    message: `${problem}.`,
    hint: "Allow this site to keep data, and free space; private windows may refuse both.",
    cause,
  });
}
