#!/usr/bin/env node
// Runs the command line under Node 24: this one if it is new enough, else the one that the
// repository pins.
import { existsSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";
import { endWithLauncher, runChild } from "../tools/child.mjs";

const OLDEST = 24;
const main = new URL("../src/cli/main.ts", import.meta.url);
const pinned = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));

endWithLauncher();
if (Number(process.versions.node.split(".")[0]) >= OLDEST) {
  // The next start need not strip the types again; where the folder cannot be written it will.
  module.enableCompileCache();
  await import(main.href);
} else if (existsSync(pinned)) {
  process.exit(await runChild(pinned, [fileURLToPath(import.meta.url), ...process.argv.slice(2)]));
} else {
  console.error(
    `quarterdeck needs Node ${OLDEST} or later; this is ${process.versions.node}. Install it, ` +
      "or run npm ci in the repository, which brings its own.",
  );
  process.exit(1);
}
