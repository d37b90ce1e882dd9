/** Whether the shared journal answers, and since when not: reported once, and once it is back. */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";

export interface OutageOptions {
  readonly log: Log;
  /** Milliseconds without an answer after which the database counts as lost, though none failed. */
  readonly silenceMs: number;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
}

export class Outage {
  readonly #options: OutageOptions;
  readonly #now: () => number;
  #answeredAt: number;
  #failedSince: number | undefined;
  #failure: unknown;
  #toldCode: string | undefined;

  constructor(options: OutageOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#answeredAt = this.#now();
  }

  /** The database answered, and takes writes as far as is known. */
  end(): void {
    this.#answeredAt = this.#now();
    if (this.#failedSince === undefined) return;
    const silentMs = Math.round(this.#now() - this.#failedSince);
    this.#failedSince = undefined;
    this.#failure = undefined;
    this.#toldCode = undefined;
    this.#options.log.info("sharedJournalBack", { silentMs });
  }

  /**
   * A question failed. Returns the milliseconds since the first that did. Reported when the outage
   * begins, and when its kind changes.
   */
  add(problem: unknown): number {
    this.#failedSince ??= this.#now();
    this.#failure = problem;
    const silentMs = Math.round(this.#now() - this.#failedSince);
    const code = problem instanceof QuarterdeckError ? problem.code : "Unexpected";
    if (code !== this.#toldCode) {
      this.#toldCode = code;
      const hint = problem instanceof QuarterdeckError ? problem.hint : undefined;
      this.#options.log.warn("sharedJournalLost", { problem, silentMs, hint });
    }
    return silentMs;
  }

  /** Why nothing can be written now, if so. */
  get problem(): string | undefined {
    if (this.#failedSince !== undefined) {
      const { message } = this.#failure as Error;
      return `${message} Since ${seconds(this.#now() - this.#failedSince)} s.`;
    }
    const silentMs = this.#now() - this.#answeredAt;
    if (silentMs <= this.#options.silenceMs) return undefined;
    return `The database has not answered for ${seconds(silentMs)} s.`;
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
