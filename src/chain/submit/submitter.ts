/**
 * Sends transactions of one key, several nonces at a time: simulates each first, prices it by its
 * deadline and by those behind it, and replaces it while it is stuck, or when a more urgent one
 * comes. What is sent at once must not depend on each other: whoever needs an order awaits. Nothing
 * that is remembered is needed after a restart: the nonce is the chain's, and what is sent takes
 * the place of what a former process left behind, the lowest nonce first. While it runs, it offers
 * again what a reorganisation dropped.
 */
import type { Address } from "../../base/hex.ts";
import { sleep } from "../../base/sleep.ts";
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
import { type Call, isSameCall, type Job, type Mined } from "./call.ts";
import type { SubmitterEvent } from "./events.ts";
import { URGENT_BLOCKS } from "./fees.ts";
import { KeyedCalls } from "./keyedCalls.ts";
import { byUrgency, MOST_IN_FLIGHT, NonceLine } from "./nonceLine.ts";
import type { NonceSlot } from "./nonceSlot.ts";
import { blocksLeft, Pricing } from "./pricing.ts";
import { type Settled, settledOf } from "./settled.ts";
import { simulate } from "./simulate.ts";

export type { Call, Mined } from "./call.ts";
export type { SubmitterEvent } from "./events.ts";
export { MOST_IN_FLIGHT } from "./nonceLine.ts";

export interface SubmitterOptions {
  readonly client: ChainClient;
  readonly signer: TransactionSigner;
  readonly chainId: number;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas: bigint;
  /** Milliseconds between two polls for a receipt. */
  readonly pollMs: number;
  /** Looks for a receipt before the transaction is replaced by a dearer one. */
  readonly pollsBeforeReplacement?: number;
  /** Replacements before one without a deadline is given up; fees rise by an eighth with each. */
  readonly maxReplacements?: number;
  /** Waiting ends at once when it is aborted; what was sent may still be mined. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SubmitterEvent, call: Call) => void;
}

const DEFAULT_LOOKS = 30;
/** Looks for a receipt after its nonce was used: endpoints lag behind each other. */
const POLLS_AFTER_NONCE_USED = 3;
/** Looks that show an older nonce before it is believed, for the same reason. */
const POLLS_BEHIND = 3;
const UNKNOWN_PENDING_HINT =
  "a former process left it, or another program sends with this key, which needs one of its own";
/**
 * Times that a call is sent again because its transaction was mined and reverted: state can move
 * between estimate and block so that more gas is needed, as where a round begins.
 */
const MOST_REVERTS = 2;

export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #queue: Job[] = [];
  readonly #line = new NonceLine();
  readonly #pricing: Pricing;
  readonly #attempts: Attempts;
  readonly #keyed: KeyedCalls;
  #working = false;
  #pollsBehind = 0;
  #newestMined = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    const shared = { ...options, line: this.#line, tell: this.#tell.bind(this) };
    this.#pricing = new Pricing(shared);
    this.#keyed = new KeyedCalls(options.client, options.signer.address);
    this.#attempts = new Attempts({
      ...{ ...shared, pricing: this.#pricing },
      onSent: ({ key }, sent) => key !== undefined && this.#keyed.note(key, sent),
    });
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
   * `DeadlineMissed`, `InsufficientFunds`, `TransactionLost`, `RpcUnavailable`, `KeyInUse`, or what
   * the signer does. A call with a `key` can be repeated safely.
   */
  send(call: Call): Promise<Mined> {
    const { key } = call;
    return key === undefined
      ? this.#enqueue(call)
      : this.#keyed.once(key, call, () => this.#enqueue(call));
  }

  #enqueue(call: Call): Promise<Mined> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ call, reverts: 0, settled: false, isFiller: false, resolve, reject });
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#queue.length > 0) {
      this.#attempts.renew();
      try {
        this.#dropUnwanted();
        await this.#sendAll();
        await this.#fillGaps();
        if (this.#queue.length > 0) await this.#watch();
        if (this.#options.signal?.aborted) this.#stop();
      } catch (error) {
        this.#failAll(() => error);
      }
    }
    this.#working = false;
  }

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

  /** What is out of them may still be mined; nothing is done for it. */
  #dropUnwanted(): void {
    this.#failAll(
      ({ call }) => new TransactionLost(call.what, "it is not wanted any more"),
      this.#queue.filter(({ call }) => call.signal?.aborted),
    );
  }

  /** Gives nonces to the calls that are the most urgent, as far as there are some now. */
  async #sendAll(): Promise<void> {
    // Stable: those alike go as they came. Not all at once: what is out wants to be seen to.
    const jobs = this.#queue
      .filter((job) => this.#line.mayPlace(job))
      .sort(byUrgency)
      .slice(0, MOST_IN_FLIGHT);
    const [first] = jobs;
    if (first === undefined || this.#options.signal?.aborted) return;
    const start = await this.#start(first.call).catch((error: unknown) => {
      // What is out may be mined meanwhile, and others can wait for their place.
      if (!this.#line.isAwaited) this.#failAll(() => error, jobs);
    });
    if (start === undefined) return;
    for (const job of jobs) {
      if (this.#options.signal?.aborted) return;
      if (job.settled || !this.#line.mayPlace(job)) continue;
      try {
        if (!(await this.#sendOne(job, start))) return;
      } catch (error) {
        this.#fail(job, error);
      }
    }
  }

  /** Whether more may be sent now. */
  async #sendOne(job: Job, { nonce, balance }: Start): Promise<boolean> {
    const gas = await this.#simulate(job.call);
    const known = new Set(this.#line.slots);
    const slot = this.#line.placeFor(job, nonce, this.#queue);
    const isNew = (one: NonceSlot) => !known.has(one);
    await this.#rebroadcast(this.#line.slots.filter((one) => one !== slot && isNew(one)));
    if (slot === undefined) return true;
    const { owner, isUndone } = slot;
    slot.gas.set(job, gas);
    try {
      // Nodes want the means for all that waits: once the others are mined, it may pass.
      if (!this.#pricing.isFunded(slot, job, balance)) return false;
      await this.#attempts.attempt(slot, job);
    } catch (error) {
      const mayPassLater = error instanceof InsufficientFunds || kindOf(error) === "nonceTooHigh";
      if (mayPassLater && this.#line.isAwaited) return false;
      throw error;
    } finally {
      this.#line.giveBack(slot);
    }
    if (owner !== undefined) this.#tell({ kind: "preempted", by: job.call.what }, owner.call);
    const isBehind = (one: NonceSlot) => one.nonce > slot.nonce && !isNew(one);
    if (isUndone && isNew(slot)) await this.#rebroadcast(this.#line.slots.filter(isBehind));
    return true;
  }

  /** What nobody wants any more must not hold up what waits behind it. */
  async #fillGaps(): Promise<void> {
    for (const slot of this.#line.gaps()) {
      if (this.#options.signal?.aborted) return;
      // What a reorganisation has undone is offered again, and may be mined as it was.
      if (slot.job?.isFiller || (slot.isUndone && slot.polls < this.#maxPolls)) continue;
      await this.#attempts.fill(slot);
    }
  }

  /** Looks for a receipt before a transaction is replaced. */
  get #maxPolls(): number {
    return this.#options.pollsBeforeReplacement ?? DEFAULT_LOOKS;
  }

  /** By the chain. Tells of strangers. Throws `RpcUnavailable`. */
  async #start(call: Call): Promise<Start> {
    const start = await readStart(this.#options.client, this.address);
    const firstNonce = this.#line.knownEnd(start.nonce);
    if (start.pendingNonce > firstNonce) {
      const lastNonce = start.pendingNonce - 1;
      this.#tell(
        { kind: "unknownPending", firstNonce, lastNonce, hint: UNKNOWN_PENDING_HINT },
        call,
      );
    }
    return start;
  }

  /** A poll of what is out, after a pause. */
  async #watch(): Promise<void> {
    const { pollMs, signal } = this.#options;
    await sleep(pollMs, signal).catch(() => {});
    if (signal?.aborted) return;
    this.#attempts.renew();
    // Both before the receipts: what they say is then true of any receipt that is missing.
    const now = await this.#readAccount();
    await this.#collect(now?.nonce);
    this.#dropUnwanted();
    if (now !== undefined) {
      await this.#goBack(now.nonce);
      this.#failAll(
        ({ call }) => new DeadlineMissed(call.what, call.deadlineBlock as number, now.head),
        this.#queue.filter(({ call }) => blocksLeft(call, now.head) <= 0),
      );
    }
    for (const slot of this.#line.slots) {
      if (signal?.aborted) return;
      await this.#tend(slot, now);
    }
  }

  /** When several polls in a row show that what came before is gone, offers it again. */
  async #goBack(next: number): Promise<void> {
    const { slots } = this.#line;
    this.#pollsBehind = next < (slots[0]?.nonce ?? next) ? this.#pollsBehind + 1 : 0;
    if (this.#pollsBehind < POLLS_BEHIND) return;
    this.#pollsBehind = 0;
    this.#line.goBack(next);
    await this.#rebroadcast(this.#line.slots);
  }

  /** What a reorganisation has undone, and what followed: it may have left the pools with it. */
  async #rebroadcast(slots: readonly NonceSlot[]): Promise<void> {
    const { client, signal } = this.#options;
    for (const { offered, nonce, isUndone, isAwaited } of slots) {
      if (offered === undefined || signal?.aborted || !(isUndone || isAwaited)) continue;
      await broadcast(client, offered.raw);
      this.#tell({ kind: "rebroadcast", nonce }, offered.job.call);
    }
  }

  /** What is out may still be mined; nobody waits for it any more. */
  #stop(): void {
    const isOut = (job: Job) => this.#line.slots.some((slot) => slot.jobs().includes(job));
    this.#failAll((job) => {
      const why = isOut(job) ? "we stopped waiting for it" : "we stop and do not send it";
      return new TransactionLost(job.call.what, why);
    });
  }

  /** Undefined when the chain does not answer: the next poll may. */
  async #readAccount(): Promise<AccountView | undefined> {
    try {
      return await readAccount(this.#options.client, this.address);
    } catch (error) {
      if (!(error instanceof RpcUnavailable)) throw error;
      const owner = this.#line.slots.find((slot) => slot.owner !== undefined)?.owner;
      if (owner !== undefined) this.#tell({ kind: "pollFailed" }, owner.call);
      return undefined;
    }
  }

  /** Settles what is mined. `next`: the key's next nonce, if it is known. */
  async #collect(next: number | undefined): Promise<void> {
    for (const slot of this.#line.slots) {
      const settled = await settledOf(slot, this.#options.client, {
        onBlock: (block) => {
          this.#newestMined = Math.max(this.#newestMined, block);
        },
        simulate: (call) => this.#simulate(call),
      });
      if (settled !== undefined) {
        const { version, job } = settled;
        // An endpoint that lags had us look again at what was never undone: that was told before.
        const isNews = version.block !== slot.mined?.block;
        this.#line.settle(slot, version);
        if (isNews) this.#settle({ ...settled, job: this.#waitingFor(job) });
      } else if (next === undefined || slot.nonce >= next) {
        return;
      }
    }
  }

  /**
   * Who gave up on a call, or saw it undone, and sent it again has it done once. Whoever wants it
   * once more, and just then, cannot be told apart: duties never do.
   */
  #waitingFor(job: Job): Job {
    if (!job.settled) return job;
    const isOut = (one: Job) => this.#line.slots.some((slot) => slot.holds(one));
    return this.#queue.find((one) => isSameCall(one, job) && !isOut(one)) ?? job;
  }

  /** Sees to one that is not known to be mined; `now` is undefined when the poll failed. */
  async #tend(slot: NonceSlot, now: AccountView | undefined): Promise<void> {
    if (now !== undefined && slot.nonce < now.nonce) {
      slot.pollsAfterUse += 1;
      if (slot.pollsAfterUse >= POLLS_AFTER_NONCE_USED) this.#lose(slot);
      return;
    }
    if (now !== undefined) slot.pollsAfterUse = 0;
    const { job } = slot;
    if (job === undefined || this.#line.behind(slot).length === 0) return;
    slot.polls += 1;
    if (job.settled && !job.isFiller) {
      // Whoever is due soon cannot wait until it is mined as it was.
      if (now !== undefined && this.#isPressing(slot, now.head)) slot.polls = this.#maxPolls;
      return;
    }
    const isStuck = slot.polls >= this.#maxPolls;
    if (isStuck || (now !== undefined && this.#isPressing(slot, now.head))) {
      await this.#attempts.attempt(slot, job).catch((error) => this.#fail(job, error));
    } else if (now !== undefined) {
      this.#pricing.watch(slot, job, now.head, now.baseFee);
    }
  }

  /** Near the deadline each block that leaves it out is answered by a better offer. */
  #isPressing(slot: NonceSlot, head: BlockNumber): boolean {
    const left = this.#pricing.leftFor(slot, undefined, head);
    return left < URGENT_BLOCKS && head > (slot.market?.head ?? 0) + 1;
  }

  /** Whoever sent it again is told, too: it may have been done, and must not be done twice. */
  #lose(slot: NonceSlot): void {
    this.#line.settle(slot, undefined);
    const why =
      `nonce ${slot.nonce} of ${this.address} was used by a transaction that is not ours, or of ` +
      `which no endpoint knows: ${UNKNOWN_PENDING_HINT}`;
    const waiting = slot.jobs().map((job) => this.#waitingFor(job));
    this.#failAll(({ call }) => new TransactionLost(call.what, why), waiting);
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
