/**
 * `npm run bench`: every figure beside what it is held against, as a ratio, medians of five runs in
 * turns (three where they take long, see `hasTime`); prints each line once it is measured, and
 * writes the table of a part into docs/performance.md once that is whole. `--small` takes a tenth
 * of the sizes and writes nothing; `--only engine` (or another of PARTS, again for more) measures
 * and replaces the lines of that part alone.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { engineLines } from "./engine.ts";
import { fanOutLines } from "./fanOut.ts";
import type { Line } from "./measure.ts";
import { edgeLines } from "./roundEdge.ts";
import { treeLines } from "./trees.ts";

const { values } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
  },
});
const divisor = values.small ? 10 : 1;

/** Another figure is another line here; a part is what `--only` names. */
const PARTS: { readonly [part: string]: () => AsyncGenerator<Line> } = {
  trees: () => treeLines([100_000, 1_000_000].map((count) => count / divisor)),
  engine: () => engineLines(divisor),
  roundEdge: async function* () {
    yield* edgeLines([100_000 / divisor]);
    yield* edgeLines([100_000 / divisor], 1, 1);
    // A million fill a heap of 6 GB and take long: `node bench/roundEdge.ts 1000000`.
    yield* edgeLines([300_000 / divisor], 0, 1);
  },
  fanOut: () => fanOutLines(1000 / divisor),
};

const PAGE = join(import.meta.dirname, "..", "docs", "performance.md");
const mark = (part: string, isEnd = false) =>
  `<!-- ${isEnd ? "end of what" : "written by"} npm run bench${isEnd ? " writes" : ""}: ${part} -->`;

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

/** Puts the part's table between its marks. */
function write(part: string, rows: readonly string[]): void {
  const table = ["| | baseline | now | ratio |", "|---|--:|--:|--:|", ...rows];
  const text = [mark(part), "", `Machine: ${machine()}.`, "", ...table, "", mark(part, true)];
  const page = readFileSync(PAGE, "utf8");
  const from = page.indexOf(mark(part));
  const to = page.indexOf(mark(part, true));
  if (from === -1 || to === -1) throw new Error(`${PAGE} has no place for ${part}`);
  writeFileSync(
    PAGE,
    page.slice(0, from) + text.join("\n") + page.slice(to + mark(part, true).length),
  );
}

const asked = values.only.length > 0 ? values.only : Object.keys(PARTS);
for (const part of asked) {
  const measure = PARTS[part];
  if (measure === undefined) throw new Error(`no part ${part}: ${Object.keys(PARTS).join(", ")}`);
  const rows: string[] = [];
  for await (const line of measure()) {
    console.log(row(line));
    rows.push(row(line));
  }
  if (!values.small) write(part, rows);
}
