/**
 * The nonces of one key that are in flight, and who gets which. Several at once, so that a block
 * can take more than one of our transactions; each call under one nonce only, so that none is done
 * twice. What was mined is remembered for a while: a reorganisation may undo it, and then it keeps
 * its nonce, for which it is offered again. Pure: what the chain says is given.
 */
import type { Job } from "./call.ts";
import type { MinedVersion } from "./nextSlot.ts";
import { NonceSlot } from "./nonceSlot.ts";

/** Nodes keep so many transactions of one account in their pools, however full these are. */
export const MOST_IN_FLIGHT = 16;
/** No reorganisation that we survive drops as many transactions of ours. */
const MOST_REMEMBERED = 64;
const NEVER = Number.MAX_SAFE_INTEGER;

export class NonceLine {
  #slots: NonceSlot[] = [];
  /** By nonce, as they were mined. */
  readonly #mined = new Map<number, NonceSlot>();

  /** By nonce, the lowest first. */
  get slots(): readonly NonceSlot[] {
    return this.#slots;
  }

  /** Whether anybody waits for what is out. */
  get isAwaited(): boolean {
    return this.#slots.some((slot) => slot.isAwaited);
  }

  /** The nonce behind all that is known to be out; `next`: the key's next by the chain. */
  end(next: number): number {
    return Math.max(next, (this.#slots.at(-1)?.nonce ?? -1) + 1);
  }

  /** The same with what was mined: endpoints that lag do not know all of it. */
  knownEnd(next: number): number {
    return Math.max(this.end(next), ...[...this.#mined.keys()].map((nonce) => nonce + 1));
  }

  /**
   * The slot under which `job` may be sent now: the lowest that is free or belongs to a lesser one,
   * else a new one behind all. Undefined: none, for now. Where it is out already, or another that
   * does the same, no other slot will do. `next`: the key's next nonce by the chain; what was mined
   * from there on may be undone, and is in the line again then. `queued`: all that wait for a place
   * or a block, `job` among them.
   */
  placeFor(job: Job, next: number, queued: readonly Job[] = [job]): NonceSlot | undefined {
    this.#forgetIdle(next, queued);
    this.#reopen(next, this.knownEnd(next) - 1);
    const open = this.#slots.filter(({ nonce }) => nonce >= next);
    const own = this.#ownOf(job);
    if (own !== undefined) return open.includes(own) && mayTake(own, job) ? own : undefined;
    const taken = open.find((slot) => slot.kind !== "reorged" && mayTake(slot, job));
    if (taken !== undefined || this.#isFull) return taken;
    const nonce = this.end(next);
    this.#reopen(nonce, nonce);
    return this.#slots.at(-1);
  }

  /** Whether there may be a place, before the chain is asked. */
  mayPlace(job: Job): boolean {
    const own = this.#ownOf(job);
    if (own !== undefined) return mayTake(own, job);
    return (
      !this.#isFull || this.#slots.some((slot) => slot.kind !== "reorged" && mayTake(slot, job))
    );
  }

  /** One that nothing is out under, and that nobody else stands behind, was never taken. */
  giveBack(slot: NonceSlot): void {
    const isLast = this.#slots.at(-1) === slot;
    if (isLast && slot.versions.length === 0 && slot.owner === undefined) this.#remove(slot);
  }

  /** Its nonce is used: by that version, or by what is not ours, as far as is known. */
  settle(slot: NonceSlot, mined: MinedVersion | undefined): void {
    slot.apply(mined === undefined ? { kind: "lost" } : { kind: "mined", mined });
    this.#remove(slot);
    this.#mined.delete(slot.nonce);
    this.#mined.set(slot.nonce, slot);
    const [oldest] = this.#mined.keys();
    if (this.#mined.size > MOST_REMEMBERED && oldest !== undefined) this.#mined.delete(oldest);
  }

  /**
   * The chain has gone back behind what is in flight, to the nonce `next`: what was mined before it
   * is in the line again.
   */
  goBack(next: number): void {
    this.#reopen(next, (this.#slots[0]?.nonce ?? next) - 1);
  }

  /** `slot` and those behind it that somebody waits for: they are mined after it. */
  behind(slot: NonceSlot): NonceSlot[] {
    return this.#slots.filter((one) => one.nonce >= slot.nonce && one.isAwaited);
  }

  /** Slots that nobody wants any more, and for which others wait. */
  gaps(): NonceSlot[] {
    return this.#slots.filter((slot) => !slot.isAwaited && this.behind(slot).length > 0);
  }

  get #isFull(): boolean {
    return this.#slots.filter(({ kind }) => kind !== "reorged").length >= MOST_IN_FLIGHT;
  }

  /** Where it is out, or another that does the same, whether somebody waits for that or not. */
  #ownOf(job: Job): NonceSlot | undefined {
    return (
      this.#slots.find((slot) => slot.holds(job)) ?? this.#slots.find((slot) => slot.does(job))
    );
  }

  /** Puts these nonces into the line, but for those that are, with what was mined under them. */
  #reopen(from: number, to: number): void {
    // An endpoint that says more than that is not on our chain.
    if (to - from >= MOST_REMEMBERED) return;
    const opened: NonceSlot[] = [];
    for (let nonce = from; nonce <= to; nonce++) {
      if (this.#slots.some((slot) => slot.nonce === nonce)) continue;
      const slot = this.#mined.get(nonce) ?? new NonceSlot(nonce);
      this.#mined.delete(nonce);
      slot.apply({ kind: "reopened" });
      opened.push(slot);
    }
    this.#slots = [...this.#slots, ...opened].sort((a, b) => a.nonce - b.nonce);
  }

  #remove(slot: NonceSlot): void {
    this.#slots = this.#slots.filter((one) => one !== slot);
  }

  /**
   * What nobody waits for is of use only while its nonce is to be had, or until its receipt is seen
   * where a queued job does the same: without it, what was just mined would be sent once more.
   */
  #forgetIdle(next: number, queued: readonly Job[]): void {
    if (this.isAwaited) return;
    const isElsewhere = (this.#slots[0]?.nonce ?? next) - next > MOST_REMEMBERED;
    const isOfUse = (slot: NonceSlot) => slot.nonce >= next || queued.some((job) => slot.does(job));
    this.#slots = isElsewhere ? [] : this.#slots.filter(isOfUse);
  }
}

/** A greater one, if it is not due later, takes the nonce of a lesser one. */
function mayTake({ owner }: NonceSlot, job: Job): boolean {
  return owner === undefined || (priorityOf(owner) < priorityOf(job) && dueOf(job) <= dueOf(owner));
}

/** Orders jobs: by when they are due, of those alike the greater first. */
export function byUrgency(a: Job, b: Job): number {
  return dueOf(a) - dueOf(b) || priorityOf(b) - priorityOf(a);
}

function dueOf({ call }: Job): number {
  return call.deadlineBlock ?? NEVER;
}

/** Of those due alike the greater goes first. */
export function priorityOf({ call }: Job): number {
  return call.priority ?? 0;
}
