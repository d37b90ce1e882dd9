/** The time of the next poll of the chain: endpoints that push heads cause earlier polls. */
import { sleep } from "../../base/sleep.ts";
import type { ChainClient } from "../rpc/rpc.ts";

/** Milliseconds between two polls, at least: an endpoint may tell of heads without end. */
const LEAST_MS = 200;

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

  /** Resolves after `ms` milliseconds, or with a new head, or when `signal` is aborted. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const least = Math.min(LEAST_MS, ms);
    await sleep(least, signal).catch(() => {});
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, ms - least);
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
