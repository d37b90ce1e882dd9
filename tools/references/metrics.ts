/** docs/metrics.md, from the table of metrics. */
import { METRIC_PREFIX, METRICS, type Metric } from "../../src/operator/telemetry/metricsTable.ts";
import { code, page, table } from "./markdown.ts";

export function metricsPage(): string {
  const rows = Object.entries(METRICS as Readonly<Record<string, Metric>>)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { type, unit, help, labels }]) => [
      code(METRIC_PREFIX + name),
      type,
      unit,
      labels.map(code).join(", "),
      help,
    ]);
  return page(
    "Metrics",
    "What `/metrics` exports, for Prometheus. A metric is there once it has a value. Beside these " +
      "are Node's own, `quarterdeck_nodejs_*` and `quarterdeck_process_*`. What to do about each: " +
      "[monitoring.md](monitoring.md).",
    table(["metric", "type", "unit", "labels", "what it says"], rows),
  );
}
