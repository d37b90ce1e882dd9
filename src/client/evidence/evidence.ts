/**
 * The records a client keeps so that it never has to trust: its proofs of each round, its signed
 * orders, and the operators' signatures on executions of them.
 */
import type { Address, Hex } from "../../base/hex.ts";
import type { BalanceProof, Round, SignedFill } from "../../protocol/units.ts";
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

/** Where evidence is kept. Nothing is forgotten once `save…` has resolved. */
export interface EvidenceStore {
  saveProofs(records: readonly ProofRecord[]): Promise<void>;
  proofs(round: Round): Promise<ProofRecord[]>;
  saveOrder(orderHash: Hex, signed: Placement): Promise<void>;
  /** Keeps it if it goes further than the one kept; for an order that was saved. */
  saveFill(fill: SignedFill): Promise<void>;
  orders(round: Round): Promise<OrderEvidence[]>;
}

/** A store that can give out all that it keeps: for exports and reports. */
export interface EvidenceArchive extends EvidenceStore {
  records(): AsyncIterable<EvidenceRecord>;
}

/** One thing that a client keeps, as stores/records.ts writes it. */
export type EvidenceRecord =
  | ({ readonly kind: "proof" } & ProofRecord)
  | { readonly kind: "order"; readonly orderHash: Hex; readonly signed: Placement }
  | { readonly kind: "fill"; readonly fill: SignedFill };

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

  async *records(): AsyncGenerator<EvidenceRecord> {
    for (const round of this.#proofs.values()) {
      for (const proof of round.values()) yield { kind: "proof", ...proof };
    }
    for (const [orderHash, { signed, fill }] of this.#orders) {
      yield { kind: "order", orderHash, signed };
      if (fill !== undefined) yield { kind: "fill", fill };
    }
  }
}
