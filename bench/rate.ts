/**
 * Orders a second at 64 connections, and how long they take at the same offered load, beside the
 * build of 2026-11-21: real operator processes of both on SQLite, or on one PostgreSQL, measured in
 * turns. That build is taken from git into a folder that goes afterwards, with the driver that it
 * uses for PostgreSQL from the package registry. Half of the orders rest, the other half each take
 * one of them. `node bench/rate.ts [runs] [--postgres]`
 */
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { startPostgres } from "../test/support/database/postgres.ts";
import { median } from "./measure.ts";
import {
  BATCHES,
  connected,
  HTTP,
  ORDERS,
  openNextRound,
  openPlace,
  type Place,
  requestsOf,
  STREAM,
  STREAM_ONE,
  type Way,
} from "./place.ts";
import { sendAll, sendAt } from "./rawClient.ts";

const OLD = "40948e0";
const OLD_DRIVER = "postgres@3.4.9";
const ROOT = resolve(import.meta.dirname, "..");
/** Of the old build's rate over HTTP: what both are offered where latency is measured. */
const OFFERED = 0.85;
const NO_LIMITS = { readsPerSecond: 0, placementsPerSecond: 0, cancelsPerSecond: 0 };

/** Orders of each client in a run with the old build, which takes several times as long for one. */
const OLD_ORDERS = 32;
/** Seconds for which orders are offered where latency is measured. */
const OFFERED_SECONDS = 5;

const onPostgres = process.argv.includes("--postgres");
const runs = Number(process.argv.slice(2).find((word) => !word.startsWith("--")) ?? 5);

/** One way to one of the builds. */
interface Side {
  readonly name: string;
  readonly place: Place;
  readonly way: Way;
  /** Of each client. */
  readonly orders: number;
}

/** The old build in a folder of its own, with the packages of this one. */
function extract(commit: string, folder: string): void {
  const archive = execFileSync("git", ["archive", commit], { cwd: ROOT, maxBuffer: 1 << 28 });
  execFileSync("tar", ["-x", "-C", folder], { input: archive });
  const packages = join(folder, "node_modules");
  mkdirSync(packages);
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    symlinkSync(join(ROOT, "node_modules", name), join(packages, name));
  }
  addDriver(folder, packages);
}

/** The old build's driver of PostgreSQL: where it is loaded and not used, nothing in its place. */
function addDriver(folder: string, packages: string): void {
  if (onPostgres) {
    const names = execFileSync("npm", ["pack", OLD_DRIVER, "--silent"], { cwd: folder });
    execFileSync("tar", ["-xzf", String(names).trim()], { cwd: folder });
    renameSync(join(folder, "package"), join(packages, "postgres"));
    return;
  }
  mkdirSync(join(packages, "postgres"), { recursive: true });
  writeFileSync(join(packages, "postgres", "package.json"), '{"type":"module","main":"i.js"}');
  writeFileSync(join(packages, "postgres", "i.js"), "export default () => {};");
}

/** An operator's settings for a journal of its own. */
function databaseOf(): object {
  if (postgres === undefined) return {};
  const database = { url: postgres.url, schema: postgres.schema() };
  return { database, publicUrl: "http://127.0.0.1:1" };
}

/** Orders a second: resting, crossing. */
async function rateOf({ place, way, orders }: Side): Promise<readonly [number, number]> {
  await openNextRound(place);
  const sides = (["ask", "bid"] as const).map((side) => requestsOf(place, way, side, orders));
  return connected(place, way.wire, async (connections) => {
    const rates: number[] = [];
    for (const requests of sides) {
      const ms = await sendAll(connections, requests, way.window);
      rates.push((requests.length * way.batch * 1000) / ms);
    }
    return rates as [number, number];
  });
}

/** The 99th of a hundred latencies in milliseconds, of resting and crossing orders together. */
async function p99Of({ place, way }: Side, perSecond: number): Promise<number> {
  await openNextRound(place);
  const most = Math.ceil((perSecond * OFFERED_SECONDS) / 2 / way.batch);
  const requests = (["ask", "bid"] as const).flatMap((side) =>
    requestsOf(place, way, side).slice(0, most),
  );
  return connected(place, way.wire, async (connections) => {
    const took = await sendAt(connections, requests, perSecond / way.batch);
    took.sort((a, b) => a - b);
    return took[Math.floor(took.length * 0.99)] as number;
  });
}

const postgres = onPostgres ? await startPostgres() : undefined;
const folder = mkdtempSync(join(ROOT, "bench-older-"));
const places: Place[] = [];
try {
  extract(OLD, folder);
  const old = await openPlace(join(folder, "test", "support", "processExchange.ts"), databaseOf());
  places.push(old);
  const support = join(ROOT, "test/support/exchange/processExchange.ts");
  const now = await openPlace(support, { rateLimits: NO_LIMITS, ...databaseOf() });
  places.push(now);
  const rates = new Map<string, number[][]>();
  const latencies = new Map<string, number[]>();
  const sides: readonly Side[] = [
    { name: `${OLD} over HTTP`, place: old, way: HTTP, orders: OLD_ORDERS },
    ...[HTTP, STREAM_ONE, STREAM, BATCHES].map((way): Side => {
      return { name: way.name, place: now, way, orders: ORDERS };
    }),
  ];
  // The first run warms both up.
  for (let run = -1; run < runs; run++) {
    for (const side of sides) {
      const { name } = side;
      const found = await rateOf(side);
      if (run >= 0) rates.set(name, [...(rates.get(name) ?? []), [...found]]);
    }
  }
  const before = rates.get(`${OLD} over HTTP`) as number[][];
  const offered = OFFERED * median(before.map((pair) => Math.min(...pair)));
  for (let run = 0; run < runs; run++) {
    for (const side of sides) {
      const { name } = side;
      const ms = await p99Of(side, offered);
      latencies.set(name, [...(latencies.get(name) ?? []), ms]);
    }
  }
  const load = loadavg().map((one) => one.toFixed(0));
  const journals = onPostgres ? "PostgreSQL" : "SQLite";
  console.log(
    `${availableParallelism()} cores, ${journals}, load ${load.join(", ")}, medians of ${runs} runs`,
  );
  for (const [name, found] of rates) {
    const [rest, cross] = [0, 1].map((side) => {
      const of = (pairs: number[][]) => pairs.map((pair) => pair[side] as number);
      const ratio = median(of(found).map((rate, run) => rate / (of(before)[run] as number)));
      return `${median(of(found)).toFixed(0)}/s (${ratio.toFixed(1)})`;
    });
    const p99 = median(latencies.get(name) as number[]).toFixed(1);
    console.log(
      `${name}: resting ${rest}, crossing ${cross}; p99 at ${offered.toFixed(0)}/s: ${p99} ms`,
    );
  }
} finally {
  for (const place of places) await place.stop();
  await postgres?.remove();
  rmSync(folder, { recursive: true, force: true });
}
