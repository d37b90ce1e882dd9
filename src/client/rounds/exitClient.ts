/**
 * A client without any operator: the chain, the client's key and its evidence are all it needs. It
 * audits from kept proofs, takes the proofs that closed disputes published, disputes, confirms and
 * recovers.
 */
import { nobleCurve } from "../../base/curve.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { type ExchangeConstants, MediatorReader } from "../../chain/contracts/mediator.ts";
import { encodeConfirmWithdrawal } from "../../chain/contracts/mediatorCalls.ts";
import { readDisputeRounds } from "../../chain/follow/pastEvents.ts";
import type { Provider } from "../../chain/rpc/provider.ts";
import { connect, readChainId } from "../../chain/rpc/rpc.ts";
import type { Mined } from "../../chain/submit/submitter.ts";
import type { BalanceProof, Round } from "../../protocol/units.ts";
import { OperatorUnreachable } from "../api.ts";
import * as parse from "../arguments.ts";
import type { AuditReport } from "../audit.ts";
import { Auditor } from "../auditor.ts";
import { collectAnswer } from "../dispute.ts";
import { CheckedEvidence } from "../evidence/checkedEvidence.ts";
import type { EvidenceStore } from "../evidence/evidence.ts";
import { parseExitOptions } from "../options.ts";
import type { SignerOption } from "../signing/parseSigner.ts";
import type { TransactionSender } from "../signing/signer.ts";
import type { ChainClientSide } from "../types.ts";

export interface ExitOptions {
  /** JSON-RPC endpoints of the chain, or an EIP-1193 provider that reads it, such as a wallet. */
  readonly rpc: string | readonly string[] | Provider;
  readonly mediator: string;
  /** As in `ClientOptions`; it sends transactions only. */
  readonly signer: SignerOption;
  readonly evidence: EvidenceStore;
  /** Wei for a unit of gas; never more. 500 gwei. */
  readonly maxFeePerGas?: bigint;
  /** Milliseconds between two polls for a receipt; 1000. */
  readonly pollMs?: number;
}

const DEFAULT_MAX_FEE = 500n * 10n ** 9n;
const DEFAULT_POLL_MS = 1000;

interface Opened {
  readonly address: Address;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly evidence: EvidenceStore;
  readonly sender: TransactionSender;
}

export class ExitClient implements ChainClientSide {
  readonly address: Address;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  /** The kept evidence, as far as it holds against the chain. */
  readonly evidence: CheckedEvidence;
  readonly #sender: TransactionSender;
  readonly #auditor: Auditor;

  private constructor({ address, reader, constants, evidence: store, sender }: Opened) {
    this.address = address;
    this.reader = reader;
    this.constants = constants;
    const whose = { reader, constants, client: address };
    this.evidence = new CheckedEvidence({ ...whose, store, curve: nobleCurve });
    this.#sender = sender;
    this.#auditor = new Auditor({
      ...whose,
      evidence: this.evidence,
      fetchProofs: (round) => this.evidence.proofs(round),
      fetchOrders: async () => {
        throw new OperatorUnreachable("Nobody", "this client asks no operator");
      },
    });
  }

  /** Asks nobody but the chain and the signer. Throws `BadArgument`, and `RpcUnavailable`. */
  static async open(given: ExitOptions): Promise<ExitClient> {
    const options = parseExitOptions(given);
    const { rpc, mediator, evidence } = options;
    const chainId = await readChainId(rpc);
    const reader = new MediatorReader(connect(rpc, { chainId }), mediator);
    const constants = await reader.constants();
    const signer = await options.signer.open();
    const sender = signer.sender({
      client: reader.client,
      chainId,
      maxFeePerGas: options.maxFeePerGas ?? DEFAULT_MAX_FEE,
      pollMs: options.pollMs ?? DEFAULT_POLL_MS,
    });
    return new ExitClient({ address: signer.address, reader, constants, evidence, sender });
  }

  async send(what: string, data: Hex, value?: bigint): Promise<Mined> {
    const to = this.reader.mediator;
    return this.#sender.send({ what, to, data, ...(value !== undefined && { value }) });
  }

  /**
   * Audits the opening of `round` (default: the last committed one) by what is kept. A proof that
   * nobody has is a fault, as everywhere: a dispute makes the operator publish it.
   */
  async audit(round?: Round): Promise<AuditReport> {
    if (round !== undefined) parse.parseRound("round", round);
    return this.#auditor.audit(round);
  }

  /** A kept proof. Throws `NoProof`. */
  async provenBalance(token: string, round: Round): Promise<BalanceProof> {
    return this.#auditor.provenBalance(parse.parseAddressArgument("token", token), round);
  }

  /** Pays out a request that is old enough: to its recipient, whoever asks. */
  async confirmWithdrawal(token: string): Promise<Mined> {
    const address = parse.parseAddressArgument("token", token);
    return this.send(
      "confirmation of a withdrawal",
      encodeConfirmWithdrawal(this.address, address),
    );
  }
}

/**
 * Keeps the proofs that operators published when they closed this client's disputes. Gives the
 * rounds of those that were closed. Costs a reading of the Mediator's logs.
 */
export async function collectAnswers(client: ChainClientSide): Promise<Round[]> {
  const { reader, address, constants } = client;
  const closed: Round[] = [];
  for (const round of await readDisputeRounds(reader, address, constants.schedule.genesisBlock)) {
    if (await collectAnswer(client, round)) closed.push(round);
  }
  return closed;
}
