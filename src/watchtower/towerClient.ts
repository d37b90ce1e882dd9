/**
 * One client's side, played by a watchtower: the client's evidence, the tower's key. It disputes by
 * the client's delegation; whatever else it sends, the Mediator pays to the client alone.
 */
import { nobleCurve } from "../base/curve.ts";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address, Hex } from "../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import type { SignedDelegation } from "../chain/contracts/mediatorCalls.ts";
import type { Mined } from "../chain/submit/submitter.ts";
import { OperatorUnreachable } from "../client/api.ts";
import type { AuditReport } from "../client/audit.ts";
import { Auditor } from "../client/auditor.ts";
import { CheckedEvidence } from "../client/evidence/checkedEvidence.ts";
import type { EvidenceStore, ProofRecord } from "../client/evidence/evidence.ts";
import type { TransactionSender } from "../client/signing/signer.ts";
import type { ChainClientSide } from "../client/types.ts";
import type { BalanceProof, Round } from "../protocol/units.ts";

export interface TowerClientOptions {
  readonly address: Address;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly store: EvidenceStore;
  readonly sender: TransactionSender;
  /** Undefined: the tower may not dispute for this client. */
  readonly delegation: SignedDelegation | undefined;
  /** Proofs of a round from public balances; none where nobody publishes them. */
  readonly published: (round: Round, client: Address) => Promise<readonly ProofRecord[]>;
}

export class TowerClient implements ChainClientSide {
  readonly address: Address;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly evidence: CheckedEvidence;
  readonly #delegation: SignedDelegation | undefined;
  readonly #sender: TransactionSender;
  readonly #auditor: Auditor;

  constructor(options: TowerClientOptions) {
    const { address, reader, constants, store, sender, delegation, published } = options;
    this.address = address;
    this.reader = reader;
    this.constants = constants;
    this.#delegation = delegation;
    this.#sender = sender;
    const whose = { reader, constants, client: address };
    this.evidence = new CheckedEvidence({ ...whose, store, curve: nobleCurve });
    this.#auditor = new Auditor({
      ...whose,
      evidence: this.evidence,
      fetchProofs: async (round) => {
        const kept = await this.evidence.proofs(round);
        return kept.length > 0 ? kept : published(round, address);
      },
      fetchOrders: async () => {
        throw new OperatorUnreachable("Nobody", "a watchtower is shown no orders");
      },
    });
  }

  async send(what: string, data: Hex, value?: bigint): Promise<Mined> {
    const to = this.reader.mediator;
    return this.#sender.send({
      what: `${what} of ${this.address}`,
      to,
      data,
      ...(value !== undefined && { value }),
    });
  }

  delegation(round: Round): SignedDelegation {
    const problem = delegationProblem(this.#delegation, round);
    if (problem === undefined) return this.#delegation as SignedDelegation;
    throw new QuarterdeckError({
      code: "NoDelegation",
      message: `The tower may not dispute for ${this.address}: ${problem}.`,
      hint: "The client signs another with entrust().",
    });
  }

  audit(round?: Round): Promise<AuditReport> {
    return this.#auditor.audit(round);
  }

  provenBalance(token: string, round: Round): Promise<BalanceProof> {
    return this.#auditor.provenBalance(token as Address, round);
  }
}

/** Why the tower cannot dispute for a client in `round`; undefined: it can. */
export function delegationProblem(
  delegation: SignedDelegation | undefined,
  round: Round,
): string | undefined {
  if (delegation === undefined) return "it gave no delegation";
  if (delegation.untilRound >= round) return undefined;
  return `its delegation ended with round ${delegation.untilRound}`;
}
