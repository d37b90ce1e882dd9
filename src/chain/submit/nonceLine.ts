/**
 * The nonces of one key that are in flight, and which call gets which. Several nonces are in flight
 * at once, so that a block can take more than one of our transactions; each call has one nonce
 * only, so that none is done twice. Mined transactions are remembered for a while: one that a
 * reorganisation undoes keeps its nonce, and is rebroadcast. Pure: what the chain says is given.
 */
import type { Job } from "./call.ts";
import type { MinedVersion } from "./nextSlot.ts";
import { NonceSlot } from "./nonceSlot.ts";

/** Transactions of one account that nodes keep in their pools, however full these are. */
export const MOST_IN_FLIGHT = 16;
/** A reorganisation that drops as many of our transactions is deeper than any we survive. */
const MOST_REMEMBERED = 64;
/** Tries to have a call of no priority mined, before it has to make way for others. */
const TRIES_BEFORE_OTHERS = 2;
const NEVER = Number.MAX_SAFE_INTEGER;

export class NonceLine {
  #slots: NonceSlot[] = [];
  /** Slots whose nonce is used, by nonce, in the order of their settlement. */
  readonly #settled = new Map<number, NonceSlot>();
  /** How often a version of a call was offered while its nonce was the first. */
  readonly #offeredFirst = new WeakMap<Job, number>();

  /** Sorted by nonce, the lowest first. */
  get slots(): readonly NonceSlot[] {
    return this.#slots;
  }

  /** Whether any caller waits for a transaction in flight. */
  get isAwaited(): boolean {
    return this.#slots.some((slot) => slot.isAwaited);
  }

  /** The nonce behind all slots of the line; `next`: the key's next by the chain. */
  end(next: number): number {
    return Math.max(next, (this.#slots.at(-1)?.nonce ?? -1) + 1);
  }

  /** The nonce behind all used ones, too: lagging endpoints do not know all of those. */
  knownEnd(next: number): number {
    return Math.max(this.end(next), ...[...this.#settled.keys()].map((nonce) => nonce + 1));
  }

  /**
   * The slot under which `job` may be sent now: the lowest that is free or that a lesser call has
   * to give up, else a new one behind all. Undefined: none, for now. A job that is broadcast
   * already, or does the same as one that is, gets no other slot. `next`: the key's next nonce by
   * the chain; transactions that were mined from there on may be undone, and are in the line again
   * then. `queued`: all jobs that wait for a place or a block, `job` among them.
   */
  placeFor(job: Job, next: number, queued: readonly Job[] = [job]): NonceSlot | undefined {
    this.#forgetIdle(next, queued);
    this.#reopen(next, this.knownEnd(next) - 1);
    const open = this.#slots.filter(({ nonce }) => nonce >= next);
    const own = this.#ownOf(job);
    if (own !== undefined) return open.includes(own) && this.#mayTake(own, job) ? own : undefined;
    const taken = open.find((slot) => slot.kind !== "reorged" && this.#mayTake(slot, job));
    if (taken !== undefined || this.#isFull) return taken;
    const nonce = this.end(next);
    this.#reopen(nonce, nonce);
    return this.#slots.at(-1);
  }

  /** Whether there may be a place, before the chain is asked. */
  mayPlace(job: Job): boolean {
    const own = this.#ownOf(job);
    if (own !== undefined) return this.#mayTake(own, job);
    const isFree = (slot: NonceSlot) => slot.kind !== "reorged" && this.#mayTake(slot, job);
    return !this.#isFull || this.#slots.some(isFree);
  }

  /** Frees the last slot of the line if no version is broadcast and no caller waits for it. */
  giveBack(slot: NonceSlot): void {
    const isLast = this.#slots.at(-1) === slot;
    if (isLast && slot.versions.length === 0 && slot.owner === undefined) this.#remove(slot);
  }

  /** The nonce is used: by that version; undefined: by none of ours, as far as is known. */
  settle(slot: NonceSlot, mined: MinedVersion | undefined): void {
    slot.apply(mined === undefined ? { kind: "lost" } : { kind: "mined", mined });
    this.#remove(slot);
    this.#settled.delete(slot.nonce);
    this.#settled.set(slot.nonce, slot);
    const [oldest] = this.#settled.keys();
    if (this.#settled.size > MOST_REMEMBERED && oldest !== undefined) this.#settled.delete(oldest);
  }

  /** Whether any nonce from `next` up to what is in flight is known to have been used. */
  hasUsedFrom(next: number): boolean {
    const first = this.#slots[0]?.nonce ?? next;
    return [...this.#settled.keys()].some((nonce) => nonce >= next && nonce < first);
  }

  /**
   * The chain has gone back behind what is in flight, to the nonce `next`: transactions that were
   * mined from there on are in the line again.
   */
  reopenFrom(next: number): void {
    this.#reopen(next, (this.#slots[0]?.nonce ?? next) - 1);
  }

  /** `slot` and those behind it, as far as a caller waits for them. */
  fromSlotOn(slot: NonceSlot): NonceSlot[] {
    return this.#slots.filter((one) => one.nonce >= slot.nonce && one.isAwaited);
  }

  /** Slots that no caller wants any more, and for which others wait. */
  gaps(): NonceSlot[] {
    return this.#slots.filter((slot) => !slot.isAwaited && this.fromSlotOn(slot).length > 0);
  }

  /**
   * The call for which a no-op has to clear the way: it has a priority, and the one under this
   * nonce, which no other nonce holds up, has none and was tried in vain. Undefined: none.
   */
  dutyHeldUpBy(slot: NonceSlot): Job | undefined {
    const isFirst = slot === this.#slots[0];
    return isFirst && this.#isInVain(slot) ? this.#firstDutyBehind(slot) : undefined;
  }

  /** A version of `job` is offered that could be mined at once: no other nonce holds it up. */
  offeredFirst(job: Job): void {
    this.#offeredFirst.set(job, (this.#offeredFirst.get(job) ?? 0) + 1);
  }

  get #isFull(): boolean {
    return this.#slots.filter(({ kind }) => kind !== "reorged").length >= MOST_IN_FLIGHT;
  }

  /** The slot of `job`, or of one that does the same, whether a caller waits for that or not. */
  #ownOf(job: Job): NonceSlot | undefined {
    return (
      this.#slots.find((slot) => slot.holds(job)) ?? this.#slots.find((slot) => slot.does(job))
    );
  }

  /** Puts these nonces into the line, as far as they are not, with what was mined under them. */
  #reopen(from: number, to: number): void {
    // An endpoint that names a nonce further away is not on our chain.
    if (to - from >= MOST_REMEMBERED) return;
    const isElsewhere = (job: Job) => this.#slots.some((slot) => slot.holds(job));
    // The highest first: of two transactions of a call the later one has not been reverted.
    for (let nonce = to; nonce >= from; nonce--) {
      if (this.#slots.some((slot) => slot.nonce === nonce)) continue;
      const slot = this.#settled.get(nonce) ?? new NonceSlot(nonce);
      this.#settled.delete(nonce);
      slot.apply({ kind: "reopened", isElsewhere });
      this.#slots = [...this.#slots, slot].sort((a, b) => a.nonce - b.nonce);
    }
  }

  /**
   * A job of higher priority takes the nonce of one that is not due earlier, or is tried in vain. A
   * no-op before a call with a priority stays where `job` has none.
   */
  #mayTake(slot: NonceSlot, job: Job): boolean {
    const { owner, holder } = slot;
    if (owner !== undefined) {
      const isFirst = dueOf(job) <= dueOf(owner) || this.#isInVain(slot);
      return isFirst && priorityOf(owner) < priorityOf(job);
    }
    const clearsTheWay = holder?.job.isNoOp && this.#firstDutyBehind(slot) !== undefined;
    return !(clearsTheWay && priorityOf(job) === 0);
  }

  /**
   * Endpoints may keep each version of a call to themselves, whatever it pays. A call with a
   * priority never makes way for one that is due later: full blocks may be the reason, and it has
   * to be mined by its deadline.
   */
  #isInVain({ owner }: NonceSlot): boolean {
    if (owner === undefined || priorityOf(owner) > 0) return false;
    return (this.#offeredFirst.get(owner) ?? 0) >= TRIES_BEFORE_OTHERS;
  }

  /** The first call with a priority that has a nonce behind `slot`. */
  #firstDutyBehind(slot: NonceSlot): Job | undefined {
    const behind = this.#slots.filter(({ nonce }) => nonce > slot.nonce);
    const owners = behind.map(({ owner }) => owner).filter((owner) => owner !== undefined);
    return owners.find((owner) => priorityOf(owner) > 0);
  }

  #remove(slot: NonceSlot): void {
    this.#slots = this.#slots.filter((one) => one !== slot);
  }

  /**
   * A slot that no caller waits for is of use only while its nonce is not used, or until its
   * receipt is seen where a queued job does the same: that job would be done twice otherwise. Any
   * other is remembered, as one whose receipt nobody looked for.
   */
  #forgetIdle(next: number, queued: readonly Job[]): void {
    if (this.isAwaited) return;
    const isElsewhere = (this.#slots[0]?.nonce ?? next) - next > MOST_REMEMBERED;
    if (isElsewhere) this.#slots = [];
    const isOfUse = (slot: NonceSlot) => slot.nonce >= next || queued.some((job) => slot.does(job));
    for (const slot of this.#slots) if (!isOfUse(slot)) this.settle(slot, undefined);
  }
}

/** Orders jobs: the earliest deadline first, of equal ones the higher priority first. */
export function byUrgency(a: Job, b: Job): number {
  return dueOf(a) - dueOf(b) || priorityOf(b) - priorityOf(a);
}

function dueOf({ call }: Job): number {
  return call.deadlineBlock ?? NEVER;
}

/** Of jobs with the same deadline the higher priority goes first. */
export function priorityOf({ call }: Job): number {
  return call.priority ?? 0;
}
