/** The tables of a shared journal, and what the database must promise. Plain SQL only. */
import postgres from "postgres";
import { StorageFailure } from "../errors.ts";
import { GENESIS_HASH } from "../record.ts";
import type { Database, Sql } from "./database.ts";

/**
 * Version of the tables below. One that a release adds raises it only if a release without it would
 * do harm there: operators of both are at work while they are upgraded one after the other.
 */
const TABLES_VERSION = 1;
/** Two operators that create the tables at the same time: one of them is told of the other's. */
const CREATED_MEANWHILE = new Set(["23505", "42P06", "42P07", "42710"]);
const TRIES = 5;

/**
 * Creates what is missing. Throws `StorageFailure`: `NewerFormat` for tables of a later release,
 * `DatabaseNotDurable` where a commit would not be on disk.
 */
export async function prepareTables(database: Database, schema: string): Promise<void> {
  await database.ask("The database's settings cannot be read", (sql) =>
    requireDurable(sql, database.location),
  );
  await database.ask("The tables cannot be created", (sql) => createTables(sql, schema));
  const found = await database.ask("The format cannot be read", (sql) => readFormat(sql));
  if (found > TABLES_VERSION) {
    const what = `The tables have format ${found}, this release knows ${TABLES_VERSION}`;
    throw new StorageFailure("NewerFormat", database.location, what);
  }
}

/** Engines that lack a setting have no way to switch it off. */
async function requireDurable(sql: Sql, location: string): Promise<void> {
  const rows = await sql<{ name: string; setting: string }[]>`
    SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')`;
  const off = rows.find(({ setting }) => setting === "off");
  if (off === undefined) return;
  throw new StorageFailure("DatabaseNotDurable", location, `${off.name} is off`);
}

async function createTables(sql: Sql, schema: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await sql.begin((transaction) => create(transaction, schema));
      return;
    } catch (error) {
      const meanwhile =
        error instanceof postgres.PostgresError && CREATED_MEANWHILE.has(error.code);
      if (!meanwhile || tries === TRIES) throw error;
    }
  }
}

async function create(sql: postgres.TransactionSql<{ bigint: number }>, schema: string) {
  await sql`CREATE SCHEMA IF NOT EXISTS ${sql(schema)}`;
  await sql`
    CREATE TABLE IF NOT EXISTS record (
      sequence bigint PRIMARY KEY,
      epoch    bigint NOT NULL,
      version  integer NOT NULL,
      payload  bytea NOT NULL,
      checksum bigint NOT NULL,
      hash     bytea NOT NULL
    )`;
  // Who writes, until when, and whom the last writer named as its successor.
  await sql`
    CREATE TABLE IF NOT EXISTS head (
      id              integer PRIMARY KEY CHECK (id = 1),
      format          integer NOT NULL,
      epoch           bigint NOT NULL,
      sequence        bigint NOT NULL,
      hash            bytea NOT NULL,
      holder          text,
      url             text,
      expires_at      timestamptz NOT NULL,
      successor       text,
      successor_until timestamptz NOT NULL
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS snapshot (
      sequence    bigint PRIMARY KEY,
      record_hash bytea NOT NULL,
      state_hash  bytea NOT NULL,
      bytes       bigint NOT NULL,
      checksum    bytea NOT NULL
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS snapshot_part (
      sequence bigint NOT NULL,
      part     integer NOT NULL,
      bytes    bytea NOT NULL,
      PRIMARY KEY (sequence, part)
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS operator (
      address  text PRIMARY KEY,
      url      text NOT NULL,
      sequence bigint NOT NULL,
      seen_at  timestamptz NOT NULL
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS attestation (
      round      bigint NOT NULL,
      operator   text NOT NULL,
      roots_hash bytea NOT NULL,
      signature  bytea NOT NULL,
      PRIMARY KEY (round, operator, roots_hash)
    )`;
  await sql`
    INSERT INTO head (id, format, epoch, sequence, hash, expires_at, successor_until)
    VALUES (1, ${TABLES_VERSION}, 0, 0, ${Buffer.from(GENESIS_HASH)}, now(), now())
    ON CONFLICT (id) DO NOTHING`;
}

async function readFormat(sql: Sql): Promise<number> {
  const rows = await sql<{ format: number }[]>`SELECT format FROM head WHERE id = 1`;
  return rows[0]?.format ?? 0;
}
