/**
 * Chance under one seed. A generator splits into named ones that do not depend on each other: what
 * one part of the world draws does not change what another sees.
 */
export class Random {
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(name: string) {
    this.#name = name;
    // Four different hashes of the name, then the small fast counter generator (sfc32).
    [this.#a, this.#b, this.#c, this.#d] = [0x9e37, 0x79b9, 0x7f4a, 0x7c15].map((salt) =>
      hashText(name, salt),
    ) as [number, number, number, number];
    for (let i = 0; i < 12; i++) this.#next();
  }

  split(name: string): Random {
    return new Random(`${this.#name}/${name}`);
  }

  /** At least 0, below 1. */
  unit(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("There is nothing to pick from.");
    return items[this.int(0, items.length - 1)] as T;
  }

  /** One of the names, by weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return (entries[entries.length - 1] as [K, number])[0];
  }

  /** 0x and that many bytes. */
  hex(bytes: number): `0x${string}` {
    let text = "";
    for (let i = 0; i < bytes; i++) text += this.int(0, 255).toString(16).padStart(2, "0");
    return `0x${text}`;
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }
}

function hashText(text: string, salt: number): number {
  let hash = 0x811c9dc5 ^ salt;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
