/**
 * Whether the operator that leads keeps blocks from all others. An endpoint that answers and stands
 * still seems healthy to an operator that asks no other; replicas hear that the chain went on, and
 * can do no duty that falls due before the journal has those blocks.
 */
import type { BlockNumber } from "../../protocol/units.ts";

/** How far this operator hears the chain, and how far the journal has it. */
export interface Progress {
  /** The newest block that was heard. */
  readonly head: BlockNumber;
  /** The last block that the journal holds; undefined before the first. */
  readonly taken: BlockNumber | undefined;
}

/** Blocks that a leader may let pass without taking any. */
const STALLED_BLOCKS = 4;
/** Leases for which it may from the first on, however fast they come: answers take a while. */
const STALLED_LEASES = 20;

export class StalledLeader {
  readonly #leastMs: number;
  #epoch: number | undefined;
  #began: Progress = { head: 0, taken: undefined };
  /** When the first block was heard after that; blocks may stop for long, and come in bursts. */
  #since: number | undefined;

  constructor(leaseMs: number) {
    this.#leastMs = STALLED_LEASES * leaseMs;
  }

  /** Whether the writer of `epoch` takes no blocks; `now` in milliseconds that never go back. */
  poll(epoch: number, progress: Progress, now = performance.now()): boolean {
    if (epoch !== this.#epoch || progress.taken !== this.#began.taken) {
      this.#epoch = epoch;
      this.#began = progress;
      this.#since = undefined;
    }
    const passed = progress.head - this.#began.head;
    if (passed > 0) this.#since ??= now;
    return passed >= STALLED_BLOCKS && now - (this.#since ?? now) >= this.#leastMs;
  }
}
