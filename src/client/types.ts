/** Types that several files of the library share. */
import type { Address, Hex } from "../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import type { SignedDelegation } from "../chain/contracts/mediatorCalls.ts";
import type { Mined } from "../chain/submit/submitter.ts";
import type { BalanceProof, Round } from "../protocol/units.ts";
import type { Answer } from "../wire/routes/routes.ts";
import type { AuditReport } from "./audit.ts";
import type { EvidenceStore } from "./evidence/evidence.ts";

/** An order as an operator shows it. */
export type OrderStatus = Answer<"placeOrder">;

/**
 * The side of a client that disputes, recovers and confirms: `ExchangeClient`, or `ExitClient`
 * without any operator.
 */
export interface ChainClientSide {
  readonly address: Address;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly evidence: EvidenceStore;
  /** A transaction to the Mediator. `what` names it; `value` in wei. */
  send(what: string, data: Hex, value?: bigint): Promise<Mined>;
  audit(round?: Round): Promise<AuditReport>;
  /** Of a delegate, which sends the client's disputes: its permission. Throws `NoDelegation`. */
  delegation?(round: Round): SignedDelegation;
  /** Throws `NoProof`. */
  provenBalance(token: string, round: Round): Promise<BalanceProof>;
}
