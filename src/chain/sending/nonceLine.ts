/**
 * The nonces of one key that are in flight, and who gets which. Several at once, so that a block
 * can take more than one of our transactions; each job under one nonce only, so that none is done
 * twice. Pure: what the chain says is given.
 */
import { isSameCall, type Job } from "./call.ts";
import { NonceSlot } from "./nonceSlot.ts";

/** Nodes keep so many transactions of one account in their pools, however full these are. */
export const MOST_IN_FLIGHT = 16;
const NEVER = Number.MAX_SAFE_INTEGER;

export class NonceLine {
  #slots: NonceSlot[] = [];

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

  /**
   * The slot under which `job` may be sent now: the lowest that is free or belongs to a lesser one,
   * else a new one behind all. Undefined: none, for now. Where a version of it is out already, no
   * other slot will do. `next`: the key's next nonce by the chain.
   */
  placeFor(job: Job, next: number): NonceSlot | undefined {
    this.#forgetIdle(next);
    const open = this.#slots.filter(({ nonce }) => nonce >= next);
    const own = this.#ownOf(job);
    if (own !== undefined) return open.includes(own) && mayTake(own, job) ? own : undefined;
    const taken = open.find((slot) => mayTake(slot, job));
    if (taken !== undefined || this.#slots.length >= MOST_IN_FLIGHT) return taken;
    const slot = new NonceSlot(this.end(next));
    this.#slots.push(slot);
    return slot;
  }

  /** Whether there may be a place, before the chain is asked. */
  mayPlace(job: Job): boolean {
    const own = this.#ownOf(job);
    if (own !== undefined) return mayTake(own, job);
    return this.#slots.length < MOST_IN_FLIGHT || this.#slots.some((slot) => mayTake(slot, job));
  }

  /** One that nothing is out under, and that nobody else stands behind, was never taken. */
  giveBack(slot: NonceSlot): void {
    if (slot.versions.size === 0 && this.#slots.at(-1) === slot) this.remove(slot);
  }

  remove(slot: NonceSlot): void {
    this.#slots = this.#slots.filter((one) => one !== slot);
  }

  /** `slot` and those behind it that somebody waits for: they are mined after it. */
  behind(slot: NonceSlot): NonceSlot[] {
    return this.#slots.filter((one) => one.nonce >= slot.nonce && one.owner !== undefined);
  }

  /** Slots that nobody wants any more, and for which others wait. */
  gaps(): NonceSlot[] {
    return this.#slots.filter((slot) => !slot.isAwaited && this.behind(slot).length > 0);
  }

  /** Where it is out, or another that does the same, whether somebody waits for that or not. */
  #ownOf(job: Job): NonceSlot | undefined {
    return this.#slots.find((slot) =>
      [...slot.jobs(), slot.owner].some((one) => one !== undefined && isSameCall(one, job)),
    );
  }

  /** What nobody waits for is of use only while its nonce is to be had. */
  #forgetIdle(next: number): void {
    if (this.isAwaited) return;
    if (this.#slots[0] !== undefined && this.#slots[0].nonce > next) this.#slots = [];
    this.#slots = this.#slots.filter(({ nonce }) => nonce >= next);
  }
}

function mayTake({ owner }: NonceSlot, job: Job): boolean {
  return owner === undefined || priorityOf(owner) < priorityOf(job);
}

/** Orders jobs: the greater before the lesser, of those alike the one that is due first. */
export function byUrgency(a: Job, b: Job): number {
  const [due, later] = [a.call.deadlineBlock ?? NEVER, b.call.deadlineBlock ?? NEVER];
  return priorityOf(b) - priorityOf(a) || due - later;
}

/** The greater goes first. */
export function priorityOf({ call }: Job): number {
  return call.priority ?? 0;
}
