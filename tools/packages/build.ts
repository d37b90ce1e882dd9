/**
 * Builds the npm packages from the one source, into dist/: `@quarterdeck/client`, for Node and
 * browsers, and `quarterdeck`, the commands and the operator. Each holds what its entries reach and
 * nothing else, as ESM with types. Run by `npm run build:packages`.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../sources.ts";
import { exitKit } from "./exitKit.ts";
import { manifestOf, PACKAGES, type PackagePlan } from "./plans.ts";

const TSC = join(ROOT, "node_modules/.bin/tsc");
/** `from "…"`, `import("…")` and `import "…"`, in what tsc writes. */
const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)["']([^"']+)["']/g;
/** Files that code names by a URL: no import leads there. */
const URL_OF = /new URL\([^;]*?["'](\.\/[\w./-]+)\.js["']/g;

/** Builds every package into `to`/<folder>. Gives the folders, by the packages' names. */
export function buildPackages(to: string): ReadonlyMap<string, string> {
  // The operator's package serves the page.
  execFileSync(process.execPath, [join(ROOT, "tools/page/build.ts"), "--if-needed"]);
  const compiled = mkdtempSync(join(tmpdir(), "quarterdeck-build-"));
  try {
    compile(compiled);
    return new Map(
      PACKAGES.map((plan) => {
        const folder = join(to, plan.folder);
        rmSync(folder, { recursive: true, force: true });
        fill(plan, compiled, folder);
        return [plan.name, folder];
      }),
    );
  } finally {
    rmSync(compiled, { recursive: true });
  }
}

function compile(to: string): void {
  const project = join(to, "tsconfig.json");
  const path = (name: string) => join(ROOT, name);
  const compilerOptions = {
    noEmit: false,
    outDir: join(to, "out"),
    rootDir: path("src"),
    declaration: true,
    rewriteRelativeImportExtensions: true,
    stripInternal: true,
    typeRoots: [path("node_modules/@types")],
  };
  const exclude = ["**/*.test.ts", "**/*.testkit.ts"].map((glob) => path(`src/${glob}`));
  const config = {
    extends: path("tsconfig.json"),
    compilerOptions,
    include: [path("src")],
    exclude,
  };
  writeFileSync(project, JSON.stringify(config));
  execFileSync(TSC, ["-p", project], { stdio: "inherit" });
}

function fill(plan: PackagePlan, compiled: string, folder: string): void {
  const out = join(compiled, "out");
  const roots = [...Object.values(plan.entries), ...(plan.roots ?? [])];
  const { files, packages } = reach(out, roots);
  for (const file of files) {
    const target = join(folder, "lib", file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, withJsExtensions(file, readFileSync(join(out, file), "utf8")));
  }
  for (const [from, target] of Object.entries({ LICENSE: "LICENSE", ...plan.files })) {
    mkdirSync(dirname(join(folder, target)), { recursive: true });
    cpSync(join(ROOT, from), join(folder, target), { recursive: true });
  }
  if (plan.exitKit !== undefined) {
    mkdirSync(dirname(join(folder, plan.exitKit)), { recursive: true });
    writeFileSync(join(folder, plan.exitKit), exitKit());
  }
  const manifest = manifestOf(plan, packages);
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

interface Reached {
  /** Relative to what was compiled: code, and its types. */
  readonly files: ReadonlySet<string>;
  /** Packages that they import, without Node's own. */
  readonly packages: ReadonlySet<string>;
}

/** `roots`: modules without an ending, such as "packages/client". */
export function reach(out: string, roots: readonly string[]): Reached {
  const files = new Set<string>();
  const packages = new Set<string>();
  const open = roots.flatMap((root) => [`${root}.js`, `${root}.d.ts`]);
  for (const file of open) {
    if (files.has(file)) continue;
    files.add(file);
    const text = readFileSync(join(out, file), "utf8");
    const named = [...text.matchAll(URL_OF)].map(([, path]) => `${path}.js`);
    for (const target of [...[...text.matchAll(IMPORT)].map(([, path]) => path), ...named]) {
      if (target === undefined || target.startsWith("node:")) continue;
      if (!target.startsWith(".")) {
        packages.add(packageOf(target));
        continue;
      }
      const module = posix.join(posix.dirname(file), target).replace(/\.(js|ts)$/, "");
      open.push(`${module}.js`, `${module}.d.ts`);
    }
  }
  return { files, packages };
}

function packageOf(target: string): string {
  return target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
}

/** tsc leaves the endings in declarations as they are. */
function withJsExtensions(file: string, text: string): string {
  if (!file.endsWith(".d.ts")) return text;
  return text.replace(/(["'])(\.{1,2}\/[^"']+)\.ts\1/g, "$1$2.js$1");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { to: { type: "string", default: "dist" } } });
  for (const [name, folder] of buildPackages(join(ROOT, values.to))) {
    console.log(`${name}: ${folder}`);
  }
}
