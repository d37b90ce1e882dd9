/**
 * Writes the references of API, errors, configuration and metrics from the code's own tables:
 * `node tools/references.ts`; with `--check` it says what is out of date, and changes nothing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { apiPage } from "./references/api.ts";
import { configPage } from "./references/config.ts";
import { errorsPage } from "./references/errors.ts";
import { metricsPage } from "./references/metrics.ts";
import { ROOT } from "./sources.ts";

/** Each page by its path. */
export function references(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/api.md", apiPage()],
    ["docs/errors.md", errorsPage()],
    ["docs/config.md", configPage()],
    ["docs/metrics.md", metricsPage()],
  ]);
}

/** Pages that are not as the code says. */
export function outdated(read = readPage): string[] {
  return [...references()].filter(([path, text]) => read(path) !== text).map(([path]) => path);
}

function readPage(path: string): string {
  try {
    return readFileSync(join(ROOT, path), "utf8");
  } catch {
    return "";
  }
}

function main(): void {
  if (process.argv.includes("--check")) {
    const old = outdated();
    for (const path of old) console.error(`${path} is out of date: run node tools/references.ts`);
    process.exitCode = old.length === 0 ? 0 : 1;
    return;
  }
  for (const [path, text] of references()) writeFileSync(join(ROOT, path), text);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
