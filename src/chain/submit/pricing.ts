/** What is offered for a transaction, given those that wait behind it: they are mined after it. */
import type { BlockNumber } from "../../protocol/units.ts";
import type { Call, Job } from "./call.ts";
import type { SubmitterEvent } from "./events.ts";
import { type Fees, type Offer, offer } from "./fees.ts";
import type { MarketAt } from "./market.ts";
import type { Holder } from "./nextSlot.ts";
import type { NonceLine } from "./nonceLine.ts";
import type { NonceSlot } from "./nonceSlot.ts";

/** What can wait bids no more than this of the limit: a replacement must be able to outbid it. */
const PATIENT_FEE_CAP_PERCENT = 75n;
/** So many times what the dearest offers now is kept for each: any of them can be raised then. */
const RESERVE = 4n;
const RAISE_THE_LIMIT = "raise `maxFeePerGas` in the configuration and start again";

export interface PricingOptions {
  readonly line: NonceLine;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas: bigint;
  readonly tell: (event: SubmitterEvent, call: Call) => void;
}

export class Pricing {
  readonly #options: PricingOptions;
  /** The nonce for which a job was last warned of the limit: once for each nonce is enough. */
  readonly #warned = new WeakMap<Job, number>();

  constructor(options: PricingOptions) {
    this.#options = options;
  }

  /** What to offer for `job` now. Tells when the limit bites, and once before it does. */
  price(slot: NonceSlot, job: Job, market: MarketAt): Fees {
    const offered = this.#offer(slot, job, market, slot.feesToBeat);
    if (offered.capped) this.#tell("feeCapReached", slot, job, offered);
    else this.#warn(slot, job, offered);
    const { maxFeePerGas, maxPriorityFeePerGas } = offered;
    return { maxFeePerGas, maxPriorityFeePerGas };
  }

  /** Whether what is out offers what would be offered now. */
  isEnough(slot: NonceSlot, job: Job, market: MarketAt): boolean {
    if (slot.fees === undefined) return false;
    const wanted = this.#offer(slot, job, market);
    return (
      slot.fees.maxFeePerGas >= wanted.maxFeePerGas &&
      slot.fees.maxPriorityFeePerGas >= wanted.maxPriorityFeePerGas
    );
  }

  /** Warns of the fee limit while we wait, before it bites. */
  watch(slot: NonceSlot, job: Job, head: BlockNumber, baseFee: bigint): void {
    if (slot.market === undefined) return;
    const market = { ...slot.market, baseFee, head, span: head - slot.market.earlier };
    this.#warn(slot, job, this.#offer(slot, job, market));
  }

  /** Blocks that can still take `job` and whoever waits under this nonce or behind it. */
  leftFor(slot: NonceSlot, job: Job | undefined, head: BlockNumber): number {
    return Math.min(...this.#waiting(slot, job).map(({ call }) => blocksLeft(call, head)));
  }

  /**
   * What has no deadline leaves room to be outbid, unless something behind it has one. What fills a
   * nonce has to outbid whatever was there.
   */
  capOf(slot: NonceSlot, job: Job): bigint {
    const { maxFeePerGas } = this.#options;
    const waiting = this.#waiting(slot, job);
    const canWait = waiting.every(({ call }) => call.deadlineBlock === undefined) && !job.isFiller;
    return canWait ? (maxFeePerGas * PATIENT_FEE_CAP_PERCENT) / 100n : maxFeePerGas;
  }

  /** Whether more than these fees can be offered, for gas or for a minimum of the tip. */
  canRaise(slot: NonceSlot, job: Job, { maxFeePerGas, maxPriorityFeePerGas }: Fees): boolean {
    const cap = this.capOf(slot, job);
    return (
      maxFeePerGas < cap || (maxPriorityFeePerGas < slot.floor.tip && maxPriorityFeePerGas < cap)
    );
  }

  /**
   * Whether `balance` (wei) pays for `job` under this nonce beside all that is out, should fees rise
   * to what is kept in reserve. One that takes the place of another, or that nobody else waits
   * beside, is sent whatever there is.
   */
  isFunded(slot: NonceSlot, { job, gas }: Holder, balance: bigint): boolean {
    const { line, maxFeePerGas } = this.#options;
    const others = line.slots.filter((one) => one !== slot);
    if (slot.versions.length > 0 || !others.some(({ isAwaited }) => isAwaited)) return true;
    const paid = others.map(({ fees }) => (fees?.maxFeePerGas ?? 0n) * RESERVE);
    const most = paid.reduce((a, b) => (a > b ? a : b));
    const fee = most < maxFeePerGas ? most : maxFeePerGas;
    const all = [{ job, gas }, ...others.map(({ offered }) => offered)];
    const costs = all.map((one) =>
      one === undefined ? 0n : one.gas * fee + (one.job.call.value ?? 0n),
    );
    return costs.reduce((a, b) => a + b) <= balance;
  }

  #offer(slot: NonceSlot, job: Job, market: MarketAt, previous?: Fees): Offer {
    const left = this.leftFor(slot, job, market.head);
    return offer(market, left, this.capOf(slot, job), previous, slot.floor);
  }

  /** Also those that had to give way: they wait for the same nonce. */
  #waiting(slot: NonceSlot, job?: Job): Job[] {
    const behind = this.#options.line.behind(slot).flatMap((one) => [one.owner, ...one.jobs()]);
    const waiting = behind.filter((one) => one?.settled === false);
    return [job, ...waiting].filter((one) => one !== undefined);
  }

  #warn(slot: NonceSlot, job: Job, offered: Offer): void {
    if (!offered.capNear || this.#warned.get(job) === slot.nonce) return;
    this.#warned.set(job, slot.nonce);
    this.#tell("feeCapNear", slot, job, offered);
  }

  #tell(
    kind: "feeCapNear" | "feeCapReached",
    slot: NonceSlot,
    job: Job,
    { needed, forecast }: Offer,
  ): void {
    const cap = this.capOf(slot, job);
    this.#options.tell({ kind, needed, forecast, cap, hint: RAISE_THE_LIMIT }, job.call);
  }
}

/** Blocks that can still take it; infinity where any can. */
export function blocksLeft({ deadlineBlock }: Call, head: BlockNumber): number {
  return deadlineBlock === undefined ? Number.POSITIVE_INFINITY : deadlineBlock - head;
}
