/** Chance that can be repeated: a seed, and the same choices again. */

export class Random {
  #state: number;

  /** `seed`: any 32-bit number. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0 and below 1. (mulberry32) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  from(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of `items`; undefined where there is none. */
  pick<T>(items: readonly T[]): T | undefined {
    return items[this.from(0, items.length - 1)];
  }
}

/** `QUARTERDECK_SEED` if it is set, so that a failed run can be repeated; else a new one. */
export function chooseSeed(): number {
  const given = process.env["QUARTERDECK_SEED"];
  return given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given) >>> 0;
}
