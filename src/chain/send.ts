/**
 * Sends transactions of one key, several nonces at a time: simulates each first, prices it by its
 * deadline and by those behind it, and replaces it while it is stuck, or when a more urgent one
 * comes. What is sent at once must not depend on each other: whoever needs an order awaits. Nothing
 * that is remembered is needed after a restart: the nonce is the chain's, so what a former process
 * left behind is replaced. While it runs, it offers again what a reorganisation dropped.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Address } from "../base/hex.ts";
import type { BlockNumber } from "../protocol/units.ts";
import { DeadlineMissed, InsufficientFunds, RpcUnavailable, TransactionLost } from "./errors.ts";
import { ask, type ChainClient } from "./rpc.ts";
import { Attempts } from "./sending/attempts.ts";
import { type Call, isFiller, isSameCall, type Job, type Mined } from "./sending/call.ts";
import type { SubmitterEvent } from "./sending/events.ts";
import { URGENT_BLOCKS } from "./sending/fees.ts";
import { MinedTransactions } from "./sending/minedTransactions.ts";
import { byUrgency, NonceLine } from "./sending/nonceLine.ts";
import type { NonceSlot } from "./sending/nonceSlot.ts";
import { blocksLeft, Pricing } from "./sending/pricing.ts";
import { simulate } from "./sending/simulate.ts";
import type { Signer } from "./signer.ts";

export type { Call, Mined } from "./sending/call.ts";
export type { SubmitterEvent } from "./sending/events.ts";
export { MOST_IN_FLIGHT } from "./sending/nonceLine.ts";

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
  /** Replacements before one without a deadline is given up; fees rise by an eighth with each. */
  readonly maxReplacements?: number;
  /** Waiting ends at once when it is aborted; what was sent may still be mined. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SubmitterEvent, call: Call) => void;
}

/** What became of a job whose transaction was mined. */
interface Settled {
  readonly job: Job;
  /** `reverted`: it would pass now, so that it can be sent again. */
  readonly outcome: Mined | Error | "reverted";
}

const DEFAULT_LOOKS = 30;
/** Looks for a receipt after its nonce was used: endpoints lag behind each other. */
const LOOKS_AFTER_NONCE_USED = 3;
const STRANGERS =
  "a former process left it, or another program sends with this key, which needs one of its own";
/**
 * Times that a call is sent again because its transaction was mined and reverted: state can move
 * between estimate and block so that more gas is needed, as where a round begins.
 */
const MOST_REVERTS = 2;

/** The newest block and the key's next nonce, by one look. */
interface Look {
  readonly head: BlockNumber;
  readonly baseFee: bigint;
  readonly nonce: number;
}

export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #queue: Job[] = [];
  readonly #line = new NonceLine();
  readonly #pricing: Pricing;
  readonly #attempts: Attempts;
  readonly #mined = new MinedTransactions();
  #working = false;
  #newestMined = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    const shared = { ...options, line: this.#line, tell: this.#tell.bind(this) };
    this.#pricing = new Pricing(shared);
    this.#attempts = new Attempts({ ...shared, pricing: this.#pricing });
  }

  get address(): Address {
    return this.#options.signer.address;
  }

  /** The newest block that holds a transaction of this process: 0 before the first. */
  get newestMined(): BlockNumber {
    return this.#newestMined;
  }

  /**
   * Resolves when mined with success. Throws `ContractRefused` (simulation or block),
   * `DeadlineMissed`, `InsufficientFunds`, `TransactionLost`, or `RpcUnavailable`.
   */
  send(call: Call): Promise<Mined> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ call, reverts: 0, settled: false, resolve, reject });
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#queue.length > 0) {
      try {
        await this.#sendAll();
        await this.#fillGaps();
        if (this.#line.isAwaited) await this.#watch();
        if (this.#options.signal?.aborted) this.#stop();
      } catch (error) {
        this.#failAll(() => error);
      }
    }
    this.#working = false;
  }

  // ---------------------------------------------------------------- what becomes of calls

  /** What was reverted and would pass now stays in the queue, a few times. */
  #settle({ job, outcome }: Settled): void {
    if (outcome === "reverted") {
      job.reverts += 1;
      if (job.reverts <= MOST_REVERTS) return;
      const why = "it was mined and reverted, again and again";
      this.#fail(job, new TransactionLost(job.call.what, why));
    } else if (outcome instanceof Error) {
      this.#fail(job, outcome);
    } else {
      this.#leave(job);
      job.resolve(outcome);
    }
  }

  #fail(job: Job, error: unknown): void {
    this.#leave(job);
    job.reject(error);
  }

  #failAll(error: (job: Job) => unknown, jobs: readonly Job[] = [...this.#queue]): void {
    for (const job of jobs) if (!job.settled) this.#fail(job, error(job));
  }

  #leave(job: Job): void {
    job.settled = true;
    const place = this.#queue.indexOf(job);
    if (place >= 0) this.#queue.splice(place, 1);
  }

  // ---------------------------------------------------------------- sending

  /** Gives a nonce to each call for which there is one now, the most urgent first. */
  async #sendAll(): Promise<void> {
    // Stable: those alike go as they came.
    const jobs = this.#queue.filter((job) => this.#line.mayPlace(job)).sort(byUrgency);
    const [first] = jobs;
    if (first === undefined || this.#options.signal?.aborted) return;
    const next = await this.#nextNonce(first.call).catch((error: unknown) => {
      // What is out may be mined meanwhile, and others can wait for their place.
      if (!this.#line.isAwaited) this.#failAll(() => error, jobs);
    });
    if (next === undefined) return;
    for (const job of jobs) {
      if (this.#options.signal?.aborted) return;
      if (job.settled || !this.#line.mayPlace(job)) continue;
      try {
        if (!(await this.#sendOne(job, next))) return;
      } catch (error) {
        this.#fail(job, error);
      }
    }
  }

  /** Whether more may be sent now. */
  async #sendOne(job: Job, next: number): Promise<boolean> {
    const gas = await this.#simulate(job.call);
    const slot = this.#line.placeFor(job, next);
    if (slot === undefined) return true;
    slot.gas.set(job, gas);
    if (slot.owner !== undefined) {
      this.#tell({ kind: "preempted", by: job.call.what }, slot.owner.call);
    }
    try {
      await this.#attempts.attempt(slot, job);
      return true;
    } catch (error) {
      this.#line.giveBack(slot);
      // Nodes want the means for all that waits: once the others are mined, it may pass.
      if (error instanceof InsufficientFunds && this.#line.isAwaited) return false;
      throw error;
    }
  }

  /** What nobody wants any more must not hold up what waits behind it. */
  async #fillGaps(): Promise<void> {
    for (const slot of this.#line.gaps()) {
      if (slot.job !== undefined && isFiller(slot.job)) continue;
      // Another look tries again.
      await this.#attempts.fill(slot).catch(() => {});
    }
  }

  /** By the chain. Tells of strangers. Throws `RpcUnavailable`. */
  async #nextNonce(call: Call): Promise<number> {
    const { client, onEvent } = this.#options;
    const { address } = this;
    const [nonce, pending] = await ask("a nonce", () =>
      Promise.all([
        client.getTransactionCount({ address, blockTag: "latest" }),
        client.getTransactionCount({ address, blockTag: "pending" }),
      ]),
    );
    const firstNonce = this.#line.end(nonce);
    if (pending > firstNonce) {
      const lastNonce = pending - 1;
      onEvent?.({ kind: "strangersWait", firstNonce, lastNonce, mend: STRANGERS }, call);
    }
    return nonce;
  }

  // ---------------------------------------------------------------- watching

  /** A look at what is out, after a pause. */
  async #watch(): Promise<void> {
    const { pollMs, signal, client } = this.#options;
    await sleep(pollMs, undefined, { signal }).catch(() => {});
    if (signal?.aborted) return;
    // Both before the receipts: what they say is then true of any receipt that is missing.
    const now = await this.#look();
    await this.#collect(now?.nonce);
    const { slots } = this.#line;
    if (now === undefined) {
      for (const slot of slots) await this.#tend(slot, undefined);
      return;
    }
    for (const offered of await this.#mined.offerDropped(client, now.nonce, slots)) {
      const owner = slots.find((slot) => slot.owner !== undefined)?.owner;
      if (owner !== undefined) this.#tell({ kind: "offeredAgain", ...offered }, owner.call);
    }
    this.#failAll(
      ({ call }) => new DeadlineMissed(call.what, call.deadlineBlock as number, now.head),
      this.#queue.filter(({ call }) => blocksLeft(call, now.head) <= 0),
    );
    for (const slot of slots) await this.#tend(slot, now);
  }

  /** What is out may still be mined; nobody waits for it any more. */
  #stop(): void {
    const isOut = (job: Job) => this.#line.slots.some((slot) => slot.jobs().includes(job));
    this.#failAll((job) => {
      const why = isOut(job) ? "we stopped waiting for it" : "we stop and do not send it";
      return new TransactionLost(job.call.what, why);
    });
  }

  /** Undefined when the chain does not answer: the next look may. */
  async #look(): Promise<Look | undefined> {
    const { client } = this.#options;
    const { address } = this;
    try {
      const nonce = await ask("a nonce", () =>
        client.getTransactionCount({ address, blockTag: "latest" }),
      );
      const block = await ask("its head", () => client.getBlock({ blockTag: "latest" }));
      return { head: Number(block.number), baseFee: block.baseFeePerGas ?? 0n, nonce };
    } catch (error) {
      if (!(error instanceof RpcUnavailable)) throw error;
      for (const { owner } of this.#line.slots) {
        if (owner !== undefined) this.#tell({ kind: "lookFailed" }, owner.call);
      }
      return undefined;
    }
  }

  /** Settles what is mined. `next`: the key's next nonce, if it is known. */
  async #collect(next: number | undefined): Promise<void> {
    for (const slot of this.#line.slots) {
      const settled = await this.#receiptOf(slot);
      if (settled !== undefined) {
        this.#line.remove(slot);
        this.#settle({ ...settled, job: this.#waitingFor(settled.job) });
      } else if (next === undefined || slot.nonce >= next) {
        return;
      }
    }
  }

  /** Who gave up on a call and sent it again has it done once. */
  #waitingFor(job: Job): Job {
    const again = this.#queue.find((one) => isSameCall(one, job));
    return job.settled && again !== undefined ? again : job;
  }

  /** Undefined while none of the slot's versions is known to be mined. */
  async #receiptOf(slot: NonceSlot): Promise<Settled | undefined> {
    const { client } = this.#options;
    for (const [hash, job] of slot.versions) {
      const receipt = await client.getTransactionReceipt({ hash }).catch(() => undefined);
      if (receipt === undefined) continue;
      this.#mined.remember(slot, hash);
      const block = Number(receipt.blockNumber);
      this.#newestMined = Math.max(this.#newestMined, block);
      if (receipt.status === "success") {
        const { gasUsed, effectiveGasPrice } = receipt;
        const cost = gasUsed * effectiveGasPrice;
        return { job, outcome: { transactionHash: hash, block, gasUsed, cost } };
      }
      // Something changed between simulation and block; a new simulation says what.
      const outcome = await this.#simulate(job.call).then(
        () => "reverted" as const,
        (error: Error) => error,
      );
      return { job, outcome };
    }
    return undefined;
  }

  /** Sees to one that is not known to be mined; `now` is undefined when the look failed. */
  async #tend(slot: NonceSlot, now: Look | undefined): Promise<void> {
    if (now !== undefined && slot.nonce < now.nonce) {
      slot.looksAfterUse += 1;
      if (slot.looksAfterUse >= LOOKS_AFTER_NONCE_USED) this.#lose(slot);
      return;
    }
    if (now !== undefined) slot.looksAfterUse = 0;
    const { job } = slot;
    if (job === undefined || (job.settled && !isFiller(job))) return;
    if (this.#line.behind(slot).length === 0) return;
    slot.looks += 1;
    const isStuck = slot.looks >= (this.#options.looksBeforeReplacing ?? DEFAULT_LOOKS);
    if (isStuck || (now !== undefined && this.#isPressing(slot, job, now.head))) {
      await this.#attempts.attempt(slot, job).catch((error) => this.#fail(job, error));
    } else if (now !== undefined) {
      this.#pricing.watch(slot, job, now.head, now.baseFee);
    }
  }

  /** Near the deadline each block that leaves it out is answered by a better offer. */
  #isPressing(slot: NonceSlot, job: Job, head: BlockNumber): boolean {
    const left = this.#pricing.leftFor(slot, job, head);
    return left < URGENT_BLOCKS && head > (slot.market?.head ?? 0) + 1;
  }

  #lose(slot: NonceSlot): void {
    this.#line.remove(slot);
    const why =
      `nonce ${slot.nonce} of ${this.address} was used by a transaction that is not ours: ` +
      STRANGERS;
    this.#failAll(({ call }) => new TransactionLost(call.what, why), slot.jobs());
    const { owner } = slot;
    if (owner !== undefined) this.#fail(owner, new TransactionLost(owner.call.what, why));
  }

  /** Where all that this process did is known: whoever lags would have it done again. */
  #simulate(call: Call): Promise<bigint> {
    return simulate(this.#options.client, this.address, call, this.#newestMined);
  }

  #tell(event: SubmitterEvent, call: Call): void {
    this.#options.onEvent?.(event, call);
  }
}
