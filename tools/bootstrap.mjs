// What `npm start` and `npm test` run first: installs what is missing, then goes on under the
// Node that this repository pins. Plain JavaScript without dependencies, for Node 20 and later.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const STAMP = join(ROOT, "node_modules/.quarterdeck-installed");
const NODE = join(ROOT, "node_modules/.bin/node");
const MAINS = { start: "src/cli/start.ts", test: "tools/test.ts" };

const [task, ...args] = process.argv.slice(2);
if (!(task in MAINS)) stop(`bootstrap: expected one of ${Object.keys(MAINS).join(", ")}`);
if (Number(process.versions.node.split(".")[0]) < 20) {
  stop(`Node ${process.versions.node} is too old. Install Node 20 or later.`);
}
install();
requireTool("anvil");
requireTool("forge");
run();

function install() {
  const lock = readFileSync(join(ROOT, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  const found = existsSync(STAMP) ? readFileSync(STAMP, "utf8") : "";
  if (found === wanted && existsSync(NODE)) return;
  console.log("Installing dependencies (npm ci) …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const result = spawnSync(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: ROOT,
    stdio: "inherit",
  });
  if (result.status !== 0)
    stop("npm ci failed. Check the network and the registry, and try again.");
  if (!existsSync(NODE)) {
    stop("Node 24 was not installed: allow the install script of the npm package `node`.");
  }
  writeFileSync(STAMP, wanted);
}

/** Foundry comes from npm on Linux x64; elsewhere it must be in PATH. */
function requireTool(name) {
  if (existsSync(join(ROOT, "node_modules/.bin", name))) return;
  if (spawnSync(name, ["--version"]).status === 0) return;
  stop(`${name} is missing: install Foundry 1.7 or later (getfoundry.sh) for this platform.`);
}

function run() {
  const path = `${join(ROOT, "node_modules/.bin")}:${process.env.PATH ?? ""}`;
  const child = spawn(NODE, [MAINS[task], ...args], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  // A terminal sends SIGINT to the child as well; the child ends in its own time, and we with it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.once("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
