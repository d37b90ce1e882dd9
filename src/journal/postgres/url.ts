/**
 * The URL of a database, as libpq writes it. Each of its parameters is honoured or refused by name:
 * one that is passed over in silence would be missed where it counts, as `sslrootcert` would.
 */
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";

/** One server that the URL names. */
export interface DatabaseHost {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
}

/** How a connection is encrypted: each way is tried in turn, `false` is without. */
export type Encryption = readonly (ConnectionOptions | false)[];

export interface DatabaseAddress {
  /** In the order in which they are tried; at least one. */
  readonly hosts: readonly DatabaseHost[];
  /** For messages: hosts and database, without user and password. */
  readonly location: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly encryption: Encryption;
  readonly directTls: boolean;
  /** Whether the password goes only to a server that proves to hold the TLS connection. */
  readonly channelBinding: "disable" | "prefer" | "require";
  /** Milliseconds for one host; undefined: the default. */
  readonly connectMs: number | undefined;
  /** Milliseconds of silence after which the kernel asks whether the other side lives. */
  readonly keepAliveMs: number | undefined;
  readonly applicationName: string;
  /** Settings of the session, in the form of the server's command line. */
  readonly options: string | undefined;
}

/** Why a URL is none that can be used, and what to write instead. */
export class BadDatabaseUrl extends Error {
  override readonly name = "BadDatabaseUrl";
}

const DEFAULT_PORT = 5432;
/** Scheme; user and password; hosts; path; parameters. A password has no slash or question mark. */
const SHAPE = new RegExp(
  [
    "^postgres(?:ql)?://(?:(?<login>[^/?#]*)@)?(?<hosts>[^@/?#]*)",
    "(?:/(?<path>[^?#]*))?(?:\\?(?<query>[^#]*))?$",
  ].join(""),
);
const HOST = /^(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]\s]*)(?::(?<port>[0-9]{1,5}))?$/;

/** Throws `BadDatabaseUrl`, which names what is wrong without the password. Reads certificates. */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  const { login, hosts = "", path = "", query = "" } = SHAPE.exec(url)?.groups ?? {};
  if (!SHAPE.test(url)) throw new BadDatabaseUrl("The URL is no postgres:// URL");
  const parameters = parametersOf(query);
  const [user, password] = loginOf(login);
  const list = hostsOf(hosts, parameters);
  const database = parameters.get("dbname") ?? decoded(path);
  refuseValues(parameters);
  const encryption = encryptionOf(parameters);
  const channelBinding = oneOf(parameters, "channel_binding", BINDINGS) ?? "prefer";
  if (channelBinding === "require" && encryption.includes(false)) {
    throw bad("channel_binding", "require", "it takes TLS: add sslmode=verify-full");
  }
  return {
    hosts: list,
    location: `postgres://${hosts || list.map(({ host }) => host).join(",")}/${database}`,
    user: parameters.get("user") ?? user,
    password: parameters.get("password") ?? password,
    database: database === "" ? undefined : database,
    encryption,
    directTls: oneOf(parameters, "sslnegotiation", ["postgres", "direct"]) === "direct",
    channelBinding,
    ...timesOf(parameters),
    applicationName:
      parameters.get("application_name") ??
      parameters.get("fallback_application_name") ??
      "quarterdeck",
    options: parameters.get("options"),
  };
}

const BINDINGS = ["disable", "prefer", "require"] as const;

/** Parameters that are honoured; the functions below say how. */
const HONOURED = new Set([
  "host",
  "port",
  "user",
  "password",
  "dbname",
  "application_name",
  "options",
  "fallback_application_name",
  "connect_timeout",
  "keepalives",
  "keepalives_idle",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "sslpassword",
  "sslnegotiation",
  "ssl_min_protocol_version",
  "ssl_max_protocol_version",
  "channel_binding",
]);

/** Parameters of which only these values can be honoured: they ask for what happens anyway. */
const HONOURED_VALUES: Readonly<Record<string, readonly [values: readonly string[], why: string]>> =
  {
    gssencmode: [["disable", "prefer"], "GSSAPI is not supported: use sslmode=verify-full"],
    target_session_attrs: [
      ["any", "read-write", "primary"],
      "the journal is written: standbys are always passed over",
    ],
    load_balance_hosts: [["disable"], "hosts are tried in the order in which they are written"],
    client_encoding: [["auto", "UTF8", "utf8", "UTF-8", "utf-8"], "the encoding is UTF8"],
    sslcompression: [["0"], "TLS is never compressed"],
    sslsni: [["1"], "a host's name is always sent"],
    // Values that other libraries accept here are tried out: whether sessions are kept.
    pgbouncer: [["true", "false"], "whether sessions are kept is tried in any case"],
  };

/** The alternative to each parameter that is refused. */
const INSTEAD: Readonly<Record<string, string>> = {
  schema: "set `database.schema` in the configuration, or --schema",
  search_path: "set `database.schema` in the configuration, or --schema",
  sslcrl: "revocation lists are not read: replace the authority with sslrootcert",
  sslcrldir: "revocation lists are not read: replace the authority with sslrootcert",
  hostaddr: "write the address as the host",
  passfile: "write the password into the URL, or set PGPASSWORD",
  service: "write the URL out: service files are not read",
  ssl: "write sslmode=require or sslmode=verify-full",
  sslca: "write sslrootcert",
  keepalives_interval: "set net.ipv4.tcp_keepalive_intvl, and only keepalives_idle here",
  keepalives_count: "set net.ipv4.tcp_keepalive_probes, and only keepalives_idle here",
  tcp_user_timeout: "leave it out: each question is bounded in time by itself",
  statement_timeout: "leave it out: each question is bounded in time by itself",
  replication: "the journal is no replication client: leave it out",
};

function parametersOf(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query.replaceAll("+", "%2B"))) {
    if (parameters.has(name)) throw bad(name, value, "it stands there twice");
    parameters.set(name, value);
  }
  for (const [name, value] of parameters) {
    if (HONOURED.has(name) || name in HONOURED_VALUES) continue;
    throw bad(name, value, INSTEAD[name] ?? "it is not supported: leave it out");
  }
  return parameters;
}

function refuseValues(parameters: ReadonlyMap<string, string>): void {
  for (const [name, [values, why]] of Object.entries(HONOURED_VALUES)) {
    const value = parameters.get(name);
    if (value !== undefined && !values.includes(value)) throw bad(name, value, why);
  }
}

/** `value` is shown only where it cannot hold a secret. */
function bad(name: string, value: string, instead: string): BadDatabaseUrl {
  const isPlain = /^[A-Za-z0-9._/-]{0,80}$/.test(value) && !/passw|secret|token/i.test(name);
  const what = isPlain ? `${name}=${value}` : name;
  return new BadDatabaseUrl(`The URL's parameter ${what} cannot be honoured (${instead})`);
}

function oneOf<const Values extends readonly string[]>(
  parameters: ReadonlyMap<string, string>,
  name: string,
  values: Values,
): Values[number] | undefined {
  const value = parameters.get(name);
  if (value === undefined || values.includes(value)) return value;
  throw bad(name, value, `expected ${values.join(", ")}`);
}

function loginOf(login: string | undefined): [user?: string, password?: string] {
  if (login === undefined) return [];
  const [user = "", ...rest] = login.split(":");
  const password = rest.join(":");
  return [decoded(user) || undefined, decoded(password) || undefined] as [string?, string?];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BadDatabaseUrl(
      "The URL is no postgres:// URL: in user, password and name write a percent sign as %25",
    );
  }
}

function hostsOf(authority: string, parameters: ReadonlyMap<string, string>): DatabaseHost[] {
  const inQuery = parameters.get("host");
  const texts = (authority || inQuery || "localhost").split(",");
  const ports = parameters.get("port")?.split(",");
  return texts.map((text, index) => {
    if (text.startsWith("/")) return { host: text, port: portOf(ports?.[index] ?? ports?.[0]) };
    const { host = "", port } = HOST.exec(decoded(text))?.groups ?? {};
    if (host === "") throw new BadDatabaseUrl(`The URL is no postgres:// URL: host ${index + 1}`);
    const named = port ?? ports?.[index] ?? ports?.[0];
    return { host: host.replace(/^\[|\]$/g, ""), port: portOf(named) };
  });
}

function portOf(text: string | undefined): number {
  if (text === undefined || text === "") return DEFAULT_PORT;
  const port = Number(text);
  if (/^[0-9]+$/.test(text) && port > 0 && port < 65_536) return port;
  throw new BadDatabaseUrl(`The URL is no postgres:// URL: ${text} is no port`);
}

function wholeNumber(parameters: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  if (/^[0-9]{1,6}$/.test(text)) return Number(text);
  throw bad(name, text, "expected a whole number");
}

function timesOf(parameters: ReadonlyMap<string, string>) {
  const connect = wholeNumber(parameters, "connect_timeout");
  const idle = wholeNumber(parameters, "keepalives_idle");
  const isKept = oneOf(parameters, "keepalives", ["0", "1"]) !== "0";
  return {
    // As libpq has it: 0 is no bound of its own.
    connectMs: connect === undefined || connect === 0 ? undefined : connect * 1000,
    keepAliveMs: isKept ? (idle ?? 0) * 1000 : undefined,
  };
}

const MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
const EXTRA_AUTHORITY = "NODE_EXTRA_CA_CERTS may name its file instead";

/**
 * As libpq reads them. Without `sslrootcert` the authorities are those of Node, and of the file in
 * NODE_EXTRA_CA_CERTS.
 */
function encryptionOf(parameters: ReadonlyMap<string, string>): Encryption {
  const mode = oneOf(parameters, "sslmode", MODES) ?? "disable";
  const authority = parameters.get("sslrootcert");
  const isEncrypted = mode !== "disable" && mode !== "allow" && mode !== "prefer";
  for (const name of ["sslrootcert", "sslcert", "sslkey", "sslpassword", "sslnegotiation"]) {
    const value = parameters.get(name);
    if (value === undefined || isEncrypted) continue;
    if (name === "sslnegotiation" && value === "postgres") continue;
    throw bad(name, value, `with sslmode=${mode} it proves nothing: write sslmode=verify-full`);
  }
  const verify = mode.startsWith("verify-") || authority !== undefined;
  const tls: ConnectionOptions = {
    rejectUnauthorized: verify,
    // As libpq: with an authority, `require` proves the certificate, but not the host's name.
    ...(mode !== "verify-full" && { checkServerIdentity: () => undefined }),
    ...(authority !== undefined &&
      authority !== "system" && { ca: file("sslrootcert", authority) }),
    ...given("cert", file("sslcert", parameters.get("sslcert"))),
    ...given("key", file("sslkey", parameters.get("sslkey"))),
    ...given("passphrase", parameters.get("sslpassword")),
    ...given("minVersion", oneOf(parameters, "ssl_min_protocol_version", VERSIONS)),
    ...given("maxVersion", oneOf(parameters, "ssl_max_protocol_version", VERSIONS)),
  };
  if (mode === "disable") return [false];
  if (mode === "allow") return [false, tls];
  return mode === "prefer" ? [tls, false] : [tls];
}

const VERSIONS = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;

function given<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [K in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [K in Name]?: Value };
}

function file(name: string, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    const instead = name === "sslrootcert" ? `; ${EXTRA_AUTHORITY}` : "";
    throw bad(name, path, `its file cannot be read: ${code}${instead}`);
  }
}
