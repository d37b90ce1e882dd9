/** One connection to one server: opened, proven fit for a journal, asked, closed. */
import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import { type Sql, sqlOf, TYPES } from "./sql.ts";
import type { DatabaseAddress, DatabaseHost } from "./url.ts";

/** The settings that every session is asked for, and held to. */
export interface SessionSettings {
  readonly schema: string;
  /** Milliseconds after which the server gives a statement up. */
  readonly statementMs: number;
}

/** The server is no use for a journal; another of the URL may be. */
export class UnfitServer extends Error {
  override readonly name = "UnfitServer";
  /** `standby`: it takes no writes. `sessions`: a pooler stands in between, and keeps no session. */
  readonly unfit: "standby" | "sessions";

  constructor(unfit: "standby" | "sessions", message: string) {
    super(message);
    this.unfit = unfit;
  }
}

/** Where the server warns that it reports a commit as done which no standby has. */
const UNREPLICATED = "SyncRepWaitForLSN";
/** Milliseconds for which a server may take its time to hear that we leave. */
const GOODBYE_MS = 1000;

export class Connection {
  readonly host: DatabaseHost;
  readonly sql: Sql;
  /** Commits that were reported as done and are on one machine only. */
  unreplicated = 0;
  readonly #client: pg.Client;
  #broken = false;

  private constructor(host: DatabaseHost, client: pg.Client, schema: string) {
    this.host = host;
    this.#client = client;
    this.sql = sqlOf(client, schema);
    client.on("error", () => {
      this.#broken = true;
    });
    client.on("end", () => {
      this.#broken = true;
    });
    client.on("notice", ({ routine }) => {
      if (routine === UNREPLICATED) this.unreplicated += 1;
    });
  }

  /**
   * Rejects with the server's own error, with that of the network, or with `UnfitServer`; also
   * once `signal` is aborted.
   */
  static async open(
    address: DatabaseAddress,
    host: DatabaseHost,
    settings: SessionSettings,
    signal: AbortSignal,
  ): Promise<Connection> {
    const client = await login(address, host, signal);
    const connection = new Connection(host, client, settings.schema);
    const abort = () => connection.drop();
    signal.addEventListener("abort", abort);
    try {
      await connection.#begin(settings);
      return connection;
    } catch (error) {
      connection.drop();
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** True once the connection has ended, or received a message that answers no request. */
  get isBroken(): boolean {
    return this.#broken;
  }

  /** Whether the server that answers is not the one that was connected to. */
  isPooled(backend: number): boolean {
    return (this.#client as { processID?: number | null }).processID !== backend;
  }

  async #begin({ statementMs }: SessionSettings): Promise<void> {
    // A standby answers reads of the past. Asked for as a statement, since poolers refuse settings
    // that they do not know when a connection is opened; and with no prepared form, which a process
    // might have of somebody else.
    const { rows } = await this.#client.query<SessionRow>(
      "SELECT pg_is_in_recovery() AS standby, pg_backend_pid() AS backend, " +
        `set_config('statement_timeout', '${statementMs}', false) AS timeout`,
    );
    const [begun] = rows;
    if (begun?.standby !== false) {
      throw new UnfitServer("standby", "it is a standby, which takes no writes");
    }
    const held = await this.session();
    if (held.backend !== begun.backend || held.timeout !== String(statementMs)) {
      throw new UnfitServer("sessions", SESSIONS_LOST);
    }
  }

  /** The server process that answers, and the setting that its session has. */
  async session(): Promise<Pick<SessionRow, "backend" | "timeout">> {
    const [row] = await this.sql<SessionRow[]>`
      SELECT pg_backend_pid() AS backend, setting AS timeout
      FROM pg_settings WHERE name = 'statement_timeout'`;
    return row ?? { backend: 0, timeout: "" };
  }

  /** Leaves in good order. */
  close(): void {
    const { stream } = streamOf(this.#client);
    this.#client.end().catch(() => {});
    const timer = setTimeout(() => stream.destroy(), GOODBYE_MS);
    timer.unref();
    stream.once("close", () => clearTimeout(timer));
  }

  /** Every later request on this connection fails at once. */
  drop(): void {
    this.#broken = true;
    streamOf(this.#client).stream.destroy();
  }
}

interface SessionRow {
  readonly standby: boolean;
  readonly backend: number;
  readonly timeout: string;
}

export const SESSIONS_LOST =
  "a pooler stands in between that keeps no session: statements of one connection reach several " +
  "server processes";

/** The socket, which the types of the library do not show. */
function streamOf(client: pg.Client): { readonly stream: Duplex } {
  return (client as unknown as { connection: { stream: Duplex } }).connection;
}

/** Connects in each way that `sslmode` allows, until one succeeds. */
async function login(
  address: DatabaseAddress,
  host: DatabaseHost,
  signal: AbortSignal,
): Promise<pg.Client> {
  let first: unknown;
  for (const tls of address.encryption) {
    try {
      return await loginOnce(address, host, tls, signal);
    } catch (error) {
      first ??= error;
      // The server is absent, or ordered to stop: no other way leads there.
      if (signal.aborted || isOutOfReach(error)) break;
    }
  }
  throw first;
}

function isOutOfReach(error: unknown): boolean {
  return /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENOENT)$/.test(
    String((error as { code?: unknown }).code),
  );
}

async function loginOnce(
  address: DatabaseAddress,
  { host, port }: DatabaseHost,
  tls: ConnectionOptions | false,
  signal: AbortSignal,
): Promise<pg.Client> {
  signal.throwIfAborted();
  const { user, database, keepAliveMs, options } = address;
  let isBound = false;
  const client = new pg.Client({
    host,
    port,
    application_name: address.applicationName,
    types: TYPES,
    ssl: tls,
    ...(user !== undefined && { user }),
    ...(database !== undefined && { database }),
    ...(options !== undefined && { options }),
    ...(address.directTls && { sslnegotiation: "direct" }),
    keepAlive: keepAliveMs !== undefined,
    keepAliveInitialDelayMillis: keepAliveMs ?? 0,
    enableChannelBinding: tls !== false && address.channelBinding !== "disable",
    password: () => {
      if (address.channelBinding === "require" && !isBound) throw new Error(NOT_BOUND);
      return address.password ?? process.env["PGPASSWORD"] ?? "";
    },
  });
  const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
  connection.prependListener("authenticationSASL", (message: { mechanisms: string[] }) => {
    isBound = message.mechanisms.includes("SCRAM-SHA-256-PLUS");
  });
  const abort = () => streamOf(client).stream.destroy();
  signal.addEventListener("abort", abort);
  // An error may come before and after the one that `connect` rejects with.
  client.on("error", () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    abort();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

const NOT_BOUND = "the server offers no channel binding, and the URL requires it";
