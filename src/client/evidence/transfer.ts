/** Evidence from one store to another: all of it as lines, and lines into a store. */
import {
  type EvidenceArchive,
  type EvidenceRecord,
  type EvidenceStore,
  goesFurther,
  nameOfStatement,
} from "./evidence.ts";
import { formatRecord, readRecord } from "./records.ts";

/** Everything that the store keeps, a line each, without line ends. */
export async function* exportEvidence(store: EvidenceArchive): AsyncGenerator<string> {
  for await (const record of store.records()) yield formatRecord(record);
}

/** A line that was not taken over. */
export interface RefusedLine {
  /** Counted from 1. */
  readonly line: number;
  readonly problem: string;
}

export interface MergeReport {
  readonly added: number;
  /** The store held as much, or more. */
  readonly known: number;
  readonly refused: readonly RefusedLine[];
}

/**
 * Takes over lines that `exportEvidence` or a file gave. What is there stays: a second proof of the
 * same balance, or a fill that contradicts the one kept, is refused and named. Lines in any order,
 * and the same ones again, come to the same.
 */
export async function mergeEvidence(
  store: EvidenceStore,
  lines: Iterable<string> | AsyncIterable<string>,
): Promise<MergeReport> {
  const refused: RefusedLine[] = [];
  const counts = { added: 0, known: 0 };
  /** Fills wait for their orders, wherever those are. */
  const fills: { readonly line: number; readonly record: EvidenceRecord }[] = [];
  let line = 0;
  const take = async (at: number, record: EvidenceRecord) => {
    const outcome = await keep(store, record);
    if (outcome === "added" || outcome === "known") counts[outcome] += 1;
    else refused.push({ line: at, problem: outcome.problem });
  };
  for await (const text of lines) {
    line += 1;
    if (text.trim() === "") continue;
    const read = readRecord(text);
    if (!read.ok) refused.push({ line, problem: read.problem });
    else if (read.record.kind === "fill") fills.push({ line, record: read.record });
    else await take(line, read.record);
  }
  for (const { line: at, record } of fills) await take(at, record);
  return { ...counts, refused };
}

type Kept = "added" | "known" | { readonly problem: string };

async function keep(store: EvidenceStore, record: EvidenceRecord): Promise<Kept> {
  switch (record.kind) {
    case "proof": {
      const { round, token, proof } = record;
      const kept = (await store.proofs(round)).find((one) => one.token === token);
      if (kept === undefined) {
        await store.saveProofs([{ round, token, proof }]);
        return "added";
      }
      if (isSame(kept.proof, proof)) return "known";
      return { problem: `another proof of ${token} in round ${round} is kept` };
    }
    case "order": {
      const { orderHash, signed } = record;
      const orders = await store.orders(signed.order.round);
      if (orders.some((one) => one.orderHash === orderHash)) return "known";
      await store.saveOrder(orderHash, signed);
      return "added";
    }
    case "statement": {
      const { statement, signature, countersignature } = record;
      const given = { statement, signature, countersignature: countersignature ?? undefined };
      const name = nameOfStatement(given);
      const kept = (await store.statements(statement.round)).find(
        (one) => nameOfStatement(one) === name,
      );
      const isNews = given.countersignature !== undefined && !kept?.countersignature;
      if (kept !== undefined && !isNews) return "known";
      await store.saveStatement(given);
      return "added";
    }
    case "fill": {
      const { fill } = record;
      const orders = await store.orders(fill.fill.round);
      const known = orders.find((one) => one.orderHash === fill.fill.orderHash);
      if (known === undefined) return { problem: `no order ${fill.fill.orderHash} is kept` };
      if (goesFurther(fill, known.fill)) {
        await store.saveFill(fill);
        return "added";
      }
      if (known.fill === undefined || goesFurther(known.fill, fill)) return "known";
      if (isSame(known.fill.fill, fill.fill)) return "known";
      return { problem: `it contradicts the fill that is kept of ${fill.fill.orderHash}` };
    }
  }
}

function isSame(a: object, b: object): boolean {
  const text = (value: object) =>
    JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}n` : part));
  return text(a) === text(b);
}
