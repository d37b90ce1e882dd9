/** The fees of a transaction, given those that wait behind it: those are mined after it. */
import type { BlockNumber } from "../../protocol/units.ts";
import type { Call, Job } from "./call.ts";
import type { SubmitterEvent } from "./events.ts";
import { type FeeQuote, type Fees, type MarketAt, quoteFees } from "./fees.ts";
import type { Holder } from "./nextSlot.ts";
import type { NonceLine } from "./nonceLine.ts";
import type { NonceSlot } from "./nonceSlot.ts";

/** Share of the limit for calls that can wait: a replacement needs room above it. */
const PATIENT_FEE_CAP_PERCENT = 75n;
/** Balance reserved for each pending transaction, as a multiple of the highest fee. */
const RESERVE_MULTIPLE = 4n;
const RAISE_THE_LIMIT = "raise `maxFeePerGas` in the configuration and start again";

export interface PricingOptions {
  readonly line: NonceLine;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas: bigint;
  readonly emit: (event: SubmitterEvent, call: Call) => void;
}

export class Pricing {
  readonly #options: PricingOptions;
  /** The nonce for which a job was last warned of the limit: once for each nonce is enough. */
  readonly #warned = new WeakMap<Job, number>();

  constructor(options: PricingOptions) {
    this.#options = options;
  }

  /** The fees to pay for `job` now. Emits when the limit bites, and once before it does. */
  price(slot: NonceSlot, job: Job, market: MarketAt): Fees {
    const quote = this.#quote(slot, job, market, slot.feesToExceed);
    if (quote.capped) this.#emit("feeCapReached", slot, job, quote);
    else this.#warn(slot, job, quote);
    const { maxFeePerGas, maxPriorityFeePerGas } = quote;
    return { maxFeePerGas, maxPriorityFeePerGas };
  }

  /** Whether the newest version pays what a version that is made now would pay. */
  isEnough(slot: NonceSlot, job: Job, market: MarketAt): boolean {
    if (slot.fees === undefined) return false;
    const wanted = this.#quote(slot, job, market);
    return (
      slot.fees.maxFeePerGas >= wanted.maxFeePerGas &&
      slot.fees.maxPriorityFeePerGas >= wanted.maxPriorityFeePerGas
    );
  }

  /** Warns of the fee limit between two attempts, before it bites. */
  warnIfNear(slot: NonceSlot, job: Job, head: BlockNumber, baseFee: bigint): void {
    if (slot.market === undefined) return;
    const market = { ...slot.market, baseFee, head, span: head - slot.market.earlier };
    this.#warn(slot, job, this.#quote(slot, job, market));
  }

  /** Blocks that can still take `job` and all that wait under this nonce or behind it. */
  leftFor(slot: NonceSlot, job: Job | undefined, head: BlockNumber): number {
    return Math.min(...this.#waiting(slot, job).map(({ call }) => blocksLeft(call, head)));
  }

  /**
   * Calls without a deadline leave room for a replacement, unless a call behind them has one. A
   * no-op transaction has to be priced higher than all that was there.
   */
  capOf(slot: NonceSlot, job: Job): bigint {
    const { maxFeePerGas } = this.#options;
    const waiting = this.#waiting(slot, job);
    const canWait = waiting.every(({ call }) => call.deadlineBlock === undefined) && !job.isNoOp;
    return canWait ? (maxFeePerGas * PATIENT_FEE_CAP_PERCENT) / 100n : maxFeePerGas;
  }

  /** Whether the limit allows for more than these fees, for gas or for a minimum of the tip. */
  canBump(slot: NonceSlot, job: Job, { maxFeePerGas, maxPriorityFeePerGas }: Fees): boolean {
    const cap = this.capOf(slot, job);
    return (
      maxFeePerGas < cap || (maxPriorityFeePerGas < slot.floor.tip && maxPriorityFeePerGas < cap)
    );
  }

  /**
   * Whether `balance` (wei) pays for the call beside all that is pending, should fees rise to what
   * is reserved. A call that replaces another, or that no other waits beside, is sent whatever the
   * balance.
   */
  isFunded(slot: NonceSlot, holder: Holder, balance: bigint): boolean {
    const { line, maxFeePerGas } = this.#options;
    const others = line.slots.filter((one) => one !== slot);
    if (slot.versions.length > 0 || !others.some(({ isAwaited }) => isAwaited)) return true;
    const paid = others.map(({ fees }) => (fees?.maxFeePerGas ?? 0n) * RESERVE_MULTIPLE);
    const most = paid.reduce((a, b) => (a > b ? a : b));
    const fee = most < maxFeePerGas ? most : maxFeePerGas;
    const pending = others.map(({ current }) => current).filter((one) => one !== undefined);
    const costs = [holder, ...pending].map(({ job, gas }) => gas * fee + (job.call.value ?? 0n));
    return costs.reduce((a, b) => a + b) <= balance;
  }

  #quote(slot: NonceSlot, job: Job, market: MarketAt, previous?: Fees): FeeQuote {
    const left = this.leftFor(slot, job, market.head);
    return quoteFees(market, left, this.capOf(slot, job), previous, slot.floor);
  }

  /** Calls that had to give way count, too: they wait for the same nonce. */
  #waiting(slot: NonceSlot, job?: Job): Job[] {
    const line = this.#options.line.fromSlotOn(slot);
    const jobs = line.flatMap((one) => [one.owner, ...one.jobs()]);
    const waiting = jobs.filter((one) => one?.settled === false);
    return [job, ...waiting].filter((one) => one !== undefined);
  }

  #warn(slot: NonceSlot, job: Job, quote: FeeQuote): void {
    if (!quote.capNear || this.#warned.get(job) === slot.nonce) return;
    this.#warned.set(job, slot.nonce);
    this.#emit("feeCapNear", slot, job, quote);
  }

  #emit(
    kind: "feeCapNear" | "feeCapReached",
    slot: NonceSlot,
    job: Job,
    { needed, forecast }: FeeQuote,
  ): void {
    const cap = this.capOf(slot, job);
    this.#options.emit({ kind, needed, forecast, cap, hint: RAISE_THE_LIMIT }, job.call);
  }
}

/** Blocks that can still take the call; infinity where any can. */
export function blocksLeft({ deadlineBlock }: Call, head: BlockNumber): number {
  return deadlineBlock === undefined ? Number.POSITIVE_INFINITY : deadlineBlock - head;
}
