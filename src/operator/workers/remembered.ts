/**
 * The newest values by their keys, at least `least` and at most twice as many. In two generations:
 * dropping the oldest of a map one by one makes it look for the first that is left, ever longer.
 */
export class Remembered<K, V> {
  readonly #least: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(least: number) {
    this.#least = least;
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#least) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
