/**
 * One webhook: a queue of its own with a bound, few tries with growing pauses. The caller does not
 * wait. The webhook's URL is a secret and appears in no message.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { within } from "../../base/within.ts";
import { shortCode } from "./shortCode.ts";

export interface WebhookOptions {
  readonly url: string;
  /** Milliseconds that one try may take. */
  readonly timeoutMs: number;
  readonly maxTries: number;
  /** Milliseconds before the second try; doubles with each. */
  readonly pauseMs: number;
  /** Most bodies that wait; above it the oldest is dropped. */
  readonly maxWaiting: number;
  readonly onOutcome: (outcome: Delivery, problem?: string) => void;
}

export type Delivery = "delivered" | "undelivered" | "dropped";

interface Waiting {
  readonly body: string;
  readonly onSettled: () => void;
}

const MAX_PAUSE_MS = 30_000;
/**
 * Statuses that may pass a moment later: too early, too many, timeouts, and faults of the server.
 */
const PASSING = [408, 425, 429];

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #stop = new AbortController();
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /**
   * Queues `body`, JSON text. `onSettled` is called once it was delivered, given up or dropped; not
   * for what `close` gives up.
   */
  post(body: string, onSettled: () => void = () => {}): void {
    this.#waiting.push({ body, onSettled });
    if (this.#waiting.length > this.#options.maxWaiting) {
      const oldest = this.#waiting.shift();
      this.#options.onOutcome("dropped");
      oldest?.onSettled();
    }
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Posts past the queue, and tries again as long as `withinMs` allows. */
  async postNow(body: string, withinMs: number): Promise<void> {
    const signal = AbortSignal.timeout(withinMs);
    await this.#deliver(body, signal, Number.POSITIVE_INFINITY);
  }

  /** Waits up to `withinMs` for what is queued, then gives it up. */
  async close(withinMs: number): Promise<void> {
    if (this.#running !== undefined) await within(withinMs, this.#running);
    this.#waiting = [];
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    // Callers go on first, whatever the network's library does in its first tick.
    await Promise.resolve();
    const { signal } = this.#stop;
    for (let one = this.#waiting.shift(); one !== undefined; one = this.#waiting.shift()) {
      const outcome = await this.#deliver(one.body, signal, this.#options.maxTries);
      if (outcome === "delivered" || !signal.aborted) one.onSettled();
    }
  }

  async #deliver(body: string, signal: AbortSignal, maxTries: number): Promise<Delivery> {
    const { pauseMs, onOutcome } = this.#options;
    let problem = "no time was left";
    for (let tries = 1; tries <= maxTries && !signal.aborted; tries++) {
      const outcome = await this.#try(body, signal);
      if (outcome.kind === "delivered") {
        onOutcome("delivered");
        return "delivered";
      }
      problem = outcome.problem;
      if (outcome.kind === "refused") break;
      if (tries === maxTries) break;
      const pause = Math.max(outcome.retryAfterMs, pauseMs * 2 ** (tries - 1));
      // The timer keeps the process alive: one that sends its shutdown alert would else end in the
      // middle.
      await sleep(Math.min(MAX_PAUSE_MS, pause), undefined, { signal }).catch(() => {});
    }
    onOutcome("undelivered", problem);
    return "undelivered";
  }

  async #try(body: string, signal: AbortSignal): Promise<Tried> {
    const { url, timeoutMs } = this.#options;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        // A redirection may lead anywhere; a webhook has no need of one.
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      if (response.ok) return { kind: "delivered" };
      const problem = `it answers ${response.status}`;
      const passing = response.status >= 500 || PASSING.includes(response.status);
      if (!passing) return { kind: "refused", problem };
      const seconds = Number(response.headers.get("retry-after") ?? 0);
      const retryAfterMs = Number.isFinite(seconds) ? Math.max(0, seconds) * 1000 : 0;
      return { kind: "failed", problem, retryAfterMs };
    } catch (error) {
      return { kind: "failed", problem: shortCode(error), retryAfterMs: 0 };
    }
  }
}

type Tried =
  | { readonly kind: "delivered" }
  /** The same body will be refused again. */
  | { readonly kind: "refused"; readonly problem: string }
  | { readonly kind: "failed"; readonly problem: string; readonly retryAfterMs: number };
