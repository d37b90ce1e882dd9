/**
 * The slots as each endpoint shows them by itself. A word of one endpoint may not keep an operator
 * from its duties, so others are asked whenever what was read says something new: once for each
 * change where they agree, else again after pauses that grow.
 */
import type { ShownSlots, SlotReader, SlotView } from "../../chain/contracts/roundRobinManager.ts";

/** Polls between two questions to endpoints that do not agree, at most. */
const LONGEST_PAUSE = 16;

export class OtherSlots {
  readonly #reader: Pick<SlotReader, "slotsOfEach">;
  /** Slots that were read when others were asked last; empty: nothing could be read. */
  #read: string | undefined;
  #views: readonly ShownSlots[] = [];
  #asking: Promise<void> | undefined;
  #pause = 1;
  #pollsLeft = 0;

  constructor(reader: Pick<SlotReader, "slotsOfEach">) {
    this.#reader = reader;
  }

  /** The views of those that do not agree; empty where all do, or none answers. */
  get views(): readonly ShownSlots[] {
    return this.#views;
  }

  /**
   * To be called at each poll with what was read, and what that means for this operator. Resolves
   * when others have been asked, at once where they need not be.
   */
  async compare(view: SlotView | undefined, meaning: string): Promise<void> {
    const read = view === undefined ? "" : `${nameOf(view)} ${meaning}`;
    if (read !== this.#read) {
      this.#read = read;
      this.#pause = 1;
      this.#pollsLeft = 0;
    }
    if (this.#asking === undefined && this.#pollsLeft-- <= 0) this.#asking = this.#ask(view);
    await this.#asking;
  }

  async #ask(view: SlotView | undefined): Promise<void> {
    try {
      const views = await this.#reader.slotsOfEach();
      const name = view && nameOf(view);
      const agree = views.every(({ slots }) => slots !== "none" && nameOf(slots) === name);
      this.#views = agree ? [] : views;
      // One by itself agrees with itself.
      this.#pollsLeft = agree && views.length > 1 ? Number.POSITIVE_INFINITY : this.#pause;
      this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2);
    } finally {
      this.#asking = undefined;
    }
  }
}

/** All of a view that does not change with each block of a slot. */
function nameOf({ slot, firstBlock, lastBlock, operator, operators, inMaintenance }: SlotView) {
  const listed = operators.map(({ address }) => address).join();
  return [slot, firstBlock, lastBlock, operator, inMaintenance, listed].join(" ");
}
