/**
 * Hashes the trees of a round after it opened, and writes those of the next before it opens, in
 * slices between which the event loop turns: no order, lease or timer waits for more than one.
 */
import type { State } from "../../exchange/model/state.ts";
import { areTreesHashed } from "../../exchange/queries/views.ts";
import { prepareTrees } from "../../exchange/rounds/prepareTrees.ts";
import type { Round } from "../../protocol/units.ts";

/** Hashes, or leaves written, of one slice: about a millisecond. */
const SLICE = 1024;

export interface TreeHasherOptions {
  readonly state: State;
  /**
   * Told once of each round whose roots and proofs are there. `waited`: not at once when the round
   * opened, so that whoever needed them has to be asked again.
   */
  readonly onHashed: (round: Round, waited: boolean) => void;
  /** Told when a tree is not sound: the process must end. */
  readonly onFailure: (error: unknown) => void;
}

export class TreeHasher {
  readonly #options: TreeHasherOptions;
  #next: NodeJS.Immediate | undefined;
  #told: Round | undefined;

  constructor(options: TreeHasherOptions) {
    this.#options = options;
  }

  /** To be called whenever an entry was applied. */
  offer(): void {
    if (this.#next !== undefined) return;
    this.#tell(false);
    if (!this.#isIdle()) this.#next = setImmediate(this.#slice);
  }

  stop(): void {
    clearImmediate(this.#next);
  }

  readonly #slice = (): void => {
    this.#next = undefined;
    try {
      const isDone = prepareTrees(this.#options.state, SLICE);
      this.#tell(true);
      if (!isDone) this.#next = setImmediate(this.#slice);
    } catch (error) {
      this.#options.onFailure(error);
    }
  };

  /** Without a slice: it would only find that out. */
  #isIdle(): boolean {
    return prepareTrees(this.#options.state, 0);
  }

  #tell(waited: boolean): void {
    const { state, onHashed } = this.#options;
    const { round } = state.moment;
    if (this.#told === round || !areTreesHashed(state, round)) return;
    this.#told = round;
    onHashed(round, waited);
  }
}
