/**
 * A few connections to whichever host of the URL takes writes. A connection that failed in any way
 * is not used again: its next answers could be wrong.
 */
import { reasonOf } from "../../base/errors.ts";
import { Connection, SESSIONS_LOST, type SessionSettings, UnfitServer } from "./connection.ts";
import type { DatabaseAddress, DatabaseHost } from "./url.ts";

/** No host of the URL could be used. `cause`: what the one said that matters most. */
export class NoHost extends Error {
  override readonly name = "NoHost";
}

const CONNECTIONS = 4;
/** Milliseconds after which a connection that nobody needed is closed. */
const IDLE_MS = 60_000;
/** Number of probes for the server that answers while another transaction is open. */
const SESSION_PROBES = 3;

interface Waiting {
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal;
}

export class Pool {
  readonly #address: DatabaseAddress;
  readonly #settings: SessionSettings;
  readonly #idle = new Map<Connection, NodeJS.Timeout>();
  readonly #busy = new Set<Connection>();
  readonly #waiting: Waiting[] = [];
  /** Connections that were opened before this number last grew are not used again. */
  readonly #generations = new WeakMap<Connection, number>();
  #generation = 0;
  #opening = 0;
  /** The host that is tried first. */
  #first = 0;
  /** Hosts of which is known whether sessions are kept. */
  readonly #proven = new Set<DatabaseHost>();
  #closed = false;

  constructor(address: DatabaseAddress, settings: SessionSettings) {
    this.#address = address;
    this.#settings = settings;
  }

  /** A connection that nobody else uses until it is given back or dropped. */
  take(signal: AbortSignal): Promise<Connection> {
    if (this.#closed) return Promise.reject(new Error("the database's connections are closed"));
    for (const connection of this.#idle.keys()) {
      this.#unidle(connection);
      if (!this.#isUsable(connection)) {
        connection.drop();
        continue;
      }
      this.#busy.add(connection);
      return Promise.resolve(connection);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const waiting = { resolve, reject, signal };
    this.#waiting.push(waiting);
    signal.addEventListener("abort", () => {
      const at = this.#waiting.indexOf(waiting);
      if (at !== -1) this.#waiting.splice(at, 1);
      reject(signal.reason);
    });
    this.#openForWaiting();
    return promise;
  }

  giveBack(connection: Connection): void {
    this.#busy.delete(connection);
    if (this.#closed || !this.#isUsable(connection)) {
      connection.close();
      this.#openForWaiting();
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#busy.add(connection);
      next.resolve(connection);
      return;
    }
    const timer = setTimeout(() => {
      this.#idle.delete(connection);
      connection.close();
    }, IDLE_MS);
    this.#idle.set(connection, timer.unref());
  }

  drop(connection: Connection): void {
    this.#busy.delete(connection);
    connection.drop();
    this.#openForWaiting();
  }

  /**
   * From now on only connections that are opened from now on are used; where `avoid` is given, to
   * the other hosts first.
   */
  renew(avoid?: DatabaseHost): void {
    this.#generation += 1;
    for (const connection of [...this.#idle.keys()]) {
      this.#unidle(connection);
      connection.close();
    }
    if (avoid !== undefined) this.#passOver(avoid);
  }

  /** Every request still open fails. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#idle.keys()]) {
      this.#unidle(connection);
      connection.close();
    }
    for (const connection of this.#busy) connection.drop();
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new Error("the database's connections are closed"));
    }
  }

  #isUsable(connection: Connection): boolean {
    return !connection.isBroken && this.#generations.get(connection) === this.#generation;
  }

  #unidle(connection: Connection): void {
    clearTimeout(this.#idle.get(connection));
    this.#idle.delete(connection);
  }

  #passOver(host: DatabaseHost): void {
    const { hosts } = this.#address;
    if (hosts[this.#first] === host) this.#first = (this.#first + 1) % hosts.length;
  }

  #openForWaiting(): void {
    while (!this.#closed && this.#waiting.length > this.#opening) {
      if (this.#busy.size + this.#idle.size + this.#opening >= CONNECTIONS) return;
      this.#opening += 1;
      void this.#openOne().finally(() => {
        this.#opening -= 1;
        this.#openForWaiting();
      });
    }
  }

  /**
   * For the longest-waiting request: its end ends the opening, and it gets the opening's failure.
   */
  async #openOne(): Promise<void> {
    const { signal } = this.#waiting[0] as Waiting;
    const generation = this.#generation;
    try {
      const connection = await this.#walk(signal);
      this.#generations.set(connection, generation);
      this.#busy.add(connection);
      this.giveBack(connection);
    } catch (error) {
      const at = this.#waiting.findIndex((waiting) => waiting.signal === signal);
      const [first] = this.#waiting.splice(Math.max(0, at), 1);
      first?.reject(error);
    }
  }

  /** The first host, from the one that answered last, that can be used. */
  async #walk(signal: AbortSignal): Promise<Connection> {
    const { hosts } = this.#address;
    const failures: { readonly host: DatabaseHost; readonly error: unknown }[] = [];
    const first = this.#first;
    for (const index of hosts.keys()) {
      const at = (first + index) % hosts.length;
      const host = hosts[at] as DatabaseHost;
      try {
        const connection = await this.#open(host, signal);
        this.#first = at;
        return connection;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        failures.push({ host, error });
      }
    }
    throw noHost(failures);
  }

  async #open(host: DatabaseHost, signal: AbortSignal): Promise<Connection> {
    const ms = this.#retryTimeoutMs();
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
    const open = () => Connection.open(this.#address, host, this.#settings, bounded);
    try {
      const connection = await open();
      if (!this.#proven.has(host)) await proveSessions(connection, open);
      this.#proven.add(host);
      return connection;
    } catch (error) {
      if (signal.aborted || !bounded.aborted) throw error;
      throw new Error(`no connection within ${ms} ms`);
    }
  }

  /** Milliseconds for one host, so that all of them can be tried while somebody waits. */
  #retryTimeoutMs(): number {
    const { hosts, connectMs = Number.POSITIVE_INFINITY } = this.#address;
    return Math.ceil(Math.min(connectMs, this.#settings.statementMs / hosts.length));
  }
}

/**
 * Throws `UnfitServer` where statements of one connection reach several server processes. A pooler
 * shows itself by answering under another number than that of the process that answers; whether it
 * keeps the session shows while a transaction of another connection is open, which needs a process
 * of its own.
 */
async function proveSessions(
  connection: Connection,
  open: () => Promise<Connection>,
): Promise<void> {
  const begun = await connection.session();
  if (!connection.isPooled(begun.backend)) return;
  let other: Connection | undefined;
  try {
    other = await open();
    for (let poll = 0; poll < SESSION_PROBES; poll++) {
      await other.sql`BEGIN`;
      const held = await connection.session();
      await other.sql`COMMIT`;
      const then = await connection.session();
      for (const { backend, timeout } of [held, then]) {
        if (backend === begun.backend && timeout === begun.timeout) continue;
        throw new UnfitServer("sessions", SESSIONS_LOST);
      }
    }
  } catch (error) {
    connection.drop();
    throw error;
  } finally {
    other?.close();
  }
}

/** With what each host said; the cause is of the one that answered at all, if one did. */
function noHost(failures: readonly { host: DatabaseHost; error: unknown }[]): unknown {
  if (failures.length === 1) return failures[0]?.error;
  const told = failures.map(({ host, error }) => `${host.host}:${host.port}: ${wordsOf(error)}`);
  const rank = ({ error }: { error: unknown }) =>
    error instanceof UnfitServer ? 2 : /^[0-9A-Z]{5}$/.test(codeOf(error)) ? 1 : 0;
  const cause = [...failures].sort((a, b) => rank(b) - rank(a))[0]?.error;
  return new NoHost(told.join("; "), { cause });
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? "");
}

/** The fault in the words of the part that noticed it: the server with its code, or the network. */
export function wordsOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(wordsOf).join(", ");
  const said = reasonOf(error);
  const code = codeOf(error);
  return code === "" || said.includes(code) ? said : `${code}: ${said}`;
}
