/** An earlier build of this repository, to measure beside today's in the same process. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";

/** The build of 2026-11-21: what all ratios of docs/performance.md refer to. */
const BASELINE = "40948e0";

const ROOT = resolve(import.meta.dirname, "..");

/** Imports modules as they were in the baseline; `remove` deletes the files. */
export interface OlderBuild {
  // The caller knows the shape of what it imports.
  // biome-ignore lint/suspicious/noExplicitAny: another build's types are not these.
  load(path: string): Promise<any>;
  /** Where a file of it is, for another process. */
  fileOf(path: string): string;
  remove(): void;
}

/** Needs git, and the history that has the baseline. */
export function olderBuild(commit: string = BASELINE): OlderBuild {
  const folder = mkdtempSync(join(ROOT, "bench-older-"));
  const archive = execFileSync("git", ["archive", commit, "src", "package.json"], {
    cwd: ROOT,
    maxBuffer: 1 << 28,
  });
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-x", "-C", folder], { input: archive });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return {
    load: (path) => import(join(folder, path)),
    fileOf: (path) => join(folder, path),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
