/** A PostgreSQL database, or one that speaks its protocol, every question to it bounded in time. */
import pg from "pg";
import { JournalDamaged, StorageFailure, type StorageFailureCode } from "../errors.ts";
import { type Connection, UnfitServer } from "./connection.ts";
import { NoHost, Pool, wordsOf } from "./pool.ts";
import type { Sql } from "./sql.ts";
import { BadDatabaseUrl, type DatabaseAddress, parseDatabaseUrl } from "./url.ts";

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/name`; several `host:port` are separated by commas. */
  readonly url: string;
  /** Holds the tables; lower-case letters, digits and underscores. */
  readonly schema: string;
  /** Milliseconds after which a question counts as unanswered. */
  readonly answerMs: number;
  /** Only this host of the URL, counted from 0; all of them by default. */
  readonly host?: number;
}

const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;
/** SQLSTATE of a server that is read only: after a failover, the old primary. */
const READ_ONLY = "25006";

export class Database {
  /** The hosts for messages: without user and password. */
  readonly location: string;
  readonly #answerMs: number;
  readonly #pool: Pool;

  /** Connects when it is first asked. Throws `StorageFailure` for a URL or schema that is none. */
  constructor({ url, schema, answerMs, host }: DatabaseOptions) {
    const address = addressOf(url, host);
    this.location = locationOf(address, schema);
    this.#answerMs = answerMs;
    // Less than our own time limit, so that nothing is carried out long after we gave up.
    this.#pool = new Pool(address, { schema, statementMs: Math.ceil(answerMs * 0.8) });
  }

  /**
   * The result of `question`, all of it asked on one connection and once: nothing is asked again by
   * itself. Throws `StorageFailure`: when it stays unanswered, or a commit that waited for a
   * standby was cancelled meanwhile, whether it was carried out is not known.
   */
  async ask<T>(what: string, question: (sql: Sql) => Promise<T>): Promise<T> {
    const ending = new AbortController();
    const silence = Promise.withResolvers<never>();
    let connection: Connection | undefined;
    const timer = setTimeout(() => {
      const problem = `${what} (${this.#answerMs} ms)`;
      const failure = new StorageFailure("DatabaseUnreachable", this.location, problem);
      silence.reject(failure);
      ending.abort(failure);
    }, this.#answerMs);
    try {
      connection = await this.#pool.take(ending.signal);
      const before = connection.unreplicated;
      const answer = await Promise.race([question(connection.sql), silence.promise]);
      if (connection.unreplicated !== before) throw this.#unreplicated(what);
      this.#pool.giveBack(connection);
      return answer;
    } catch (error) {
      this.#dropAfter(error, connection, ending.signal.aborted);
      throw this.#failure(what, error);
    } finally {
      clearTimeout(timer);
      silence.promise.catch(() => {});
    }
  }

  /** Every later request uses a connection that is opened from now on. */
  renew(): void {
    this.#pool.renew();
  }

  /** Every request still open fails. */
  async close(): Promise<void> {
    this.#pool.close();
  }

  /** A connection that failed is not used again; nor are the others, where its host is no use. */
  #dropAfter(error: unknown, connection: Connection | undefined, isSilent: boolean): void {
    if (connection === undefined) return;
    this.#pool.drop(connection);
    if (isSilent || codeOf(error) === READ_ONLY) this.#pool.renew(connection.host);
  }

  #unreplicated(what: string): StorageFailure {
    const problem = `${what} (its wait for a standby was cancelled)`;
    return new StorageFailure("DatabaseUnreachable", this.location, problem);
  }

  #failure(what: string, error: unknown): Error {
    if (error instanceof StorageFailure || error instanceof JournalDamaged) return error;
    const told = `${what} (${wordsOf(error)})`;
    return new StorageFailure(failureCodeOf(error), this.location, told, error);
  }
}

/**
 * The result of `read`. No damage is declared from one reading: apparent damage is read again on
 * connections that are opened then, and `JournalDamaged` is thrown only for the damage found there.
 */
export async function confirmed<T>(database: Database, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof JournalDamaged)) throw error;
    database.renew();
    return read();
  }
}

function addressOf(url: string, host: number | undefined): DatabaseAddress {
  try {
    const address = parseDatabaseUrl(url);
    return host === undefined
      ? address
      : { ...address, hosts: address.hosts.slice(host, host + 1) };
  } catch (error) {
    if (!(error instanceof BadDatabaseUrl)) throw error;
    throw new StorageFailure("DatabaseRefused", "the database", error.message);
  }
}

function locationOf({ location }: DatabaseAddress, schema: string): string {
  if (!IDENTIFIER.test(schema)) {
    throw new StorageFailure("DatabaseRefused", location, `"${schema}" is no name for a schema`);
  }
  return `${location}?schema=${schema}`;
}

function codeOf(error: unknown): string {
  return error instanceof pg.DatabaseError ? (error.code ?? "") : "";
}

/** By SQLSTATE where the database answered; everything else did not reach it. */
function failureCodeOf(error: unknown): StorageFailureCode {
  if (error instanceof NoHost) return failureCodeOf(error.cause);
  if (error instanceof UnfitServer) {
    return error.unfit === "sessions" ? "DatabaseSessionless" : "DatabaseUnwritable";
  }
  // A value that is none of ours, which no other connection would make one.
  if (error instanceof RangeError) return "StorageFailed";
  if (!(error instanceof pg.DatabaseError)) return "DatabaseUnreachable";
  const code = codeOf(error);
  // The server's disk is full, or it is read only: that may pass, as an outage does.
  if (code === "53100" || code === READ_ONLY) return "DatabaseUnwritable";
  // A pooler's word for what it does not pass on; under the same code it tells of its outages.
  if (code === "08P01" && /unsupported/i.test(error.message)) return "DatabaseRefused";
  // Prepared in one session and needed in another, or the other way round.
  if (code === "42P05" || code === "26000") return "DatabaseSessionless";
  // Starting up, shutting down, too many connections, cancelled: another try may do.
  if (/^(57|53|08|40)/.test(code)) return "DatabaseUnreachable";
  // Wrong password, user, database, rights.
  if (/^(28|3D|42501)/.test(code)) return "DatabaseRefused";
  return "StorageFailed";
}
