/** Whether the database of the shared journal answers, and takes writes. */

import { type Check, FAILS_AT_ONCE } from "../health/check.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface DatabaseOptions {
  /** Why the journal cannot be written now, if so. */
  readonly problem: () => string | undefined;
  readonly metrics: Metrics;
}

export function databaseCheck({ problem, metrics }: DatabaseOptions): Check {
  return {
    name: "database",
    probe: () => {
      const found = problem();
      metrics.set("database_up", found === undefined ? 1 : 0);
      return [
        {
          check: "database",
          levels: FAILS_AT_ONCE,
          value: found === undefined ? 0 : 1,
          detail: found ?? "answers, and takes writes as far as is known",
          hint:
            "Check that a server of the database runs, takes writes and can be reached from here. " +
            "What was acknowledged is kept; operators go on by themselves, until `retryTimeoutMs` ends.",
        },
      ];
    },
  };
}
