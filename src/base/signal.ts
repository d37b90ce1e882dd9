/**
 * Listeners of one kind of event. The part that raises the event need not know its listeners, so
 * parts can be made one after the other, each from those made before.
 */
export class Signal<T = void> {
  readonly #listeners = new Set<(value: T) => void>();

  /**
   * Listeners are called in the order in which they were added. Returns a function that removes the
   * listener.
   */
  on(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls every listener, at once. An error that a listener throws reaches the caller. */
  readonly raise = (value: T): void => {
    for (const listener of this.#listeners) listener(value);
  };
}
