/** A real PostgreSQL of a test's own, and a schema for each journal in it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type LocalPostgres, startLocalPostgres } from "../../../src/localnet/localPostgres.ts";
import { freePort } from "../chain/anvil.ts";

export interface TestPostgres {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** A name that no other test uses. */
  schema(): string;
  /** Starts it again after `stop` or `kill`, on the same port and data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Whether it refuses writes, as one does that is read only. */
  setReadOnly(readOnly: boolean): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** A connection of the test's own, which whoever asks for it ends. */
export async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // Servers of tests come and go: what is asked then fails by itself.
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Runs each text on a connection of its own, one after the other. */
export async function runSql(url: string, ...texts: readonly string[]): Promise<void> {
  const client = await connectTo(url);
  try {
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
}

const running = new Set<number>();
process.on("exit", () => {
  for (const pid of running) process.kill(pid, "SIGKILL");
});

export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-postgres-data-"));
  const port = await freePort();
  let server = await start(folder, port);
  let schemas = 0;
  const end = async (how: "stop" | "kill") => {
    running.delete(server.pid);
    await server[how]();
  };
  return {
    url: server.url,
    port,
    get pid() {
      return server.pid;
    },
    schema: () => `test_${process.pid}_${++schemas}`,
    restart: async () => {
      server = await start(folder, port);
    },
    stop: () => end("stop"),
    kill: () => end("kill"),
    setReadOnly: async (readOnly) => {
      const value = readOnly ? "on" : "off";
      const alter = `ALTER SYSTEM SET default_transaction_read_only = ${value}`;
      await runSql(server.url, alter, "SELECT pg_reload_conf()");
    },
    remove: async () => {
      await end("stop");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(folder: string, port: number): Promise<LocalPostgres> {
  const server = await startLocalPostgres({ folder, port });
  running.add(server.pid);
  return server;
}
