/** Sends what has a nonce: priced, signed, and offered until a node takes it. */
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
import { broadcast } from "./broadcast.ts";
import type { Call, Job } from "./call.ts";
import type { SubmitterEvent } from "./events.ts";
import type { Sent } from "./keyedCalls.ts";
import type { NonceLine } from "./nonceLine.ts";
import { type MarketAt, type NonceSlot, readMarket } from "./nonceSlot.ts";
import { blocksLeft, type Pricing } from "./pricing.ts";

export interface AttemptsOptions {
  readonly client: ChainClient;
  readonly signer: TransactionSigner;
  readonly chainId: number;
  readonly line: NonceLine;
  readonly pricing: Pricing;
  /** Replacements before one without a deadline is given up. */
  readonly maxReplacements?: number;
  readonly tell: (event: SubmitterEvent, call: Call) => void;
  /** A transaction is out for the call. */
  readonly onSent: (call: Call, sent: Sent) => void;
}

const MOST_REPLACEMENTS = 12;
const TRANSFER_GAS = 21_000n;

export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #fillers = new WeakMap<NonceSlot, Job>();
  #market: Promise<MarketAt> | undefined;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Blocks have come: what was known of fees is old. */
  renew(): void {
    this.#market = undefined;
  }

  /** Sends nothing to ourselves under this nonce. Where that fails it is told, and repeatable. */
  async fill(slot: NonceSlot): Promise<void> {
    const filler = this.#fillers.get(slot) ?? fillerFrom(this.#options.signer.address);
    this.#fillers.set(slot, filler);
    slot.gas.set(filler, TRANSFER_GAS);
    try {
      await this.attempt(slot, filler);
    } catch (problem) {
      this.#tellFailed(slot, filler, problem);
    }
  }

  /**
   * Sends the call under this nonce, or a dearer version of it; `job` is then the slot's. Throws
   * `DeadlineMissed`, `TransactionLost`, and as long as nothing of it is out `InsufficientFunds`,
   * `RpcUnavailable`, or what the signer does.
   */
  async attempt(slot: NonceSlot, job: Job): Promise<void> {
    const { call } = job;
    const { maxReplacements: most = MOST_REPLACEMENTS } = this.#options;
    const isPatient = call.deadlineBlock === undefined && !job.isFiller;
    if (isPatient && slot.attempts(job) > most) {
      throw new TransactionLost(call.what, `it stays unmined after ${most} replacements`);
    }
    const before = slot.attempts(job);
    try {
      await this.#send(slot, job);
    } catch (error) {
      // What is out may be mined, whatever keeps us from raising it.
      if (error instanceof DeadlineMissed || !slot.jobs().includes(job)) throw error;
      if (slot.attempts(job) === before) slot.tried(job);
      this.#tellFailed(slot, job, error);
    }
  }

  #tellFailed({ nonce }: NonceSlot, { call }: Job, problem: unknown): void {
    this.#options.tell({ kind: "offerFailed", nonce, problem: shortMessage(problem) }, call);
  }

  /** As of now; once for all that ask until it is renewed. */
  #readMarket(): Promise<MarketAt> {
    this.#market ??= readMarket(this.#options.client).catch((error) => {
      this.#market = undefined;
      throw error;
    });
    return this.#market;
  }

  async #send(slot: NonceSlot, job: Job): Promise<void> {
    const { client, line, pricing } = this.#options;
    const { call } = job;
    const market = await this.#readMarket();
    if (blocksLeft(call, market.head) <= 0) {
      throw new DeadlineMissed(call.what, call.deadlineBlock as number, market.head);
    }
    slot.market = market;
    const isFirst = line.slots[0] === slot;
    const { offered } = slot;
    if (!isFirst && offered?.job === job && pricing.isEnough(slot, job, market)) {
      // It waits for those before it: to pay more would not help. A pool may have lost it.
      slot.job = job;
      slot.polls = 0;
      await broadcast(client, offered.raw);
      return;
    }
    slot.tried(job);
    while ((await this.#offer(slot, job, market)) === "underpriced") {}
    slot.job = job;
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
        this.#options.onSent(call, { hash, nonce: slot.nonce, raw });
        tell({ kind: replaces ? "replaced" : "sent", hash, nonce: slot.nonce, fees }, call);
        if (outcome.refusal !== undefined) this.#tellFailed(slot, job, outcome.refusal);
        return undefined;
      }
      case "underpriced":
        slot.outbid(fees, outcome.floor);
        return pricing.canRaise(slot, job, fees) ? "underpriced" : undefined;
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

function fillerFrom(address: Address): Job {
  const call = { what: "nothing, to fill a nonce", to: address, data: "0x" } as const;
  const ignore = () => {};
  const job = { call, reverts: 0, settled: true, resolve: ignore, reject: ignore };
  return { ...job, isFiller: true };
}
