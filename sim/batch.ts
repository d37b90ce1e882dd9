/** Many worlds in processes of their own: what thousands leave behind fills the memory of one. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { WorldKind } from "./world/plan.ts";

export interface BrokenWorld {
  readonly kind: WorldKind;
  readonly seed: string;
  readonly why: string;
}

export interface BatchTotals {
  worlds: number;
  readonly broken: BrokenWorld[];
  readonly counts: Record<string, number>;
}

export interface BatchesOptions {
  readonly kinds: readonly WorldKind[];
  readonly from: number;
  /** Worlds of each kind. */
  readonly count: number;
  readonly processes: number;
  /** Further arguments of run.ts. */
  readonly args?: readonly string[];
}

/** Worlds that one process runs. */
const WORLDS_OF_A_PROCESS = 10;
const MOST_OUTPUT = 64 * 1024 * 1024;

/** Prints each world that is broken as soon as its process ends. */
export async function runBatches(options: BatchesOptions): Promise<BatchTotals> {
  const { kinds, from, count, processes, args = [] } = options;
  const batches = kinds.flatMap((kind) =>
    Array.from({ length: Math.ceil(count / WORLDS_OF_A_PROCESS) }, (_, i) => ({
      kind,
      seed: from + i * WORLDS_OF_A_PROCESS,
      count: Math.min(WORLDS_OF_A_PROCESS, count - i * WORLDS_OF_A_PROCESS),
    })),
  );
  const totals: BatchTotals = { worlds: 0, broken: [], counts: {} };
  const work = async () => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      const own = await runBatch(batch, args);
      totals.worlds += own.worlds;
      totals.broken.push(...own.broken);
      for (const [what, more] of Object.entries(own.counts)) {
        totals.counts[what] = (totals.counts[what] ?? 0) + more;
      }
      for (const { kind, seed, why } of own.broken) console.log(`${kind} ${seed}: ${why}`);
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  return totals;
}

/** Throws what the process said on its standard error when it failed itself. */
async function runBatch(
  batch: { readonly kind: WorldKind; readonly seed: number; readonly count: number },
  args: readonly string[],
): Promise<BatchTotals> {
  const run = join(import.meta.dirname, "run.ts");
  const own = ["--kind", batch.kind, "--seed", `${batch.seed}`, "--count", `${batch.count}`];
  const command = [run, ...args, ...own, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, command, {
    maxBuffer: MOST_OUTPUT,
  });
  return JSON.parse(stdout) as BatchTotals;
}
