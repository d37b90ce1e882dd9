/**
 * `npm run bench`: every figure beside the baseline in the same process, as a ratio, medians of
 * five runs in turns; prints each line and writes the table of docs/performance.md. `--small` takes
 * a tenth of the sizes and writes nothing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { engineLines } from "./engine.ts";
import type { Line } from "./measure.ts";
import { edgeLines } from "./roundEdge.ts";
import { treeLines } from "./trees.ts";

const { values } = parseArgs({ options: { small: { type: "boolean", default: false } } });
const PAGE = join(import.meta.dirname, "..", "docs", "performance.md");
const BEGIN = "<!-- written by npm run bench -->";
const END = "<!-- end of what npm run bench writes -->";
const part = values.small ? 10 : 1;

function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const load = loadavg().map((one) => one.toFixed(0));
  const cores = `${availableParallelism()} of ${cpu?.model ?? "unknown cores"}`;
  return `${cores}, ${memory} GiB, Node.js ${process.versions.node}, load ${load.join(", ")}`;
}

function row({ what, before, now, ratio }: Line): string {
  return `| ${what} | ${before} | ${now} | ${ratio.toFixed(2)} |`;
}

const rows: string[] = [];
const take = (lines: readonly Line[]) => {
  for (const line of lines) {
    rows.push(row(line));
    console.log(row(line));
  }
};
take(await treeLines([100_000, 1_000_000].map((count) => count / part)));
take(await engineLines(part));
take(await edgeLines([30_000, 100_000].map((count) => count / part)));

if (!values.small) {
  const table = ["| | baseline | now | ratio |", "|---|--:|--:|--:|", ...rows];
  const text = [BEGIN, "", `Machine: ${machine()}.`, "", ...table, "", END].join("\n");
  const page = readFileSync(PAGE, "utf8");
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from === -1 || to === -1) throw new Error(`${PAGE} has no place for the table`);
  writeFileSync(PAGE, page.slice(0, from) + text + page.slice(to + END.length));
}
