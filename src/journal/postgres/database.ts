/** A PostgreSQL database, or one that speaks its protocol, every question to it bounded in time. */
import postgres from "postgres";
import { JournalDamaged, StorageFailure, type StorageFailureCode } from "../errors.ts";

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/name`; several `host:port` are separated by commas. */
  readonly url: string;
  /** Holds the tables; lower-case letters, digits and underscores. */
  readonly schema: string;
  /** Milliseconds after which a question counts as unanswered. */
  readonly answerMs: number;
}

export type Sql = postgres.Sql<{ bigint: number }>;

/** Sequences, epochs and sizes stay far below 2^53; anything else is not ours. */
const SAFE_BIGINT = {
  to: 20,
  from: [20],
  serialize: (value: number) => String(value),
  parse: (text: string) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is no sequence.`);
    return value;
  },
};

const CONNECTIONS = 4;
/** Where the server warns that it reports a commit as done which no standby has. */
const UNREPLICATED = "SyncRepWaitForLSN";
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;

export class Database {
  /** For messages: without user and password. */
  readonly location: string;
  readonly #options: DatabaseOptions;
  #sql: Sql;
  #closed = false;
  /** Commits that were reported as done and are on one machine only. */
  #unreplicated = 0;

  /** Connects when it is first asked. Throws `StorageFailure` for a URL or schema that is none. */
  constructor(options: DatabaseOptions) {
    this.location = locationOf(options);
    this.#options = options;
    this.#sql = this.#connect();
  }

  /**
   * What `question` gives. Throws `StorageFailure`: when it stays unanswered, or a commit that
   * waited for a standby was cancelled meanwhile, whether it was carried out is not known.
   */
  async ask<T>(what: string, question: (sql: Sql) => Promise<T>): Promise<T> {
    const { answerMs } = this.#options;
    const sql = this.#sql;
    const before = this.#unreplicated;
    const silence = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#abandon(sql);
      silence.reject(
        new StorageFailure("DatabaseUnreachable", this.location, `${what} (${answerMs} ms)`),
      );
    }, answerMs);
    try {
      const answer = await Promise.race([question(sql), silence.promise]);
      if (this.#unreplicated === before) return answer;
      const problem = `${what} (its wait for a standby was cancelled)`;
      throw new StorageFailure("DatabaseUnreachable", this.location, problem);
    } catch (error) {
      throw this.#failure(what, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whatever is still asked fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#sql.end({ timeout: 0 });
  }

  /** Connections that stay silent would be used again: they are dropped, and new ones opened. */
  #abandon(sql: Sql): void {
    if (this.#sql !== sql || this.#closed) return;
    this.#sql = this.#connect();
    sql.end({ timeout: 0 }).catch(() => {});
  }

  #connect(): Sql {
    const { url, schema, answerMs } = this.#options;
    return postgres(url, {
      max: CONNECTIONS,
      connect_timeout: Math.ceil(answerMs / 1000),
      idle_timeout: 60,
      fetch_types: false,
      // A standby answers reads of the past. `read-write` would not do: a server of release 14 or
      // later says that it is in recovery, and the library does not hear it for that one.
      target_session_attrs: "primary",
      // A failed connection is tried again at once: whoever asks has a pace of its own.
      backoff: false,
      types: { bigint: SAFE_BIGINT },
      onnotice: ({ routine }) => {
        if (routine === UNREPLICATED) this.#unreplicated += 1;
      },
      connection: {
        application_name: "quarterdeck",
        search_path: schema,
        // Less than our own patience, so that nothing is carried out long after we gave up.
        statement_timeout: Math.ceil(answerMs * 0.8),
      },
    });
  }

  #failure(what: string, error: unknown): Error {
    if (error instanceof StorageFailure || error instanceof JournalDamaged) return error;
    return new StorageFailure(codeOf(error), this.location, what, error);
  }
}

/** Scheme and user, the hosts, the rest. A password has no slash, question mark or hash. */
const DATABASE_URL = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^@/?#]*)(.*)$/;

/** Hosts and path of a database's URL; undefined where it is none. */
export function parseDatabaseUrl(
  url: string,
): { readonly hosts: string; readonly path: string } | undefined {
  const [, start, hosts, rest] = DATABASE_URL.exec(url) ?? [];
  if (hosts === undefined) return undefined;
  // No URL of the standard has several hosts: each must make one.
  const parsed = hosts.split(",").map((host) => `${start}${host}${rest}`);
  if (!parsed.every((one) => URL.canParse(one))) return undefined;
  return { hosts, path: new URL(parsed[0] as string).pathname };
}

function locationOf({ url, schema }: DatabaseOptions): string {
  const parsed = parseDatabaseUrl(url);
  if (parsed === undefined) {
    throw new StorageFailure("DatabaseRefused", "the database", "The URL is no postgres:// URL");
  }
  const location = `postgres://${parsed.hosts}${parsed.path}`;
  if (!IDENTIFIER.test(schema)) {
    throw new StorageFailure("DatabaseRefused", location, `"${schema}" is no name for a schema`);
  }
  return `${location}?schema=${schema}`;
}

/** By SQLSTATE where the database answered; everything else did not reach it. */
function codeOf(error: unknown): StorageFailureCode {
  if (!(error instanceof postgres.PostgresError)) return "DatabaseUnreachable";
  const { code } = error;
  // Its disk is full, or it is read only: that may pass, as an outage does.
  if (code === "53100" || code === "25006") return "DatabaseUnwritable";
  // Starting up, shutting down, too many connections, cancelled: another try may do.
  if (/^(57|53|08|40)/.test(code)) return "DatabaseUnreachable";
  // Wrong password, user, database, rights.
  if (/^(28|3D|42501)/.test(code)) return "DatabaseRefused";
  return "StorageFailed";
}
