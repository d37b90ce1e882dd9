/**
 * Sends transactions of one key, one after the other: simulates each first, prices it by its
 * deadline, replaces it while it is stuck, and waits until it is mined. Nothing is remembered: the
 * nonce is the chain's, so a transaction that a former process left behind is replaced.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Hex as ViemHex } from "viem";
import type { Address, Hex } from "../base/hex.ts";
import type { BlockNumber } from "../protocol/units.ts";
import {
  asContractRefused,
  ContractRefused,
  DeadlineMissed,
  RpcUnavailable,
  shortMessage,
} from "./errors.ts";
import type { ChainClient } from "./rpc.ts";
import type { TransactionSigner } from "./signer.ts";

export interface Call {
  /** For errors and logs: "commit of round 7". */
  readonly what: string;
  readonly to: Address;
  readonly data: Hex;
  /** Wei. */
  readonly value?: bigint;
  /** Last block in which it is of use; undefined: whenever. */
  readonly deadlineBlock?: BlockNumber;
}

export interface Mined {
  readonly transactionHash: Hex;
  readonly block: BlockNumber;
  readonly gasUsed: bigint;
  /** Wei. */
  readonly cost: bigint;
}

export interface SubmitterOptions {
  readonly client: ChainClient;
  readonly signer: TransactionSigner;
  readonly chainId: number;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas: bigint;
  /** Milliseconds between two looks for a receipt. */
  readonly pollMs: number;
  /** Looks for a receipt before the transaction is replaced by a dearer one. */
  readonly looksBeforeReplacing?: number;
  /** Replacements before giving up; fees rise by an eighth at least with each. */
  readonly maxReplacements?: number;
  /** Waiting ends at once when it is aborted; what was sent may still be mined. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: "sent" | "replaced" | "feeCapReached", call: Call) => void;
}

interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

const GWEI = 10n ** 9n;
const MIN_PRIORITY_FEE = GWEI;
const DEFAULT_LOOKS = 30;
const DEFAULT_REPLACEMENTS = 12;
/** A fifth more than estimated: state may move between estimate and block. */
const GAS_MARGIN_PERCENT = 120n;
/** With fewer blocks left than this, fees double at each replacement. */
const URGENT_BLOCKS = 10;

export class Submitter {
  readonly #options: SubmitterOptions;
  #line: Promise<unknown> = Promise.resolve();

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  get address(): Address {
    return this.#options.signer.address;
  }

  /**
   * Resolves when mined with success. Throws `ContractRefused` (simulation or block),
   * `DeadlineMissed`, or `RpcUnavailable`.
   */
  send(call: Call): Promise<Mined> {
    const turn = this.#line.then(() => this.#send(call));
    this.#line = turn.catch(() => {});
    return turn;
  }

  async #send(call: Call): Promise<Mined> {
    const { client, signer } = this.#options;
    const gas = await this.#simulate(call);
    const nonce = await this.#ask("for the nonce", () =>
      client.getTransactionCount({ address: signer.address, blockTag: "latest" }),
    );
    const sent: ViemHex[] = [];
    let fees = await this.#startFees();
    for (let attempt = 0; attempt <= (this.#options.maxReplacements ?? DEFAULT_REPLACEMENTS); ) {
      const raw = await signer.account.signTransaction({
        type: "eip1559",
        chainId: this.#options.chainId,
        nonce,
        gas,
        to: call.to,
        data: call.data,
        value: call.value ?? 0n,
        ...fees,
      });
      const hash = await this.#broadcast(raw);
      if (hash !== undefined) sent.push(hash);
      this.#options.onEvent?.(attempt === 0 ? "sent" : "replaced", call);
      const mined = await this.#waitFor(call, sent, nonce);
      if (mined !== undefined) return mined;
      const head = Number(await this.#ask("for its head", () => client.getBlockNumber()));
      const left = call.deadlineBlock === undefined ? Infinity : call.deadlineBlock - head;
      if (left < 0) throw new DeadlineMissed(call.what, call.deadlineBlock as number, head);
      fees = this.#raise(fees, left, call);
      attempt += 1;
    }
    throw new RpcUnavailable(`with a block for ${call.what}`, new Error("it stays unmined"));
  }

  /**
   * Runs the call; gives the gas limit to send it with. On the latest block first: what is pending
   * may be replaced, and an estimate on top of it be too low. What is refused there may be allowed
   * in the block to come, as at the boundary of a quarter.
   */
  async #simulate(call: Call): Promise<bigint> {
    try {
      return await this.#estimate(call, "latest");
    } catch (error) {
      if (!(error instanceof ContractRefused)) throw error;
      return await this.#estimate(call, "pending");
    }
  }

  async #estimate(call: Call, blockTag: "latest" | "pending"): Promise<bigint> {
    const { client, signer } = this.#options;
    const { to, data, value = 0n } = call;
    try {
      const gas = await client.estimateGas({ account: signer.address, blockTag, to, data, value });
      return (gas * GAS_MARGIN_PERCENT) / 100n;
    } catch (error) {
      const refused = asContractRefused(error, call.what);
      throw refused ?? new RpcUnavailable(`a trial of ${call.what}`, error);
    }
  }

  async #startFees(): Promise<Fees> {
    const { client, maxFeePerGas } = this.#options;
    const [block, suggested] = await this.#ask("for fees", () =>
      Promise.all([
        client.getBlock({ blockTag: "latest" }),
        client.estimateMaxPriorityFeePerGas().catch(() => MIN_PRIORITY_FEE),
      ]),
    );
    const priority = min(max(suggested, MIN_PRIORITY_FEE), maxFeePerGas);
    const fee = (block.baseFeePerGas ?? GWEI) * 2n + priority;
    return { maxFeePerGas: min(fee, maxFeePerGas), maxPriorityFeePerGas: priority };
  }

  #raise(fees: Fees, blocksLeft: number, call: Call): Fees {
    const cap = this.#options.maxFeePerGas;
    // Nodes take a replacement that pays an eighth more on both fees.
    const raise = (fee: bigint) => (blocksLeft < URGENT_BLOCKS ? fee * 2n : (fee * 9n) / 8n + 1n);
    const maxFeePerGas = min(raise(fees.maxFeePerGas), cap);
    if (maxFeePerGas === cap) this.#options.onEvent?.("feeCapReached", call);
    return {
      maxFeePerGas,
      maxPriorityFeePerGas: min(raise(fees.maxPriorityFeePerGas), maxFeePerGas),
    };
  }

  /** Undefined when the node already has it, or a dearer one, with this nonce. */
  async #broadcast(raw: ViemHex): Promise<ViemHex | undefined> {
    try {
      return await this.#options.client.sendRawTransaction({ serializedTransaction: raw });
    } catch (error) {
      const known = /already known|already imported|underpriced|nonce too low|already been used/i;
      if (known.test(shortMessage(error)) || known.test(String(error))) return undefined;
      throw new RpcUnavailable("with a place for a transaction", error);
    }
  }

  async #waitFor(call: Call, sent: readonly ViemHex[], nonce: number): Promise<Mined | undefined> {
    const { client, signer, pollMs } = this.#options;
    const looks = this.#options.looksBeforeReplacing ?? DEFAULT_LOOKS;
    for (let look = 0; look < looks; look++) {
      await sleep(pollMs, undefined, { signal: this.#options.signal }).catch(() => {
        throw new RpcUnavailable(`${call.what} before we stopped`, new Error("stopped"));
      });
      for (const hash of sent) {
        const receipt = await client.getTransactionReceipt({ hash }).catch(() => undefined);
        if (receipt === undefined) continue;
        if (receipt.status === "success") {
          return {
            transactionHash: hash,
            block: Number(receipt.blockNumber),
            gasUsed: receipt.gasUsed,
            cost: receipt.gasUsed * receipt.effectiveGasPrice,
          };
        }
        // Something changed between simulation and block; a new simulation says what.
        await this.#simulate(call);
        throw new RpcUnavailable(`${call.what} (mined and reverted)`, new Error(hash));
      }
      const used = await client
        .getTransactionCount({ address: signer.address, blockTag: "latest" })
        .catch(() => nonce);
      // A transaction of a former process took this nonce: ours is void, and may be needless.
      if (used > nonce && look > 2) {
        throw new RpcUnavailable(`${call.what} (its nonce was used)`, new Error(`nonce ${nonce}`));
      }
    }
    return undefined;
  }

  async #ask<T>(what: string, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw new RpcUnavailable(what, error);
    }
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
