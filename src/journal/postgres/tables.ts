/** The tables of a shared journal, and what the database must promise. Plain SQL only. */
import { StorageFailure } from "../errors.ts";
import { BINARY_FORMAT } from "../journal.ts";
import { GENESIS_HASH } from "../record.ts";
import type { Database } from "./database.ts";
import type { Sql } from "./sql.ts";

/**
 * Newest format that this release reads: of the tables below, and of what their records may be, see
 * `BINARY_FORMAT`. A release that adds a table raises this only if a release without the table
 * would do harm there: operators of both run while they are upgraded one after the other.
 */
export const TABLES_VERSION = BINARY_FORMAT;
/** Format of a new journal: `acquire` raises it, once all operators there are read the next. */
const FIRST_FORMAT = 1;
/** Two operators that create the tables at the same time: the server reports the other's to one. */
const CREATED_MEANWHILE = new Set(["23505", "42P06", "42P07", "42710"]);
const TRIES = 5;

/**
 * Creates what is missing. Throws `StorageFailure`: `NewerFormat` for tables of a later release,
 * `DatabaseNotDurable` where a commit would not be on disk.
 */
export async function prepareTables(database: Database): Promise<void> {
  await requireDurable(database);
  await createTables(database);
  const found = await database.ask("The format cannot be read", (sql) => readFormat(sql));
  if (found > TABLES_VERSION) {
    const what = `The tables have format ${found}, this release knows ${TABLES_VERSION}`;
    throw new StorageFailure("NewerFormat", database.location, what);
  }
}

/**
 * Throws `DatabaseNotDurable` where a commit would not be on disk. Engines that lack a setting have
 * no way to switch it off.
 */
export async function requireDurable(database: Database): Promise<void> {
  const rows = await database.ask(
    "The database's settings cannot be read",
    (sql) => sql<{ name: string; setting: string }[]>`
      SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')`,
  );
  const off = rows.find(({ setting }) => setting === "off");
  if (off === undefined) return;
  throw new StorageFailure("DatabaseNotDurable", database.location, `${off.name} is off`);
}

/** Says which format this operator reads, for whoever may raise that of the journal. */
export async function sayReads(database: Database, operator: string): Promise<void> {
  await database.ask(
    "This operator cannot say what it reads",
    (sql) => sql`
      INSERT INTO {schema}.reads (operator, format) VALUES (${operator}, ${TABLES_VERSION})
      ON CONFLICT (operator) DO UPDATE SET format = excluded.format`,
  );
}

async function createTables(database: Database): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await database.ask("The tables cannot be created", create);
      return;
    } catch (error) {
      const { cause } = error as { cause?: { code?: string } };
      if (!CREATED_MEANWHILE.has(cause?.code ?? "") || tries === TRIES) throw error;
    }
  }
}

/** In one transaction: where a statement fails the connection is dropped, and all of it with it. */
async function create(sql: Sql): Promise<void> {
  await sql`BEGIN`;
  await sql`CREATE SCHEMA IF NOT EXISTS {schema}`;
  await sql`
    CREATE TABLE IF NOT EXISTS {schema}.record (
      sequence bigint PRIMARY KEY,
      epoch    bigint NOT NULL,
      version  integer NOT NULL,
      payload  bytea NOT NULL,
      checksum bigint NOT NULL,
      hash     bytea NOT NULL
    )`;
  // The writer, the end of its lease, and the successor that the last writer named.
  await sql`
    CREATE TABLE IF NOT EXISTS {schema}.head (
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
    CREATE TABLE IF NOT EXISTS {schema}.snapshot (
      sequence    bigint PRIMARY KEY,
      record_hash bytea NOT NULL,
      state_hash  bytea NOT NULL,
      bytes       bigint NOT NULL,
      checksum    bytea NOT NULL
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS {schema}.snapshot_part (
      sequence bigint NOT NULL,
      part     integer NOT NULL,
      bytes    bytea NOT NULL,
      PRIMARY KEY (sequence, part)
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS {schema}.operator (
      address  text PRIMARY KEY,
      url      text NOT NULL,
      sequence bigint NOT NULL,
      seen_at  timestamptz NOT NULL
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS {schema}.attestation (
      round      bigint NOT NULL,
      operator   text NOT NULL,
      roots_hash bytea NOT NULL,
      signature  bytea NOT NULL,
      PRIMARY KEY (round, operator, roots_hash)
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS {schema}.reads (
      operator text PRIMARY KEY,
      format   integer NOT NULL
    )`;
  await sql`
    INSERT INTO {schema}.head (id, format, epoch, sequence, hash, expires_at, successor_until)
    VALUES (1, ${FIRST_FORMAT}, 0, 0, ${GENESIS_HASH}, now(), now())
    ON CONFLICT (id) DO NOTHING`;
  await sql`COMMIT`;
}

async function readFormat(sql: Sql): Promise<number> {
  const rows = await sql<{ format: number }[]>`SELECT format FROM {schema}.head WHERE id = 1`;
  return rows[0]?.format ?? 0;
}
