/**
 * Builds the commands once for a run of vitest, from the sources as they are: a process that loads
 * 1,700 files of sources and packages takes three times the processor time of one that loads a few
 * built ones, and the tests start hundreds. Nothing but the number of files differs. The folder is
 * laid out as the npm package `quarterdeck` is, so that every path that code names leads where it
 * leads there. `QUARTERDECK_BUILT_COMMANDS=off` runs the sources, for traces with their lines.
 */
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Loader, type Plugin, stop } from "esbuild";
import { COMMANDS_VARIABLE } from "./commandFile.ts";

const ROOT = join(import.meta.dirname, "../../..");
const BUILDS = join(ROOT, "node_modules/.cache/quarterdeck-commands");
const ENTRIES = [
  "cli/main",
  "localnet/start",
  // Threads are started by their file.
  "operator/replay/snapshotWorker",
  "operator/workers/recoverWorker",
];
/** Native code, and what starts threads of its own by the place of its files. */
const EXTERNAL = ["secp256k1", "pino", "pg-native", "bufferutil", "utf-8-validate"];
/** Copied: what is named relative to a module. */
const FILES = ["package.json", "bin/quarterdeck.mjs", "tools/child.mjs"];
const LINKS = ["contracts", "dist", "node_modules"];
/** Milliseconds for which a build is kept that no run asks for. */
const KEPT_MS = 24 * 60 * 60 * 1000;
/** Stands for the folder until its name is known, which follows from what is built. */
const PLACE = "/quarterdeck-commands-place";
/** What packages that are no modules ask for: esbuild's own takes none of Node's. */
const REQUIRE =
  'import { createRequire as createRequireOf } from "node:module"; ' +
  "const require = createRequireOf(import.meta.url);";

/** Called by vitest before any test, once for each project. */
export async function setup(): Promise<void> {
  process.env[COMMANDS_VARIABLE] ??= await buildCommands();
}

/** Gives the folder. The same sources give the same one, so that Node's compile cache holds. */
async function buildCommands(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES.map((module) => join("src", `${module}.ts`)),
    outbase: "src",
    outdir: join(PLACE, "lib"),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // Errors are told apart by the names of their classes, also by packages.
    keepNames: true,
    external: EXTERNAL,
    banner: { js: REQUIRE },
    plugins: [ownPlaces],
    write: false,
    logLevel: "warning",
  });
  // Its process would stay for as long as the run.
  await stop();
  const hash = createHash("sha256");
  for (const { path, contents } of outputFiles) hash.update(path).update(contents);
  for (const file of FILES) hash.update(readFileSync(join(ROOT, file)));
  const folder = join(BUILDS, hash.digest("hex").slice(0, 16));
  if (existsSync(folder)) {
    utimesSync(folder, new Date(), new Date());
    return folder;
  }
  forgetOldBuilds();
  const half = mkdtempSync(join(BUILDS, "half-"));
  for (const { path, text } of outputFiles) {
    const file = join(half, relative(PLACE, path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, placedAt(folder, text));
  }
  for (const file of FILES) cpSync(join(ROOT, file), join(half, file));
  for (const name of LINKS) symlinkSync(join(ROOT, name), join(half, name));
  try {
    renameSync(half, folder);
  } catch (error) {
    rmSync(half, { recursive: true });
    // Another run has built the same meanwhile.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

function placedAt(folder: string, text: string): string {
  return text
    .replaceAll(`file://${PLACE}`, pathToFileURL(folder).href)
    .replaceAll(PLACE, JSON.stringify(folder).slice(1, -1));
}

/** Of sources as they were: other runs may still use the younger ones. */
function forgetOldBuilds(): void {
  mkdirSync(BUILDS, { recursive: true });
  for (const name of readdirSync(BUILDS)) {
    const path = join(BUILDS, name);
    if (Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { recursive: true });
  }
}

/** Several modules share a file: each is told the place that it has in the package. */
const ownPlaces: Plugin = {
  name: "own-places",
  setup: (builder) => {
    builder.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      if (path.includes("/node_modules/") || !text.includes("import.meta")) return undefined;
      const place = join(PLACE, "lib", relative(join(ROOT, "src"), path).replace(/\.ts$/, ".js"));
      const contents = text
        .replaceAll("import.meta.url", JSON.stringify(`file://${place}`))
        .replaceAll("import.meta.dirname", JSON.stringify(dirname(place)));
      return { contents, loader: "ts" satisfies Loader };
    });
  },
};
