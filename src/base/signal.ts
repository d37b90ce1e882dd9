/**
 * Listeners of one kind of event. Whoever raises it need not know who listens, so that parts can be
 * made one after the other, each of those before it.
 */
export class Signal<T = void> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Listeners are called in the order in which they were added. Gives back how to remove it. */
  on(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls every listener, at once. What one throws reaches the caller. */
  readonly raise = (value: T): void => {
    for (const listener of this.#listeners) listener(value);
  };
}
