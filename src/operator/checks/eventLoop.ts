/** Whether the process gets to its work in time. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Check } from "../health/check.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface EventLoopOptions {
  readonly eventLoopDelaySeconds: Levels;
  readonly metrics: Metrics;
}

const RESOLUTION_MS = 20;
const NANOSECONDS = 1e9;

export function eventLoopCheck({ metrics, ...options }: EventLoopOptions): Check {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    name: "eventLoop",
    probe: () => {
      const delay = histogram.count === 0 ? 0 : histogram.percentile(99) / NANOSECONDS;
      histogram.reset();
      metrics.set("event_loop_delay_seconds", delay);
      return [
        {
          check: "eventLoop",
          levels: options.eventLoopDelaySeconds,
          value: delay,
          detail: `${Math.round(delay * 1000)} ms of delay at the 99th percentile`,
          hint: "Look for other load on this machine; give the operator a core of its own.",
        },
      ];
    },
    stop: () => histogram.disable(),
  };
}
