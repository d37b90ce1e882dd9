/** The newest block of the chain that this operator has heard of, kept in this one place. */
import type { State } from "../../exchange/model/state.ts";
import type { BlockNumber } from "../../protocol/units.ts";

export class ChainHead {
  readonly #state: State;
  #number: BlockNumber;
  #newest: BlockNumber;
  #isHeard = false;
  #caughtUp = false;

  constructor(state: State) {
    this.#state = state;
    this.#number = state.head?.number ?? state.genesis.schedule.genesisBlock;
    this.#newest = this.#number;
  }

  /** Before the chain answered: the last block that the journal holds. */
  get number(): BlockNumber {
    return this.#number;
  }

  /** The newest block that any endpoint ever named, at or after `number`. */
  get newest(): BlockNumber {
    return this.#newest;
  }

  /** Whether the chain has answered since the start. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** True once all final blocks have been taken in for the first time. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Blocks by which the exchange trails the chain, beyond the confirmations. */
  get lagBlocks(): number {
    const { head, genesis } = this.#state;
    const processed = head?.number ?? genesis.schedule.genesisBlock - 1;
    return Math.max(0, this.#number - genesis.confirmations - processed);
  }

  /**
   * Notes what the chain said; without a number, that blocks were taken in. A node that syncs anew
   * names blocks from before the exchange: no round has those.
   */
  note(number?: BlockNumber, newest = number): void {
    if (number !== undefined) {
      this.#number = Math.max(number, this.#state.genesis.schedule.genesisBlock);
      this.#newest = Math.max(this.#newest, newest ?? number, this.#number);
      this.#isHeard = true;
    }
    this.#caughtUp ||= this.#isHeard && this.lagBlocks === 0;
  }
}
