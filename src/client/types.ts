/** Types that several files of the library share. */
import type { Curve } from "../base/curve.ts";
import type { Address, Hex } from "../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import type { Mined } from "../chain/submit/submitter.ts";
import type { BalanceProof, Round } from "../protocol/units.ts";
import type { Answer } from "../wire/routes/routes.ts";
import type { AuditReport } from "./audit.ts";
import type { MarketPin } from "./checks/exchangeFacts.ts";
import type { EvidenceStore } from "./evidence/evidence.ts";
import type { SignerOption } from "./signing/parseSigner.ts";

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
  /** Throws `NoProof`. */
  provenBalance(token: string, round: Round): Promise<BalanceProof>;
}

export interface ClientOptions {
  /** An operator's HTTP address, or several. Addresses that the chain names are learnt from it. */
  readonly operator: string | readonly string[];
  /** Milliseconds for which a question goes round the operators before it fails; 15,000. */
  readonly retryTimeoutMs?: number;
  /** JSON-RPC endpoints of the chain, the client's own choice and not the operator's. */
  readonly rpc: string | readonly string[];
  /** The Mediator that the client means to use, in lower case or with its checksum. */
  readonly mediator: string;
  /**
   * A private key, a viem account, an EIP-1193 wallet (alone, or { wallet, address }), or
   * { owner, tradingKey }.
   */
  readonly signer: SignerOption;
  readonly evidence: EvidenceStore;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas?: bigint;
  /** Milliseconds between two polls for a receipt. */
  readonly pollMs?: number;
  readonly curve?: Curve;
  /**
   * Markets whose lots and ticks the caller is sure of, as `client.markets()` shows them: with
   * others the client does not join. Without, what an operator says when the client joins is shown,
   * bounded and then held fixed.
   */
  readonly markets?: readonly MarketPin[];
}
