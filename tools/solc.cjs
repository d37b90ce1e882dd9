#!/usr/bin/env node
// Lets forge use the compiler that npm installed: no download, the same version everywhere.
const solc = require("solc");

if (process.argv.includes("--version")) {
  const version = solc.version().replace(".Emscripten.clang", ".Linux.g++");
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`);
} else if (process.argv.includes("--standard-json")) {
  let input = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (part) => {
    input += part;
  });
  process.stdin.on("end", () => process.stdout.write(solc.compile(input)));
} else {
  console.error("tools/solc: only --version and --standard-json are supported");
  process.exit(1);
}
