/**
 * Prints the tests of a source file: `node tools/testsOf.ts src/client/audit.ts`. First those that
 * import it, then those that reach it through kits or other sources, with the number of steps.
 */
import { dirname, join } from "node:path/posix";
import { pathToFileURL } from "node:url";
import { type Source, sources } from "./sources.ts";

const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)["'](\.[^"']+)["']/g;
const IS_TEST = /\.test\.ts$/;

export interface TestOf {
  readonly test: string;
  /** Imports between the test and the file: 1 where the test imports it itself. */
  readonly steps: number;
}

/** The tests that reach `file`, nearest first. Throws `RangeError` where there is no such file. */
export function testsOf(file: string, all: readonly Source[]): TestOf[] {
  if (!all.some(({ path }) => path === file)) throw new RangeError(`there is no ${file}`);
  const importers = new Map<string, string[]>();
  for (const { path, text } of all) {
    for (const [, target] of text.matchAll(IMPORT)) {
      const imported = join(dirname(path), target as string);
      importers.set(imported, [...(importers.get(imported) ?? []), path]);
    }
  }
  const steps = new Map([[file, 0]]);
  const queue = [file];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const importer of importers.get(next) ?? []) {
      if (steps.has(importer)) continue;
      steps.set(importer, (steps.get(next) as number) + 1);
      queue.push(importer);
    }
  }
  return [...steps]
    .filter(([path]) => IS_TEST.test(path) && path !== file)
    .map(([test, count]) => ({ test, steps: count }))
    .sort((a, b) => a.steps - b.steps || a.test.localeCompare(b.test));
}

function main(): void {
  const file = process.argv[2];
  if (file === undefined) {
    console.error("Name a source file, such as src/client/audit.ts.");
    process.exitCode = 2;
    return;
  }
  try {
    for (const { test, steps } of testsOf(file, sources([".ts"]))) console.log(`${steps} ${test}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
