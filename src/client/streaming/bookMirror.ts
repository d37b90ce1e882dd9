/** A market's book as the stream tells it: whole at first, then level by level. */
import type { Amount } from "../../protocol/units.ts";
import type { LevelResponse } from "../../wire/schemas/market.ts";
import type { ChannelUpdate } from "./channels.ts";

export interface MirroredBook {
  /** Best first. */
  readonly bids: readonly LevelResponse[];
  readonly asks: readonly LevelResponse[];
  /** The journal's record up to which it is told. */
  readonly sequence: number;
}

export class BookMirror {
  readonly #bids = new Map<Amount, Amount>();
  readonly #asks = new Map<Amount, Amount>();
  #sequence = 0;

  /** Takes in a message of the book's channel. False: the sides cross, so that something is wrong. */
  take({ type, sequence, data }: ChannelUpdate<"book">): boolean {
    if (type === "snapshot") {
      this.#bids.clear();
      this.#asks.clear();
    }
    for (const [levels, side] of [
      [data.bids, this.#bids],
      [data.asks, this.#asks],
    ] as const) {
      for (const { price, amount } of levels) {
        if (amount === 0n) side.delete(price);
        else side.set(price, amount);
      }
    }
    this.#sequence = sequence;
    const { bids, asks } = this.book();
    const [bid, ask] = [bids[0], asks[0]];
    return bid === undefined || ask === undefined || bid.price < ask.price;
  }

  /** The whole of it, as of the last message. */
  book(): MirroredBook {
    const sorted = (
      side: ReadonlyMap<Amount, Amount>,
      isBefore: (a: Amount, b: Amount) => boolean,
    ) =>
      Array.from(side, ([price, amount]) => ({ price, amount })).sort((a, b) =>
        isBefore(a.price, b.price) ? -1 : 1,
      );
    return {
      bids: sorted(this.#bids, (a, b) => a > b),
      asks: sorted(this.#asks, (a, b) => a < b),
      sequence: this.#sequence,
    };
  }
}
