/** The time of the next poll of the chain: endpoints that push heads cause earlier polls. */
import type { ChainClient } from "../rpc/rpc.ts";

/** Waits, until an endpoint tells of a new head. */
export class HeadNotifier {
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(client: ChainClient, signal: AbortSignal) {
    const ring = () => {
      this.#rung = true;
      this.#wake?.();
    };
    for (const endpoint of client.transport.endpoints()) void endpoint.watchHeads(ring, signal);
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, ms);
        function done(): void {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        }
        signal.addEventListener("abort", done, { once: true });
        this.#wake = done;
      });
    }
    this.#rung = false;
  }
}
