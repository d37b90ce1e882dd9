/** Attempts to have a call mined under its nonce: prices, signs and broadcasts a version of it. */
import { keccak256 } from "viem";
import { unreachable } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import {
  DeadlineMissed,
  InsufficientFunds,
  RpcUnavailable,
  shortMessage,
  TransactionLost,
} from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { TransactionSigner } from "../signer.ts";
import { readMarket } from "./account.ts";
import { broadcast } from "./broadcast.ts";
import { type Call, type Job, unwanted } from "./call.ts";
import type { SubmitterEvent } from "./events.ts";
import type { MarketAt } from "./fees.ts";
import type { Sent } from "./keyedCalls.ts";
import type { Holder } from "./nextSlot.ts";
import type { NonceLine } from "./nonceLine.ts";
import type { NonceSlot } from "./nonceSlot.ts";
import { blocksLeft, type Pricing } from "./pricing.ts";

export interface AttemptsOptions {
  readonly client: ChainClient;
  readonly signer: TransactionSigner;
  readonly chainId: number;
  readonly line: NonceLine;
  readonly pricing: Pricing;
  /** Replacements before one without a deadline is given up. */
  readonly maxReplacements?: number;
  readonly emit: (event: SubmitterEvent, call: Call) => void;
  /** A transaction is broadcast for the call. */
  readonly onSent: (call: Call, sent: Sent) => void;
}

const MOST_REPLACEMENTS = 12;
const TRANSFER_GAS = 21_000n;

export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #noOps = new WeakMap<NonceSlot, Job>();
  #market: Promise<MarketAt> | undefined;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Blocks have come: what was known of fees is old. */
  renew(): void {
    this.#market = undefined;
  }

  /**
   * Replaces what is pending under this nonce by a no-op (cancellation) transaction. A failure is
   * emitted, and the next call of this method tries again.
   */
  async sendNoOp(slot: NonceSlot): Promise<void> {
    const noOp = this.#noOps.get(slot) ?? noOpFrom(this.#options.signer.address);
    this.#noOps.set(slot, noOp);
    try {
      await this.attempt(slot, { job: noOp, gas: TRANSFER_GAS });
    } catch (problem) {
      this.#emitFailed(slot, noOp, problem);
    }
  }

  /**
   * Replaces what no block took: by a version with bumped fees, or by a no-op where the call has no
   * priority, was tried in vain, and one with a priority waits behind it. It is sent again after
   * that one. Throws as `attempt` does.
   */
  async repeat(slot: NonceSlot, holder: Holder): Promise<void> {
    const duty = this.#options.line.dutyHeldUpBy(slot);
    if (duty === undefined) return this.attempt(slot, holder);
    await this.sendNoOp(slot);
    if (!slot.holder?.job.isNoOp) return;
    this.#options.emit({ kind: "preempted", by: duty.call.what }, holder.job.call);
  }

  /**
   * Sends the call under this nonce, or a version of it with bumped fees; the call has the nonce
   * then. Throws `DeadlineMissed`, `TransactionLost`, and as long as no version of the call is
   * broadcast `InsufficientFunds`, `RpcUnavailable`, or what the signer throws.
   */
  async attempt(slot: NonceSlot, holder: Holder): Promise<void> {
    const { job } = holder;
    const { call } = job;
    const { maxReplacements: most = MOST_REPLACEMENTS } = this.#options;
    const isPatient = call.deadlineBlock === undefined && !job.isNoOp;
    if (isPatient && slot.attempts(job) > most) {
      throw new TransactionLost(call.what, `it stays unmined after ${most} replacements`);
    }
    const before = slot.attempts(job);
    try {
      await this.#send(slot, holder);
    } catch (error) {
      // A broadcast version may still be mined even if the fee bump fails.
      if (error instanceof DeadlineMissed || !slot.jobs().includes(job)) throw error;
      if (slot.attempts(job) === before) slot.apply({ kind: "attempted", job, market: undefined });
      this.#emitFailed(slot, job, error);
    }
  }

  #emitFailed({ nonce }: NonceSlot, { call }: Job, problem: unknown): void {
    this.#options.emit({ kind: "broadcastFailed", nonce, problem: shortMessage(problem) }, call);
  }

  /** The market as of now; read once for all that ask until it is renewed. */
  #readMarket(): Promise<MarketAt> {
    this.#market ??= readMarket(this.#options.client).catch((error) => {
      this.#market = undefined;
      throw error;
    });
    return this.#market;
  }

  async #send(slot: NonceSlot, holder: Holder): Promise<void> {
    const { client, line, pricing } = this.#options;
    const { job } = holder;
    const { call } = job;
    const market = await this.#readMarket();
    if (call.signal?.aborted) throw unwanted(call);
    if (blocksLeft(call, market.head) <= 0) {
      throw new DeadlineMissed(call.what, call.deadlineBlock as number, market.head);
    }
    const isFirst = line.slots[0] === slot;
    const { current } = slot;
    if (!isFirst && current?.job === job && pricing.isEnough(slot, job, market)) {
      // Transactions before this one are not mined: a fee bump does not help. A pool may have lost
      // this one.
      slot.apply({ kind: "rebroadcast", holder, market });
      await broadcast(client, current.raw);
      return;
    }
    slot.apply({ kind: "attempted", job, market });
    if (isFirst) line.offeredFirst(job);
    while ((await this.#broadcastVersion(slot, holder, market)) === "underpriced") {}
    slot.apply({ kind: "held", holder });
  }

  /** `underpriced`: a fee bump at once is worth while. */
  async #broadcastVersion(
    slot: NonceSlot,
    { job, gas }: Holder,
    market: MarketAt,
  ): Promise<"underpriced" | undefined> {
    const { signer, chainId, client, pricing, emit } = this.#options;
    const { call } = job;
    const { nonce } = slot;
    const fees = pricing.price(slot, job, market);
    const replaces = slot.fees !== undefined;
    const { to, data, value = 0n } = call;
    const raw = await signer.signTransaction({ chainId, nonce, gas, to, data, value, ...fees });
    if (call.signal?.aborted) throw unwanted(call);
    const outcome = await broadcast(client, raw);
    switch (outcome.kind) {
      case "out": {
        const hash = keccak256(raw);
        slot.apply({ kind: "broadcast", version: { job, gas, hash, raw, fees } });
        this.#options.onSent(call, { hash, nonce, raw });
        emit({ kind: replaces ? "replaced" : "sent", hash, nonce, fees }, call);
        if (outcome.refusal !== undefined) this.#emitFailed(slot, job, outcome.refusal);
        return undefined;
      }
      case "underpriced":
        slot.apply({ kind: "underpriced", fees, floor: outcome.floor });
        return pricing.canBump(slot, job, fees) ? "underpriced" : undefined;
      case "failed":
        if (outcome.as === "funds") {
          throw new InsufficientFunds(call.what, signer.address, outcome.error);
        }
        throw new RpcUnavailable("with a place for a transaction", outcome.error);
      default:
        return unreachable(outcome);
    }
  }
}

/** A transaction that sends nothing to its own sender. */
function noOpFrom(address: Address): Job {
  const call = { what: "a no-op under a nonce", to: address, data: "0x" } as const;
  const ignore = () => {};
  return { call, reverts: 0, settled: true, isNoOp: true, resolve: ignore, reject: ignore };
}
