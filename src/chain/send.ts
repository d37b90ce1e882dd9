/**
 * Sends transactions of one key, one after the other: simulates each first, prices it by its
 * deadline, replaces it while it is stuck, and waits until it is mined. Nothing is remembered: the
 * nonce is the chain's, so a transaction that a former process left behind is replaced.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { keccak256 } from "viem";
import type { Address, Hex } from "../base/hex.ts";
import type { BlockNumber } from "../protocol/units.ts";
import {
  asContractRefused,
  ContractRefused,
  DeadlineMissed,
  InsufficientFunds,
  isInsufficientFunds,
  RpcUnavailable,
  shortMessage,
  TransactionLost,
} from "./errors.ts";
import { ask, type ChainClient } from "./rpc.ts";
import type { Signer } from "./signer.ts";

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
  readonly signer: Signer;
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
  readonly onEvent?: (
    event: "sent" | "replaced" | "feeCapReached" | "lookFailed",
    call: Call,
  ) => void;
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
/** With fewer blocks left than this, fees double with every second block that leaves it out. */
const URGENT_BLOCKS = 10;
/** How nodes say that they have a transaction, or another with its nonce. */
const KNOWN = /already known|already imported|underpriced|nonce too low|already been used/i;
const TOO_CHEAP = /less than (the )?block base fee/i;
/** Looks for a receipt after its nonce was used: endpoints lag behind each other. */
const LOOKS_AFTER_NONCE_USED = 3;
/** Times that one call is sent anew because its transaction was mined and reverted. */
const SENDS_AFTER_REVERT = 2;

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
   * `DeadlineMissed`, `InsufficientFunds`, `TransactionLost`, or `RpcUnavailable`.
   */
  send(call: Call): Promise<Mined> {
    const turn = this.#line.then(() => this.#sendUntilDone(call));
    this.#line = turn.catch(() => {});
    return turn;
  }

  /**
   * State can move between estimate and block so that more gas is needed than was allowed, as where
   * a round begins: that did nothing, and the call is sent again.
   */
  async #sendUntilDone(call: Call): Promise<Mined> {
    for (let sends = 0; sends <= SENDS_AFTER_REVERT; sends++) {
      const mined = await this.#send(call);
      if (mined !== "reverted") return mined;
    }
    throw new TransactionLost(call.what, "it was mined and reverted, time and again");
  }

  async #send(call: Call): Promise<Mined | "reverted"> {
    const { client, signer, chainId } = this.#options;
    const replacements = this.#options.maxReplacements ?? DEFAULT_REPLACEMENTS;
    const gas = await this.#simulate(call);
    const nonce = await this.#nonce();
    const { to, data, value = 0n } = call;
    const sent: Hex[] = [];
    let fees = await this.#startFees();
    for (let attempt = 0; attempt <= replacements; attempt++) {
      const head = Number(await ask("its head", () => client.getBlockNumber()));
      if (attempt > 0) fees = this.#raise(fees, blocksLeft(call, head), call);
      const raw = await signer.signTransaction({
        ...{ chainId, nonce, gas, to, data, value },
        ...fees,
      });
      // A node that says that it knows it already has it: it counts as sent either way.
      sent.push(keccak256(raw));
      await this.#broadcast(call, raw, attempt);
      this.#options.onEvent?.(attempt === 0 ? "sent" : "replaced", call);
      const mined = await this.#waitFor(call, sent, nonce, head);
      if (mined !== undefined) return mined;
    }
    throw new TransactionLost(call.what, `it stays unmined after ${replacements} replacements`);
  }

  #nonce(): Promise<number> {
    const { client, signer } = this.#options;
    const { address } = signer;
    return ask("a nonce", () => client.getTransactionCount({ address, blockTag: "latest" }));
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
      if (refused !== undefined) throw refused;
      if (isInsufficientFunds(error)) throw new InsufficientFunds(call.what, this.address, error);
      throw new RpcUnavailable(`a trial of ${call.what}`, error);
    }
  }

  async #startFees(): Promise<Fees> {
    const { client, maxFeePerGas } = this.#options;
    const [block, suggested] = await ask("fees", () =>
      Promise.all([
        client.getBlock({ blockTag: "latest" }),
        client.estimateMaxPriorityFeePerGas().catch(() => MIN_PRIORITY_FEE),
      ]),
    );
    const priority = min(max(suggested, MIN_PRIORITY_FEE), maxFeePerGas);
    const fee = (block.baseFeePerGas ?? GWEI) * 2n + priority;
    return { maxFeePerGas: min(fee, maxFeePerGas), maxPriorityFeePerGas: priority };
  }

  #raise(fees: Fees, left: number, call: Call): Fees {
    const cap = this.#options.maxFeePerGas;
    // Nodes take a replacement that pays a tenth more on both fees.
    const raise = (fee: bigint) => (left < URGENT_BLOCKS ? fee * 2n : (fee * 9n) / 8n + 1n);
    const maxFeePerGas = min(raise(fees.maxFeePerGas), cap);
    if (maxFeePerGas === cap) this.#options.onEvent?.("feeCapReached", call);
    return {
      maxFeePerGas,
      maxPriorityFeePerGas: min(raise(fees.maxPriorityFeePerGas), maxFeePerGas),
    };
  }

  /** A node that has it, or a dearer one with its nonce, is no failure: what is mined will tell. */
  async #broadcast(call: Call, raw: Hex, attempt: number): Promise<void> {
    try {
      await this.#options.client.sendRawTransaction({ serializedTransaction: raw });
    } catch (error) {
      if (KNOWN.test(shortMessage(error)) || KNOWN.test(String(error))) return;
      // Our limit is below what blocks cost now; that may fall before the deadline.
      if (TOO_CHEAP.test(shortMessage(error))) {
        this.#options.onEvent?.("feeCapReached", call);
        return;
      }
      // An earlier version is out: whatever is wrong with this one, that one may be mined.
      if (attempt > 0) return;
      if (isInsufficientFunds(error)) throw new InsufficientFunds(call.what, this.address, error);
      throw new RpcUnavailable("with a place for a transaction", error);
    }
  }

  /** Undefined when it is time to replace it. `head`: newest block when it was sent. */
  async #waitFor(
    call: Call,
    sent: readonly Hex[],
    nonce: number,
    head: BlockNumber,
  ): Promise<Mined | "reverted" | undefined> {
    const looks = this.#options.looksBeforeReplacing ?? DEFAULT_LOOKS;
    let looksAfterUse = 0;
    for (let look = 0; look < looks; look++) {
      await this.#pause(call);
      // Both before the receipts: what they say is then true of any receipt that is missing.
      const now = await this.#look(call);
      for (const hash of sent) {
        const mined = await this.#receipt(call, hash);
        if (mined !== undefined) return mined;
      }
      if (now === undefined) continue;
      if (now.nonce > nonce && ++looksAfterUse >= LOOKS_AFTER_NONCE_USED) {
        throw new TransactionLost(call.what, `another transaction took its nonce ${nonce}`);
      }
      const left = blocksLeft(call, now.head);
      if (left <= 0) throw new DeadlineMissed(call.what, call.deadlineBlock as number, now.head);
      if (left < URGENT_BLOCKS && now.head > head + 1) return undefined;
    }
    return undefined;
  }

  /** Undefined when the chain does not answer: the next look may. */
  async #look(call: Call): Promise<{ head: BlockNumber; nonce: number } | undefined> {
    try {
      const nonce = await this.#nonce();
      const head = await ask("its head", () => this.#options.client.getBlockNumber());
      return { head: Number(head), nonce };
    } catch (error) {
      if (!(error instanceof RpcUnavailable)) throw error;
      this.#options.onEvent?.("lookFailed", call);
      return undefined;
    }
  }

  /** Undefined while it is unknown. Throws when it was mined and refused, and still would be. */
  async #receipt(call: Call, hash: Hex): Promise<Mined | "reverted" | undefined> {
    const { client } = this.#options;
    const receipt = await client.getTransactionReceipt({ hash }).catch(() => undefined);
    if (receipt === undefined) return undefined;
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
    return "reverted";
  }

  async #pause(call: Call): Promise<void> {
    const { pollMs, signal } = this.#options;
    await sleep(pollMs, undefined, { signal }).catch((cause) => {
      throw new TransactionLost(call.what, "we stopped waiting for it", cause);
    });
  }
}

/** Blocks that can still take it. */
function blocksLeft({ deadlineBlock }: Call, head: BlockNumber): number {
  return deadlineBlock === undefined ? Number.POSITIVE_INFINITY : deadlineBlock - head;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
