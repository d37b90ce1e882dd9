/**
 * Builds the page (page/) into dist/page, with each file compressed beside it: operators serve it
 * from there. With `--if-needed`, as `npm start` calls it, only where its sources have changed.
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
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

const ROOT = join(import.meta.dirname, "../..");
const BUILT = join(ROOT, "dist/page");
/** Names what the build was made of. */
const STAMP = ".sources";
/** Everything that the page may be made of; src is the client library, and the wire. */
const SOURCES = ["page", "src", "package-lock.json", "tools/page/build.ts"];
const COMPRESSED = /\.(js|css|html|svg|json)$/;

/** Builds into dist/page, all or nothing, and gives the folder. */
export async function buildPage(): Promise<string> {
  mkdirSync(join(ROOT, "dist"), { recursive: true });
  const scratch = mkdtempSync(join(ROOT, "dist/.page-"));
  try {
    const stamp = sourcesStamp();
    await build({
      configFile: join(ROOT, "page/vite.config.ts"),
      logLevel: "warn",
      build: { outDir: scratch, emptyOutDir: true },
    });
    for (const file of filesBelow(scratch)) if (COMPRESSED.test(file)) compress(file);
    await buildPicture(scratch);
    writeFileSync(join(scratch, STAMP), stamp);
    replace(scratch);
    return BUILT;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The program for Node that draws the first picture (page/src/picture.tsx), beside the page. */
async function buildPicture(to: string): Promise<void> {
  await build({
    configFile: join(ROOT, "page/vite.config.ts"),
    logLevel: "warn",
    // Whole by itself: an operator has none of the page's packages.
    ssr: { noExternal: true },
    // What is loaded after the first picture is no part of it.
    plugins: [{ name: "later", resolveDynamicImport: () => false }],
    build: {
      ssr: join(ROOT, "page/src/picture.tsx"),
      outDir: to,
      emptyOutDir: false,
      copyPublicDir: false,
      minify: true,
      rolldownOptions: { output: { entryFileNames: "picture.mjs", codeSplitting: false } },
    },
  });
}

/** Builds where dist/page is missing, or made of other sources. */
export async function ensurePage(): Promise<string> {
  return isBuilt() ? BUILT : buildPage();
}

function isBuilt(): boolean {
  const file = join(BUILT, STAMP);
  return existsSync(file) && readFileSync(file, "utf8") === sourcesStamp();
}

/** Two at once may build: the later one wins, and a server finds either whole. */
function replace(scratch: string): void {
  const old = `${scratch}-old`;
  if (existsSync(BUILT)) renameSync(BUILT, old);
  try {
    renameSync(scratch, BUILT);
  } catch (error) {
    // Another build put its own there meanwhile.
    if (!existsSync(BUILT)) throw error;
    cpSync(scratch, BUILT, { recursive: true });
  }
  rmSync(old, { recursive: true, force: true });
}

function sourcesStamp(): string {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    for (const file of filesBelow(join(ROOT, source))) {
      if (!/\.test(kit)?\.tsx?$/.test(file))
        hash.update(file.slice(ROOT.length)).update(readFileSync(file));
    }
  }
  return hash.digest("hex");
}

/** Files at or below a path, in a fixed order. */
function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  try {
    const entries = readdirSync(path, { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return [path];
    throw error;
  }
}

function compress(file: string): void {
  const bytes = readFileSync(file);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { "if-needed": { type: "boolean", default: false } } });
  if (values["if-needed"] && isBuilt()) process.exit(0);
  if (values["if-needed"]) console.log("Building the page …");
  await buildPage();
}
