/** One nonce of a key: a state that only the events of nextSlot.ts change, and views of it. */
import type { FeeFloor } from "../rpc/errorKinds.ts";
import { isSameCall, type Job } from "./call.ts";
import type { Fees, MarketAt } from "./fees.ts";
import {
  currentOf,
  EMPTY_SLOT,
  type Holder,
  holderOf,
  type MinedVersion,
  nextSlot,
  outstandingOf,
  type SlotEvent,
  type SlotPhase,
  type SlotState,
  type Version,
  versionsOf,
} from "./nextSlot.ts";

export class NonceSlot {
  readonly nonce: number;
  #state: SlotState = EMPTY_SLOT;

  constructor(nonce: number) {
    this.nonce = nonce;
  }

  /** Throws `Alarm` for an event that cannot be in this state. */
  apply(event: SlotEvent): void {
    this.#state = nextSlot(this.#state, event);
  }

  get kind(): SlotPhase["kind"] {
    return this.#state.phase.kind;
  }

  /** The call that has the nonce, whether a caller still waits for it or not. */
  get holder(): Holder | undefined {
    return holderOf(this.#state.phase);
  }

  /** The holder's job while its caller still waits. */
  get owner(): Job | undefined {
    const job = this.holder?.job;
    return job?.settled === false ? job : undefined;
  }

  /** Whether any caller waits for a transaction of this nonce. */
  get isAwaited(): boolean {
    return this.owner !== undefined || this.jobs().some(({ settled }) => !settled);
  }

  /** All that was broadcast, the newest first. */
  get versions(): readonly Version[] {
    return versionsOf(this.#state.phase);
  }

  /** The version that nodes should have; undefined while none is broadcast. */
  get current(): Version | undefined {
    return currentOf(this.#state.phase);
  }

  /** The jobs of the versions that may be mined, but for those that have another nonce now. */
  jobs(): readonly Job[] {
    return [...new Set(outstandingOf(this.#state.phase).map(({ job }) => job))];
  }

  /** The version that was mined, as it was last seen; undefined: none was. */
  get lastMined(): MinedVersion | undefined {
    return this.#state.progress.lastMined;
  }

  /** The fees of the newest version. */
  get fees(): Fees | undefined {
    return this.versions[0]?.fees;
  }

  /** Fees that the next version has to exceed; undefined: none. */
  get feesToExceed(): Fees | undefined {
    return this.#state.progress.competing ?? this.fees;
  }

  /** The least that nodes named, in wei for a unit of gas; 0: nothing. */
  get floor(): FeeFloor {
    return this.#state.progress.floor;
  }

  /** The cost of blocks at the last attempt. */
  get market(): MarketAt | undefined {
    return this.#state.progress.market;
  }

  /** Polls since the last attempt. */
  get polls(): number {
    return this.#state.progress.polls;
  }

  /** Polls in a row that showed the nonce used, and no receipt. */
  get pollsAfterUse(): number {
    return this.#state.progress.pollsAfterUse;
  }

  attempts(job: Job): number {
    return this.#state.progress.attempts.get(job) ?? 0;
  }

  /** Whether a version of `job` can be mined under the nonce, or `job` has the nonce. */
  holds(job: Job): boolean {
    return this.owner === job || this.jobs().includes(job);
  }

  /** Whether a version that can be mined, or one to come, does the same as `job`. */
  does(job: Job): boolean {
    return [...this.jobs(), this.owner].some((one) => one !== undefined && isSameCall(one, job));
  }
}
