/**
 * The records a client keeps so that it never has to trust: its proofs of each round, its signed
 * orders, the operators' signatures on executions of them, and its statements of closed orders.
 */
import type { Address, Hex } from "../../base/hex.ts";
import { bytesToHex } from "../../base/hex.ts";
import { hashStatement } from "../../protocol/messages.ts";
import type {
  BalanceProof,
  Round,
  Signature,
  SignedFill,
  SignedStatement,
} from "../../protocol/units.ts";
import type { Placement } from "../../wire/schemas/terms.ts";

export interface ProofRecord {
  readonly round: Round;
  readonly token: Address;
  readonly proof: BalanceProof;
}

export interface OrderEvidence {
  readonly orderHash: Hex;
  readonly signed: Placement;
  /** The furthest fill that an operator signed for it. */
  readonly fill: SignedFill | undefined;
}

/** A statement that the client signed; kept before it is sent anywhere. */
export interface StatementEvidence extends SignedStatement {
  /** An operator's; undefined while there is none. */
  readonly countersignature: Signature | undefined;
}

/** Where evidence is kept. Nothing is forgotten once `save…` has resolved. */
export interface EvidenceStore {
  saveProofs(records: readonly ProofRecord[]): Promise<void>;
  proofs(round: Round): Promise<ProofRecord[]>;
  saveOrder(orderHash: Hex, signed: Placement): Promise<void>;
  /** Keeps it if it goes further than the one kept; for an order that was saved. */
  saveFill(fill: SignedFill): Promise<void>;
  orders(round: Round): Promise<OrderEvidence[]>;
  /** Keeps it, or the countersignature beside one that is kept. */
  saveStatement(statement: StatementEvidence): Promise<void>;
  /** Ascending by watermark. */
  statements(round: Round): Promise<StatementEvidence[]>;
}

/** A store that can give out all that it keeps: for exports and reports. */
export interface EvidenceArchive extends EvidenceStore {
  records(): AsyncIterable<EvidenceRecord>;
}

/** One thing that a client keeps, as stores/records.ts writes it. */
export type EvidenceRecord =
  | ({ readonly kind: "proof" } & ProofRecord)
  | { readonly kind: "order"; readonly orderHash: Hex; readonly signed: Placement }
  | { readonly kind: "fill"; readonly fill: SignedFill }
  | ({ readonly kind: "statement" } & SignedStatement & {
        readonly countersignature: Signature | null;
      });

/** The round that a record is about. */
export function roundOf(record: EvidenceRecord): Round {
  switch (record.kind) {
    case "proof":
      return record.round;
    case "order":
      return record.signed.order.round;
    case "fill":
      return record.fill.fill.round;
    case "statement":
      return record.statement.round;
  }
}

/** The name of a statement: its struct hash. */
export function nameOfStatement({ statement }: SignedStatement): Hex {
  return bytesToHex(hashStatement(statement));
}

/** The last of the statements, ascending, that an operator countersigned. */
export function lastCountersigned(
  statements: readonly StatementEvidence[],
): (StatementEvidence & { readonly countersignature: Signature }) | undefined {
  return statements.findLast(
    (one): one is StatementEvidence & { readonly countersignature: Signature } =>
      one.countersignature !== undefined,
  );
}

export function byWatermark(a: SignedStatement, b: SignedStatement): number {
  return a.statement.watermark < b.statement.watermark ? -1 : 1;
}

/** Whether `next` records more executions of the same order than `known`. */
export function goesFurther(next: SignedFill, known: SignedFill | undefined): boolean {
  if (known === undefined) return true;
  const { sold, bought } = next.fill;
  return (
    sold >= known.fill.sold &&
    bought >= known.fill.bought &&
    (sold > known.fill.sold || bought > known.fill.bought)
  );
}

/** Keeps evidence in memory, as long as the process lives: for tests, and under other stores. */
export class MemoryEvidence implements EvidenceArchive {
  readonly #proofs = new Map<Round, Map<Address, ProofRecord>>();
  /** By `nameOfStatement`. */
  readonly #statements = new Map<Hex, StatementEvidence>();
  readonly #orders = new Map<Hex, { signed: Placement; fill: SignedFill | undefined }>();

  async saveProofs(records: readonly ProofRecord[]): Promise<void> {
    for (const record of records) {
      const round = this.#proofs.get(record.round) ?? new Map<Address, ProofRecord>();
      round.set(record.token, record);
      this.#proofs.set(record.round, round);
    }
  }

  async proofs(round: Round): Promise<ProofRecord[]> {
    return [...(this.#proofs.get(round)?.values() ?? [])];
  }

  async saveOrder(orderHash: Hex, signed: Placement): Promise<void> {
    const known = this.#orders.get(orderHash);
    this.#orders.set(orderHash, { signed, fill: known?.fill });
  }

  async saveFill(fill: SignedFill): Promise<void> {
    const known = this.#orders.get(fill.fill.orderHash);
    if (known !== undefined && goesFurther(fill, known.fill)) known.fill = fill;
  }

  async orders(round: Round): Promise<OrderEvidence[]> {
    return [...this.#orders]
      .filter(([, { signed }]) => signed.order.round === round)
      .map(([orderHash, { signed, fill }]) => ({ orderHash, signed, fill }));
  }

  async saveStatement(statement: StatementEvidence): Promise<void> {
    const name = nameOfStatement(statement);
    const known = this.#statements.get(name);
    if (known?.countersignature !== undefined) return;
    this.#statements.set(name, statement);
  }

  async statements(round: Round): Promise<StatementEvidence[]> {
    const kept = [...this.#statements.values()];
    return kept.filter(({ statement }) => statement.round === round).sort(byWatermark);
  }

  async *records(): AsyncGenerator<EvidenceRecord> {
    for (const round of this.#proofs.values()) {
      for (const proof of round.values()) yield { kind: "proof", ...proof };
    }
    for (const [orderHash, { signed, fill }] of this.#orders) {
      yield { kind: "order", orderHash, signed };
      if (fill !== undefined) yield { kind: "fill", fill };
    }
    for (const { statement, signature, countersignature = null } of this.#statements.values()) {
      yield { kind: "statement", statement, signature, countersignature };
    }
  }
}
