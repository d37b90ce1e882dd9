#!/usr/bin/env node
// Runs the command line under Node 24: this one if it is new enough, else the one that the
// repository pins.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const pinned = join(root, "node_modules/.bin/node");
const isNew = Number(process.versions.node.split(".")[0]) >= 24;
if (!isNew && !existsSync(pinned)) {
  console.error("quarterdeck: Node 24 or later is needed. Install it, or run npm ci here.");
  process.exit(1);
}
const main = join(root, "src/cli/main.ts");
const child = spawn(isNew ? process.execPath : pinned, [main, ...process.argv.slice(2)], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.once("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
