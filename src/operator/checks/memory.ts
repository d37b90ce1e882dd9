/** Whether the process comes near to what the container, the machine or V8 allows it. */
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { Check } from "../health/check.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface MemoryOptions {
  readonly memoryUsedRatio: Levels;
  readonly heapUsedRatio: Levels;
  readonly metrics: Metrics;
}

const MIB = 1024 ** 2;

export function memoryCheck({ metrics, ...levels }: MemoryOptions): Check {
  return {
    name: "memory",
    probe: () => {
      const limit = memoryLimit();
      const rss = process.memoryUsage.rss();
      const { used_heap_size: heap, heap_size_limit: heapLimit } = getHeapStatistics();
      metrics.set("memory_used_bytes", rss);
      metrics.set("memory_limit_bytes", limit);
      metrics.set("heap_used_bytes", heap);
      metrics.set("heap_limit_bytes", heapLimit);
      return [
        {
          check: "memory",
          levels: levels.memoryUsedRatio,
          value: rss / limit,
          detail: share(rss, limit),
          hint: "Give the container or machine more memory, or restart the operator.",
        },
        {
          check: "heap",
          levels: levels.heapUsedRatio,
          value: heap / heapLimit,
          detail: share(heap, heapLimit),
          hint: "Raise --max-old-space-size in NODE_OPTIONS, or restart the operator.",
        },
      ];
    },
  };
}

/** Bytes. A container's limit where there is one: the kernel kills what goes beyond it. */
export function memoryLimit(constrained = process.constrainedMemory(), total = totalmem()): number {
  return constrained > 0 ? Math.min(constrained, total) : total;
}

function share(used: number, limit: number): string {
  const percent = ((100 * used) / limit).toFixed(1);
  return `${Math.round(used / MIB)} of ${Math.round(limit / MIB)} MiB (${percent} %)`;
}
