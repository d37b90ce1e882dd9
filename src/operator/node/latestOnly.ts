import { RpcUnavailable } from "../../chain/rpc/errors.ts";

/** Runs one task at a time, always on the newest value offered: what came between is skipped. */
export class LatestOnly<T> {
  readonly #work: (value: T) => Promise<void>;
  readonly #failure = Promise.withResolvers<never>();
  #next: { readonly value: T } | undefined;
  #running: Promise<void> | undefined;

  constructor(work: (value: T) => Promise<void>) {
    this.#work = work;
    this.#failure.promise.catch(() => {});
  }

  /** Rejects with what the work threw, unless that was the lack of an endpoint. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  offer(value: T): void {
    this.#next = { value };
    this.#running ??= this.#run();
  }

  /** Drops what is offered and not begun; resolves when nothing is under way. */
  async idle(): Promise<void> {
    this.#next = undefined;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#next !== undefined) {
      const { value } = this.#next;
      this.#next = undefined;
      try {
        await this.#work(value);
      } catch (error) {
        // The follower counts failed polls and gives up for the whole node.
        if (!(error instanceof RpcUnavailable)) this.#failure.reject(error);
      }
    }
    // In the same tick in which nothing was left: a value offered in the next one begins anew.
    this.#running = undefined;
  }
}
