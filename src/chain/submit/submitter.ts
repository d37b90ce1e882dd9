/**
 * Sends transactions of one key, several nonces at a time: simulates each first, prices it by its
 * deadline and by those behind it, and replaces it while it is stuck, or when a more urgent one
 * comes. Calls that are sent at once must not depend on each other: a caller that needs an order
 * awaits. A restart needs no memory: the nonce is the chain's, and new transactions take the place
 * of those that a former process left behind, the lowest nonce first. A running submitter
 * rebroadcasts what a reorganisation dropped. nextSlot.ts has the states of a nonce, nonceLine.ts
 * says which call gets which nonce; here are the loop and its effects.
 */
import type { Address } from "../../base/hex.ts";
import { sleep } from "../../base/sleep.ts";
import { MAX_MINED_AHEAD_BLOCKS } from "../../protocol/tolerances.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { kindOf } from "../rpc/errorKinds.ts";
import {
  DeadlineMissed,
  InsufficientFunds,
  RpcUnavailable,
  TransactionLost,
} from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { TransactionSigner } from "../signer.ts";
import { type AccountView, readAccount, readStart, type Start } from "./account.ts";
import { Attempts } from "./attempts.ts";
import { broadcast } from "./broadcast.ts";
import type { Call, Job, Mined } from "./call.ts";
import type { SubmitterEvent } from "./events.ts";
import { URGENT_BLOCKS } from "./fees.ts";
import { JobQueue } from "./jobQueue.ts";
import { KeyedCalls } from "./keyedCalls.ts";
import { byUrgency, MOST_IN_FLIGHT, NonceLine } from "./nonceLine.ts";
import type { NonceSlot } from "./nonceSlot.ts";
import { blocksLeft, Pricing } from "./pricing.ts";
import { settledOf } from "./settled.ts";
import { simulate } from "./simulate.ts";

export type { Call, Mined } from "./call.ts";
export type { SubmitterEvent } from "./events.ts";
export { MOST_IN_FLIGHT } from "./nonceLine.ts";

/** The whole interface for those that have calls to send. */
export interface CallSubmitter {
  /** The key's address. */
  readonly address: Address;
  /** The newest block that holds a transaction of this process: 0 before the first. */
  readonly newestMined: BlockNumber;
  /**
   * Resolves when mined with success. Throws `ContractRefused` (simulation or block),
   * `DeadlineMissed`, `InsufficientFunds`, `TransactionLost`, `RpcUnavailable`, `KeyInUse`, or what
   * the signer throws. A call with a `key` can be repeated safely.
   */
  send(call: Call): Promise<Mined>;
}

export interface SubmitterOptions {
  readonly client: ChainClient;
  readonly signer: TransactionSigner;
  readonly chainId: number;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas: bigint;
  /** Milliseconds between two polls for a receipt. */
  readonly pollMs: number;
  /** Polls for a receipt before the transaction is replaced by one with bumped fees. */
  readonly pollsBeforeReplacement?: number;
  /** Replacements before one without a deadline is given up; fees rise by an eighth with each. */
  readonly maxReplacements?: number;
  /** An abort ends the waiting at once; transactions that are broadcast may still be mined. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SubmitterEvent, call: Call) => void;
}

const DEFAULT_POLLS = 30;
/** Polls for a receipt after the nonce was used: endpoints lag behind each other. */
const POLLS_AFTER_NONCE_USED = 3;
/** Receipts of a nonce that is not used by their block, before one is believed all the same. */
const MOST_DOUBTS = 6;
/** Polls that show an older nonce before it is believed, for the same reason. */
const POLLS_BEHIND = 3;
const UNKNOWN_PENDING_HINT =
  "a former process left it, or another program sends with this key, which needs one of its own";

export class Submitter implements CallSubmitter {
  readonly #options: SubmitterOptions;
  readonly #queue = new JobQueue();
  readonly #line = new NonceLine();
  readonly #pricing: Pricing;
  readonly #attempts: Attempts;
  readonly #keyed: KeyedCalls;
  /** Receipts that the account's nonces contradicted. */
  readonly #doubts = new WeakMap<NonceSlot, number>();
  #working = false;
  #pollsBehind = 0;
  #newestMined = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    const shared = { ...options, line: this.#line, emit: this.#emit.bind(this) };
    this.#pricing = new Pricing(shared);
    this.#keyed = new KeyedCalls(options.client, options.signer.address);
    this.#attempts = new Attempts({
      ...shared,
      pricing: this.#pricing,
      onSent: ({ key }, sent) => key !== undefined && this.#keyed.note(key, sent),
    });
  }

  get address(): Address {
    return this.#options.signer.address;
  }

  get newestMined(): BlockNumber {
    return this.#newestMined;
  }

  send(call: Call): Promise<Mined> {
    const { key } = call;
    return key === undefined
      ? this.#enqueue(call)
      : this.#keyed.once(key, call, () => this.#enqueue(call));
  }

  #enqueue(call: Call): Promise<Mined> {
    const outcome = this.#queue.add(call);
    void this.#work();
    return outcome;
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#queue.jobs.length > 0) {
      this.#attempts.renew();
      try {
        this.#queue.dropUnwanted((job) => this.#isBroadcast(job));
        await this.#sendAll();
        await this.#sendNoOps();
        if (this.#queue.jobs.length > 0) await this.#poll();
        if (this.#options.signal?.aborted) this.#stop();
      } catch (error) {
        this.#queue.failAll(() => error);
      }
    }
    this.#working = false;
  }

  /** Gives nonces to the calls that are the most urgent, as far as there are some now. */
  async #sendAll(): Promise<void> {
    // The sort is stable: calls that are due alike go as they came. The number is limited, because
    // pending transactions have to be polled in between.
    const jobs = this.#queue.jobs
      .filter((job) => this.#line.mayPlace(job))
      .sort(byUrgency)
      .slice(0, MOST_IN_FLIGHT);
    const [first] = jobs;
    if (first === undefined || this.#options.signal?.aborted) return;
    const start = await this.#start(first.call).catch((error: unknown) => {
      // Pending transactions may be mined meanwhile, and other calls can wait for their place.
      if (!this.#line.isAwaited) this.#queue.failAll(() => error, jobs);
    });
    if (start === undefined) return;
    for (const job of jobs) {
      if (this.#options.signal?.aborted) return;
      if (job.settled || !this.#line.mayPlace(job)) continue;
      try {
        if (!(await this.#sendOne(job, start))) return;
      } catch (error) {
        this.#queue.fail(job, error);
      }
    }
  }

  /** Whether more may be sent now. */
  async #sendOne(job: Job, { nonce, balance }: Start): Promise<boolean> {
    const gas = await this.#simulate(job.call);
    const known = new Set(this.#line.slots);
    const slot = this.#line.placeFor(job, nonce, this.#queue.jobs);
    const isNew = (one: NonceSlot) => !known.has(one);
    await this.#rebroadcast(this.#line.slots.filter((one) => one !== slot && isNew(one)));
    if (slot === undefined) return true;
    const { owner, kind } = slot;
    const holder = { job, gas };
    try {
      // Nodes want the funds for all pending transactions; the call may pass once those are mined.
      if (!this.#pricing.isFunded(slot, holder, balance)) return false;
      await this.#attempts.attempt(slot, holder);
    } catch (error) {
      const mayPassLater = error instanceof InsufficientFunds || kindOf(error) === "nonceTooHigh";
      if (mayPassLater && this.#line.isAwaited) return false;
      throw error;
    } finally {
      this.#line.giveBack(slot);
    }
    if (owner !== undefined) this.#emit({ kind: "preempted", by: job.call.what }, owner.call);
    if (kind === "reorged" && isNew(slot)) {
      const isBehind = (one: NonceSlot) => one.nonce > slot.nonce && !isNew(one);
      await this.#rebroadcast(this.#line.slots.filter(isBehind));
    }
    return true;
  }

  /** A transaction that no caller wants any more must not hold up those behind it. */
  async #sendNoOps(): Promise<void> {
    for (const slot of this.#line.gaps()) {
      if (this.#options.signal?.aborted) return;
      // A reorged transaction is rebroadcast first, and may be mined as it was.
      const isWaiting = slot.kind === "reorged" && slot.polls < this.#maxPolls;
      if (slot.holder?.job.isNoOp || isWaiting) continue;
      await this.#attempts.sendNoOp(slot);
    }
  }

  /** Polls for a receipt before a transaction is replaced. */
  get #maxPolls(): number {
    return this.#options.pollsBeforeReplacement ?? DEFAULT_POLLS;
  }

  /** The account by the chain. Emits `unknownPending`. Throws `RpcUnavailable`. */
  async #start(call: Call): Promise<Start> {
    const start = await readStart(this.#options.client, this.address);
    const firstNonce = this.#line.knownEnd(start.nonce);
    if (start.pendingNonce > firstNonce) {
      const lastNonce = start.pendingNonce - 1;
      this.#emit(
        { kind: "unknownPending", firstNonce, lastNonce, hint: UNKNOWN_PENDING_HINT },
        call,
      );
    }
    return start;
  }

  /** One poll of all that is pending, after a pause. */
  async #poll(): Promise<void> {
    const { pollMs, signal } = this.#options;
    await sleep(pollMs, signal).catch(() => {});
    if (signal?.aborted) return;
    this.#attempts.renew();
    // Head and nonce before the receipts: both then hold for any receipt that is missing.
    const now = await this.#readAccount();
    if (now !== undefined && this.#newestMined > now.head + MAX_MINED_AHEAD_BLOCKS) {
      this.#newestMined = 0;
    }
    await this.#collect(now);
    this.#queue.dropUnwanted();
    if (now !== undefined) {
      await this.#followReorg(now.nonce);
      this.#queue.failAll(
        ({ call }) => new DeadlineMissed(call.what, call.deadlineBlock as number, now.head),
        this.#queue.jobs.filter(({ call }) => blocksLeft(call, now.head) <= 0),
      );
    }
    for (const slot of this.#line.slots) {
      if (signal?.aborted) return;
      await this.#pollSlot(slot, now);
    }
  }

  /**
   * Rebroadcasts once several polls in a row show that mined transactions are gone. Nonces that
   * were skipped by a false word, and never used, are filled at once.
   */
  async #followReorg(next: number): Promise<void> {
    const { slots } = this.#line;
    this.#pollsBehind = next < (slots[0]?.nonce ?? next) ? this.#pollsBehind + 1 : 0;
    const polls = this.#line.hasUsedFrom(next) ? POLLS_BEHIND : 1;
    if (this.#pollsBehind < polls) return;
    this.#pollsBehind = 0;
    this.#line.reopenFrom(next);
    await this.#rebroadcast(this.#line.slots);
  }

  /** Reorged transactions, and those behind them, may have left the pools together. */
  async #rebroadcast(slots: readonly NonceSlot[]): Promise<void> {
    const { client, signal } = this.#options;
    for (const { current, nonce, kind, isAwaited } of slots) {
      if (current === undefined || signal?.aborted) continue;
      if (kind !== "reorged" && !isAwaited) continue;
      await broadcast(client, current.raw);
      this.#emit({ kind: "rebroadcast", nonce }, current.job.call);
    }
  }

  /** Nobody waits any more; transactions that are broadcast may still be mined. */
  #stop(): void {
    this.#queue.failAll((job) => {
      const why = this.#isBroadcast(job)
        ? "we stopped waiting for it"
        : "we stop and do not send it";
      return new TransactionLost(job.call.what, why);
    });
  }

  #isBroadcast(job: Job): boolean {
    return this.#line.slots.some((slot) => slot.jobs().includes(job));
  }

  /** Undefined when the chain does not answer: the next poll may. */
  async #readAccount(): Promise<AccountView | undefined> {
    try {
      return await readAccount(this.#options.client, this.address);
    } catch (error) {
      if (!(error instanceof RpcUnavailable)) throw error;
      const owner = this.#line.slots.find((slot) => slot.owner !== undefined)?.owner;
      if (owner !== undefined) this.#emit({ kind: "pollFailed" }, owner.call);
      return undefined;
    }
  }

  /** Settles what is mined. */
  async #collect(now: AccountView | undefined): Promise<void> {
    const next = now?.nonce;
    for (const slot of this.#line.slots) {
      const settled = await settledOf(slot, this.#options.client, {
        isUsedBy: (block) => this.#isUsedBy(slot, block, now),
        onBlock: (block) => {
          this.#newestMined = Math.max(this.#newestMined, block);
        },
        simulate: (call) => this.#simulate(call),
      });
      if (settled !== undefined) {
        const { version, job } = settled;
        // A lagging endpoint reopens nonces that were never undone: their callers know already.
        const isNews = version.block !== slot.lastMined?.block;
        this.#line.settle(slot, version);
        if (isNews) this.#queue.settle({ ...settled, job: this.#waitingFor(job) });
      } else if (next === undefined || slot.nonce >= next) {
        return;
      }
    }
  }

  /** True where no endpoint tells, or after many doubts: the account's nonces may be the lie. */
  async #isUsedBy(slot: NonceSlot, block: BlockNumber, now?: AccountView): Promise<boolean> {
    const doubts = this.#doubts.get(slot) ?? 0;
    const question = { address: this.address, blockNumber: BigInt(block) };
    const next = await this.#options.client.getTransactionCount(question).catch(() => undefined);
    if (next === undefined || next > slot.nonce || doubts >= MOST_DOUBTS) return true;
    this.#doubts.set(slot, doubts + 1);
    if (now === undefined || now.nonce <= slot.nonce) return false;
    // Used, in a later block than the one that is named.
    this.#newestMined = Math.max(this.#newestMined, now.head);
    return true;
  }

  #waitingFor(job: Job): Job {
    return this.#queue.waitingFor(job, (one) => this.#line.slots.some((slot) => slot.holds(one)));
  }

  /** Acts on a nonce without a receipt; `now` is undefined when the poll failed. */
  async #pollSlot(slot: NonceSlot, now: AccountView | undefined): Promise<void> {
    const { holder } = slot;
    const counts = holder !== undefined && this.#line.fromSlotOn(slot).length > 0;
    const nonceUsed = now && slot.nonce < now.nonce;
    slot.apply({ kind: "polled", nonceUsed, counts });
    if (nonceUsed && slot.pollsAfterUse >= POLLS_AFTER_NONCE_USED) this.#lose(slot, now);
    if (nonceUsed || !counts) return;
    const { job } = holder;
    const isUrgent = now !== undefined && this.#isUrgent(slot, now.head);
    if (job.settled && !job.isNoOp) {
      // A call behind it that is due soon cannot wait until the transaction is mined as it was.
      if (isUrgent) slot.apply({ kind: "overdue" });
    } else if (isUrgent || slot.polls >= this.#maxPolls) {
      await this.#attempts.repeat(slot, holder).catch((error) => this.#queue.fail(job, error));
    } else if (now !== undefined) {
      this.#pricing.warnIfNear(slot, job, now.head, now.baseFee);
    }
  }

  /** Near the deadline each block without the transaction is answered by a fee bump. */
  #isUrgent(slot: NonceSlot, head: BlockNumber): boolean {
    const left = this.#pricing.leftFor(slot, undefined, head);
    return left < URGENT_BLOCKS && head > (slot.market?.head ?? 0) + 1;
  }

  /** Callers that repeated a call fail, too: it may be done, and must not be done twice. */
  #lose(slot: NonceSlot, { head }: AccountView): void {
    this.#line.settle(slot, undefined);
    // The call may be done by this block: a trial on an older one would repeat the call.
    this.#newestMined = Math.max(this.#newestMined, head);
    const why =
      `nonce ${slot.nonce} of ${this.address} was used by a transaction that is not ours, or of ` +
      `which no endpoint knows: ${UNKNOWN_PENDING_HINT}`;
    const waiting = slot.jobs().map((job) => this.#waitingFor(job));
    this.#queue.failAll(({ call }) => new TransactionLost(call.what, why), waiting);
    const { owner } = slot;
    if (owner !== undefined) this.#queue.fail(owner, new TransactionLost(owner.call.what, why));
  }

  /** As of a block that holds all our transactions: a lagging endpoint would repeat them. */
  #simulate(call: Call): Promise<bigint> {
    return simulate(this.#options.client, this.address, call, this.#newestMined);
  }

  #emit(event: SubmitterEvent, call: Call): void {
    this.#options.onEvent?.(event, call);
  }
}
