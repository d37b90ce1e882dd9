/** Medians of interleaved runs: on a shared machine only what ran in turns can be compared. */

/** Runs of each side, in turns. */
export const RUNS = 5;
/** Fewest runs of which a median is given, however long they take. */
const FEWEST_RUNS = 3;
/** Once so many milliseconds are past no further run begins, so that a part ends in minutes. */
const ENOUGH_MS = 40_000;

/** Whether another run is to be done after `done` of `runs`, begun at `began` (performance.now). */
export function hasTime(done: number, runs: number, began: number): boolean {
  if (done >= runs) return false;
  return done < FEWEST_RUNS || performance.now() - began < ENOUGH_MS;
}

/** Milliseconds of CPU that `work` took on this process's threads. */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

/** A measured line of the table in docs/performance.md. */
export interface Line {
  readonly what: string;
  readonly before: string;
  readonly now: string;
  /** The cost of `before` over that of `now`: above 1 is better. */
  readonly ratio: number;
}

/** One line as text, for a program that runs by itself. */
export function textOf({ what, before, now, ratio }: Line): string {
  return `${what}: ${before}, ${now}, ratio ${ratio.toFixed(2)}`;
}

export interface Compared {
  /** Medians, in the unit that the sides give. */
  readonly medians: readonly number[];
  /** Median of the first side over that of each, pairwise in a run. */
  readonly ratios: readonly number[];
}

/**
 * Measures every side once a run, in turns, after one run that does not count (see `hasTime` for
 * how many). Each begins without
 * the garbage of the other, and, where it is `warm`, does its work once before it is measured: a
 * heap that has just been emptied is slow to fill.
 */
export async function inTurns(
  sides: readonly (() => number | Promise<number>)[],
  {
    runs = RUNS,
    warm = true,
  }: { readonly runs?: number | undefined; readonly warm?: boolean } = {},
): Promise<Compared> {
  const all: number[][] = sides.map(() => []);
  // A single run has none before it that would not count.
  const began = performance.now();
  for (let run = runs === 1 ? 0 : -1; hasTime(run, runs, began); run++) {
    for (const [i, side] of sides.entries()) {
      globalThis.gc?.();
      if (warm) await side();
      const value = await side();
      if (run >= 0) (all[i] as number[]).push(value);
    }
  }
  const first = all[0] as number[];
  return {
    medians: all.map(median),
    ratios: all.map((side) => median(side.map((value, run) => (first[run] as number) / value))),
  };
}
