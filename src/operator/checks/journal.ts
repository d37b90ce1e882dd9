/** Whether the journal keeps up with the chain and with what is asked of it. */

import type { Check } from "../health/check.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface JournalOptions {
  readonly journalLagBlocks: Levels;
  readonly journalWaitingEntries: Levels;
  readonly journalFlushSeconds: Levels;
  /** Final blocks that the journal does not hold yet. */
  readonly lagBlocks: () => number;
  /**
   * Entries that wait; milliseconds of the longest flush since this was last asked, and since the
   * last flush ended (undefined before the first).
   */
  readonly writer: () => {
    readonly waiting: number;
    readonly longestFlushMs: number;
    readonly sinceFlushMs: number | undefined;
  };
  readonly metrics: Metrics;
}

export function journalCheck({ metrics, ...options }: JournalOptions): Check {
  return {
    name: "journal",
    probe: () => {
      const lag = options.lagBlocks();
      const { waiting, longestFlushMs, sinceFlushMs } = options.writer();
      const flush = longestFlushMs / 1000;
      metrics.set("journal_lag_blocks", lag);
      metrics.set("journal_waiting_entries", waiting);
      metrics.set("journal_flush_seconds", flush);
      const age = sinceFlushMs === undefined ? Number.NaN : sinceFlushMs / 1000;
      metrics.set("journal_flush_age_seconds", age);
      const ago = sinceFlushMs === undefined ? "none yet" : `${Math.round(age)} s ago`;
      return [
        {
          check: "journalLag",
          levels: options.journalLagBlocks,
          value: lag,
          detail: `${lag} final blocks not yet in the journal`,
          hint: "Look at the endpoints and the disk; after a long stop it catches up by itself.",
        },
        {
          check: "journalWaiting",
          levels: options.journalWaitingEntries,
          value: waiting,
          detail: `${waiting} entries wait to be written`,
          hint: "Look at the disk's latency, or whether somebody floods the exchange with orders.",
        },
        {
          check: "journalFlush",
          levels: options.journalFlushSeconds,
          value: flush,
          detail: `${flush.toFixed(3)} s for the longest flush of late; the last one ${ago}`,
          hint: "Look at the disk: its latency, its health, and who else writes to it.",
        },
      ];
    },
  };
}
