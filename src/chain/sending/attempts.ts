/** Sends what has a nonce: priced, signed, and offered until a node takes it. */
import { unreachable } from "../../base/errors.ts";
import type { Hex } from "../../base/hex.ts";
import {
  DeadlineMissed,
  InsufficientFunds,
  isInsufficientFunds,
  RpcUnavailable,
  TransactionLost,
} from "../errors.ts";
import type { ChainClient } from "../rpc.ts";
import type { Signer } from "../signer.ts";
import { type Call, fillerFrom, type Job } from "./call.ts";
import type { SubmitterEvent } from "./events.ts";
import type { NonceLine } from "./nonceLine.ts";
import { broadcast, type MarketAt, type NonceSlot, readMarket } from "./nonceSlot.ts";
import { blocksLeft, type Pricing } from "./pricing.ts";

export interface AttemptsOptions {
  readonly client: ChainClient;
  readonly signer: Signer;
  readonly chainId: number;
  readonly line: NonceLine;
  readonly pricing: Pricing;
  /** Replacements before one without a deadline is given up. */
  readonly maxReplacements?: number;
  readonly tell: (event: SubmitterEvent, call: Call) => void;
}

const MOST_REPLACEMENTS = 12;
const TRANSFER_GAS = 21_000n;

export class Attempts {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Sends nothing to ourselves under this nonce. Throws as `attempt` does. */
  fill(slot: NonceSlot): Promise<void> {
    const job = fillerFrom(this.#options.signer.address);
    slot.gas.set(job, TRANSFER_GAS);
    return this.attempt(slot, job);
  }

  /**
   * Sends the call under this nonce, or a dearer version of it; `job` is then the slot's. Throws
   * `DeadlineMissed`, `InsufficientFunds`, `TransactionLost`, `RpcUnavailable`, or what the signer
   * does.
   */
  async attempt(slot: NonceSlot, job: Job): Promise<void> {
    const { call } = job;
    const { client, line, pricing, maxReplacements: most = MOST_REPLACEMENTS } = this.#options;
    const isPatient = call.deadlineBlock === undefined && !job.settled;
    if (isPatient && slot.attempts(job) > most) {
      throw new TransactionLost(call.what, `it stays unmined after ${most} replacements`);
    }
    const market = await readMarket(client).catch((error) => {
      // One that is out may be mined while nobody tells us of it.
      if (!slot.jobs().includes(job)) throw error;
      return undefined;
    });
    if (market === undefined) return slot.tried(job);
    if (blocksLeft(call, market.head) <= 0) {
      throw new DeadlineMissed(call.what, call.deadlineBlock as number, market.head);
    }
    const isFirst = line.slots[0] === slot;
    const isOut = slot.job === job && slot.newest !== undefined;
    slot.market = market;
    slot.job = job;
    if (isOut && !isFirst && pricing.isEnough(slot, job, market)) {
      // It waits for those before it: to pay more would not help. A pool may have lost it.
      slot.looks = 0;
      await broadcast(client, slot.newest as Hex);
      return;
    }
    slot.tried(job);
    while ((await this.#offer(slot, job, market)) === "underpriced") {}
  }

  /** `underpriced`: it is worth while to offer more at once. */
  async #offer(slot: NonceSlot, job: Job, market: MarketAt): Promise<"underpriced" | undefined> {
    const { signer, chainId, client, pricing, tell } = this.#options;
    const { call } = job;
    const fees = pricing.price(slot, job, market);
    const replaces = slot.fees !== undefined;
    const { to, data, value = 0n } = call;
    const gas = slot.gas.get(job) as bigint;
    const raw = await signer.signTransaction({
      ...{ chainId, nonce: slot.nonce, gas, to, data, value },
      ...fees,
    });
    const outcome = await broadcast(client, raw);
    switch (outcome.kind) {
      case "out": {
        const hash = slot.sent(job, raw, fees);
        tell({ kind: replaces ? "replaced" : "sent", hash, nonce: slot.nonce, fees }, call);
        return undefined;
      }
      case "underpriced":
        slot.outbid(fees);
        return fees.maxFeePerGas < pricing.capOf(slot, job) ? "underpriced" : undefined;
      case "failed":
        // Whatever is wrong with this version, one that is out may be mined.
        if (slot.versions.size > 0) return undefined;
        if (isInsufficientFunds(outcome.error)) {
          throw new InsufficientFunds(call.what, signer.address, outcome.error);
        }
        throw new RpcUnavailable("with a place for a transaction", outcome.error);
      default:
        return unreachable(outcome);
    }
  }
}
