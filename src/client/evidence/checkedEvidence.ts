/**
 * Evidence held against the chain before it is used: a file may be old, another's, or of a chain
 * that was reorganised since. What does not hold is passed over, as if it were not there, and
 * named; nothing is deleted.
 */
import type { Curve } from "../../base/curve.ts";
import { type Address, bytesToHex, type Hex, hexToBytes } from "../../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../../chain/contracts/mediator.ts";
import { hashFill } from "../../protocol/messages.ts";
import { firstBlockOf, lastBlockOf } from "../../protocol/rounds.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import { verifyProof } from "../../protocol/sumTree.ts";
import type { Round, Signature, SignedFill } from "../../protocol/units.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import {
  type EvidenceStore,
  nameOfStatement,
  type OrderEvidence,
  type ProofRecord,
  type StatementEvidence,
} from "./evidence.ts";

/** Evidence that does not hold. */
export interface RejectedEvidence {
  readonly round: Round;
  /** `token`: of a proof; `orderHash`: of an order or its fill. */
  readonly token?: Address;
  readonly orderHash?: Hex;
  readonly why: string;
}

export interface CheckedEvidenceOptions {
  readonly store: EvidenceStore;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly client: Address;
  readonly curve: Curve;
}

export class CheckedEvidence implements EvidenceStore {
  readonly #options: CheckedEvidenceOptions;
  /** Signatures that were found to be by whom they should be, or that this process saved. */
  readonly #good = new Set<string>();
  readonly #rejected = new Map<string, RejectedEvidence>();

  constructor(options: CheckedEvidenceOptions) {
    this.#options = options;
  }

  /** The evidence passed over so far. */
  get rejected(): readonly RejectedEvidence[] {
    return [...this.#rejected.values()];
  }

  async saveProofs(records: readonly ProofRecord[]): Promise<void> {
    await this.#options.store.saveProofs(records);
  }

  /** Reads a commitment for each: a reorganisation may have put another in its place. */
  async proofs(round: Round): Promise<ProofRecord[]> {
    const kept = await this.#options.store.proofs(round);
    const held = await Promise.all(kept.map((one) => this.#isProven(one)));
    return kept.filter((_, index) => held[index]);
  }

  async saveOrder(orderHash: Hex, signed: Placement): Promise<void> {
    await this.#options.store.saveOrder(orderHash, signed);
    this.#good.add(keyOf(orderHash, signed.signature));
  }

  /** The caller has checked whose it is. */
  async saveFill(fill: SignedFill): Promise<void> {
    await this.#options.store.saveFill(fill);
    this.#good.add(keyOf(bytesToHex(hashFill(fill.fill)), fill.signature));
  }

  async orders(round: Round): Promise<OrderEvidence[]> {
    const good: OrderEvidence[] = [];
    for (const one of await this.#options.store.orders(round)) {
      const { fill } = one;
      if (!(await this.#isOwn(one))) continue;
      const isKept = fill === undefined || (await this.#isOfOperator(one, fill));
      good.push(isKept ? one : { ...one, fill: undefined });
    }
    return good;
  }

  async saveStatement(statement: StatementEvidence): Promise<void> {
    await this.#options.store.saveStatement(statement);
  }

  /** Statements that this client signed; a countersignature counts if it is an operator's. */
  async statements(round: Round): Promise<StatementEvidence[]> {
    const { reader, client } = this.#options;
    const good: StatementEvidence[] = [];
    for (const one of await this.#options.store.statements(round)) {
      const hash = nameOfStatement(one);
      const isOwn = await this.#isSignedBy(hash, one.signature, async (signer) => {
        return signer === client || signer === (await reader.tradingKey(client, round));
      });
      if (!isOwn || one.statement.client !== client) {
        const why = "this client did not sign the statement";
        this.#rejected.set(`statement ${hash}`, { round, why });
        continue;
      }
      const { countersignature } = one;
      const isKept =
        countersignature === undefined ||
        (await this.#isSignedBy(hash, countersignature, (signer) => {
          return this.#wasOperator(signer, round);
        }));
      if (!isKept) {
        const why = "no operator of its round countersigned the statement";
        this.#rejected.set(`countersignature ${hash}`, { round, why });
      }
      good.push(isKept ? one : { ...one, countersignature: undefined });
    }
    return good;
  }

  #wasOperator(signer: Address, round: Round): Promise<boolean> {
    const { reader, constants } = this.#options;
    const { schedule, manager } = constants;
    const from = firstBlockOf(schedule, round);
    return reader.wasOperator(manager, signer, from, lastBlockOf(schedule, round));
  }

  async #isProven({ round, token, proof }: ProofRecord): Promise<boolean> {
    const { reader, client } = this.#options;
    const commitment = await reader.commitment(round, token);
    const outcome = commitment === undefined ? undefined : verifyProof(commitment, client, proof);
    if (outcome?.ok) return true;
    const why = outcome === undefined ? "the round is not committed" : outcome.fault;
    this.#rejected.set(`proof ${round} ${token}`, { round, token, why });
    return false;
  }

  async #isOwn({ orderHash, signed }: OrderEvidence): Promise<boolean> {
    const { reader, client } = this.#options;
    const { owner, round } = signed.order;
    const isSigned = await this.#isSignedBy(orderHash, signed.signature, async (signer) => {
      return signer === client || signer === (await reader.tradingKey(client, round));
    });
    if (isSigned && owner === client) return true;
    const why = owner === client ? "this client did not sign it" : `it is of ${owner}`;
    this.#rejected.set(`order ${orderHash}`, { round, orderHash, why });
    return false;
  }

  async #isOfOperator({ orderHash, signed }: OrderEvidence, fill: SignedFill): Promise<boolean> {
    const { round } = signed.order;
    const hash = bytesToHex(hashFill(fill.fill));
    const isSigned = await this.#isSignedBy(hash, fill.signature, (signer) =>
      this.#wasOperator(signer, round),
    );
    if (isSigned) return true;
    const why = "no operator of its round signed it";
    this.#rejected.set(`fill ${orderHash}`, { round, orderHash, why });
    return false;
  }

  async #isSignedBy(
    hash: Hex,
    signature: Signature,
    isRight: (signer: Address) => Promise<boolean>,
  ): Promise<boolean> {
    const key = keyOf(hash, signature);
    if (this.#good.has(key)) return true;
    const { curve, constants } = this.#options;
    const signer = recoverSigner(curve, constants.domain, hexToBytes(hash), signature);
    if (signer === undefined || !(await isRight(signer))) return false;
    this.#good.add(key);
    return true;
  }
}

function keyOf(hash: Hex, { r, vs, path }: Signature): string {
  return [hash, r, vs, ...path].join(" ");
}
