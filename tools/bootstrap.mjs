// What `npm start` and `npm test` run first: installs what is missing, then goes on under the
// Node that this repository pins. Plain JavaScript without dependencies, for Node 20 and later.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "./child.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const BINARIES = join(ROOT, "node_modules/.bin");
const NODE = join(BINARIES, "node");
/** Holds what was installed; `npm ci` empties node_modules first, so half an install leaves none. */
const STAMP = join(ROOT, "node_modules/.quarterdeck-installed");

const TASKS = {
  start: { main: "src/localnet/start.ts", tools: ["anvil"], page: true },
  test: { main: "tools/test.ts", tools: ["anvil", "forge"] },
};

const [name, ...args] = process.argv.slice(2);
const task = TASKS[name];
if (task === undefined) stop(`bootstrap: expected one of ${Object.keys(TASKS).join(", ")}.`);
if (Number(process.versions.node.split(".")[0]) < 20) {
  stop(`Node ${process.versions.node} is too old. Install Node 20 or later.`);
}
install();
for (const tool of task.tools) requireTool(tool);
if (task.page) buildPage();
const code = await runChild(NODE, [join(ROOT, task.main), ...args], {
  cwd: ROOT,
  env: {
    // Each operator and command is a process: none strips the same types again.
    NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/node"),
    ...process.env,
    PATH: `${BINARIES}${delimiter}${process.env.PATH ?? ""}`,
  },
});
process.exit(code);

function install() {
  const wanted = installation();
  const found = existsSync(STAMP) ? readFileSync(STAMP, "utf8") : "";
  if (found === wanted && existsSync(NODE)) return;
  console.log("Installing dependencies (npm ci) …");
  // The test tools are needed even where NODE_ENV or the user's settings leave them out.
  const command = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund"];
  // Whatever Node npm runs under, what it installs runs under the one that comes with it.
  const result = spawnSync("npm", [...command, "--engine-strict=false", "--loglevel=error"], {
    cwd: ROOT,
    stdio: "inherit",
  });
  if (result.error !== undefined) {
    stop(`npm cannot be started (${result.error.message}). Install npm 10 or later.`);
  }
  if (result.signal !== null) stop(`npm ci was ended by ${result.signal}.`);
  if (result.status !== 0) {
    stop("npm ci failed. Check the network, the registry and the disk, and try again.");
  }
  if (!existsSync(NODE)) {
    stop(
      "The pinned Node was not installed: its package's install script did not run. Allow it " +
        "(npm config set ignore-scripts false) and try again.",
    );
  }
  writeFileSync(STAMP, wanted);
}

/** What node_modules must come from: this lock file, on this kind of machine. */
function installation() {
  const lock = createHash("sha256").update(readFileSync(join(ROOT, "package-lock.json")));
  return `${lock.digest("hex")} ${process.platform} ${process.arch}\n`;
}

/** Takes a moment where its sources are as they were. Without the page the exchange runs too. */
function buildPage() {
  const command = [join(ROOT, "tools/page/build.ts"), "--if-needed"];
  const { status } = spawnSync(NODE, command, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) console.error("The page could not be built: npm start goes on without it.");
}

/** Foundry comes from npm on Linux x64; elsewhere it must be in PATH. */
function requireTool(tool) {
  if (existsSync(join(BINARIES, tool))) return;
  if (spawnSync(tool, ["--version"]).status === 0) return;
  stop(
    `${tool} is missing. npm brings it on Linux x64 only; here (${process.platform} ` +
      `${process.arch}) install Foundry 1.7 or later, see getfoundry.sh, so that ${tool} is in PATH.`,
  );
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
