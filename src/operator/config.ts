/**
 * The operator's configuration: a JSON file, overridden by environment variables for what differs
 * between machines. Parsed once, here; a wrong value names its field and what would be right.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseAddress } from "../base/address.ts";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { LONGEST_LEASE_MS } from "../journal/postgres/records.ts";
import { BadDatabaseUrl, parseDatabaseUrl } from "../journal/postgres/url.ts";
import { ORDERS_PER_CLIENT_AND_ROUND } from "../protocol/limits.ts";
import { type KeySource, keySourceOf } from "./signers/keySource.ts";

export { KEY_VARIABLE, PASSWORD_VARIABLE } from "./signers/keySource.ts";

import { alertsSchema } from "./alerts/config.ts";
import { guardsSchema } from "./guardians/config.ts";

const address = z.string().transform((text, context): Address => {
  const outcome = parseAddress(text);
  if (outcome.ok) return outcome.value;
  context.addIssue({ code: "custom", message: `${outcome.problem} ${outcome.mend}` });
  return z.NEVER;
});

/** A whole number of base units or wei as a decimal string: JSON numbers lose digits. */
const units = z.string().regex(/^[0-9]{1,39}$/, 'Expected a whole number as a string, such as "1"');
const positive = units
  .transform(BigInt)
  .refine((value) => value > 0n, "Expected a number above zero");

const market = z.strictObject({ base: address, quote: address, lot: positive, tick: positive });

/** An encrypted keystore (V3). Without `passwordFile` the environment has the password. */
const keystore = z.strictObject({
  path: z.string().min(1, "Expected a file"),
  passwordFile: z.string().min(1, "Expected a file").optional(),
});

/** A key in Web3Signer, in its eth1 mode. */
const web3signer = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "Expected an http or https URL" })
    .refine((url) => !/[@?#]/.test(url), "Expected a URL without user, query and fragment")
    .transform((url) => url.replace(/\/+$/, "")),
  address,
  /** Milliseconds for one request. */
  timeoutMs: z.number().int().min(50).max(60_000).default(2000),
});

/** What cannot be honoured in the URL of a database, if anything. */
function problemOfUrl(url: string): string | undefined {
  try {
    parseDatabaseUrl(url);
    return undefined;
  } catch (error) {
    if (error instanceof BadDatabaseUrl) return error.message;
    throw error;
  }
}

/** A journal that several operators share. `url` may come from the environment. */
const sharedDatabase = z.strictObject({
  url: z
    .string()
    .superRefine((url, context) => {
      const message = problemOfUrl(url);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    })
    .optional(),
  schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/, "Expected lower-case letters, digits and underscores")
    .default("quarterdeck"),
  /** Milliseconds of silence after which another operator takes over. */
  leaseMs: z.number().int().min(200).max(LONGEST_LEASE_MS).default(1500),
  /** Milliseconds for which the database may be unreachable before the process ends. */
  patienceMs: z.number().int().min(1000).max(86_400_000).default(600_000),
});

const ETHER = 10n ** 18n;
const GWEI = 10n ** 9n;

const schema = z.strictObject({
  /** JSON-RPC endpoints of the chain, over HTTP or WebSocket, best first. */
  rpc: z.array(z.url({ protocol: /^(https?|wss?)$/ })).min(1, "Expected at least one endpoint"),
  mediator: address,
  markets: z.array(market).min(1, "Expected at least one market"),
  /** Blocks after which a block counts as final. */
  confirmations: z.number().int().min(0).max(1000).default(12),
  host: z.string().default("127.0.0.1"),
  port: z.number().int().min(0).max(65535).default(8080),
  storage: z.string().default("storage"),
  logs: z.string().default("logs"),
  /** Milliseconds between two looks at the chain. */
  pollMs: z.number().int().min(10).max(60_000).default(2000),
  /** Orders of one client in one round; with more, evidence would not fit one transaction. */
  ordersPerClientAndRound: z
    .number()
    .int()
    .min(1)
    .max(ORDERS_PER_CLIENT_AND_ROUND)
    .default(ORDERS_PER_CLIENT_AND_ROUND),
  /** Warn when the operator's key holds less (wei). */
  minBalance: units.transform(BigInt).default(10n * ETHER),
  /** Never pay more for a unit of gas (wei). */
  maxFeePerGas: positive.default(500n * GWEI),
  /** Tries of one step, with growing pauses, before the process gives up. */
  maxTries: z.number().int().min(1).max(100).default(10),
  database: sharedDatabase.optional(),
  /** Where clients reach this operator; needed where there are several. */
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  keystore: keystore.optional(),
  web3signer: web3signer.optional(),
  /** When the guardians warn; see guardians/config.ts. */
  guards: guardsSchema,
  /** Webhooks that are told of it; see alerts/config.ts. */
  alerts: alertsSchema,
});

/** A database with all that it takes to use it. */
export interface DatabaseConfig {
  /** Holds a password: never written anywhere. */
  readonly url: string;
  readonly schema: string;
  readonly leaseMs: number;
  readonly patienceMs: number;
  readonly publicUrl: string;
}

type Settings = Omit<z.output<typeof schema>, "keystore" | "web3signer" | "database">;
export type OperatorConfig = Readonly<Settings> & {
  readonly key: KeySource;
  /** Undefined: the journal lies in `storage`, and this operator is the only one. */
  readonly database: DatabaseConfig | undefined;
};

/** Environment variable with the URL of the shared database. */
export const DATABASE_VARIABLE = "QUARTERDECK_DATABASE";

/** Environment variable with JSON-RPC endpoints, separated by commas. */
export const RPC_VARIABLE = "QUARTERDECK_RPC";

/** What it takes to read an exchange on chain, and to send to it with one key. */
const accessSchema = schema.pick({
  ...{ rpc: true, mediator: true, pollMs: true, maxFeePerGas: true, maxTries: true },
  ...{ keystore: true, web3signer: true },
});

type AccessSettings = Omit<z.output<typeof accessSchema>, "keystore" | "web3signer">;
/** Of whoever is no operator, as the manager's owner. */
export type ChainAccess = Readonly<AccessSettings> & {
  /** Throws a `QuarterdeckError` with code `BadConfiguration` where none is named. */
  readonly key: () => KeySource;
};

/** As `readConfig`, of fewer fields; the key is only needed to send. */
export function readAccess(file: string, environment: NodeJS.ProcessEnv): ChainAccess {
  const fields = parseFields(accessSchema, readJson(file), environment, file);
  const { keystore, web3signer, ...settings } = fields;
  return { ...settings, key: () => keySourceOf({ keystore, web3signer }, environment) };
}

/** Reads and parses the file. Throws a `QuarterdeckError` with code `BadConfiguration`. */
export function readConfig(file: string, environment: NodeJS.ProcessEnv): OperatorConfig {
  return parseConfig(readJson(file), environment, file);
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw bad(`Cannot read ${file} (${reason}).`, "Name the file with --config.");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's own words show some of the text, which might be a key or a password.
    const place = /position \d+/.exec(String(error))?.[0] ?? "its end";
    throw bad(`${file} is no JSON (see ${place}).`, "Correct it; README.md shows a whole one.");
  }
}

/** Parses what a file or a caller gave; `source` names it in errors. */
export function parseConfig(
  json: unknown,
  environment: NodeJS.ProcessEnv,
  source: string,
): OperatorConfig {
  const fields = parseFields(schema, json, environment, source);
  const { keystore, web3signer, database, ...settings } = fields;
  const key = keySourceOf({ keystore, web3signer }, environment);
  return { ...settings, key, database: databaseOf(database, settings, environment, source) };
}

function parseFields<Schema extends z.ZodType>(
  fields: Schema,
  json: unknown,
  environment: NodeJS.ProcessEnv,
  source: string,
): z.output<Schema> {
  if (typeof json === "object" && json !== null && "privateKey" in json) {
    throw bad(
      `${source}: privateKey: a configuration is no place for a key.`,
      "Take it out, and seal it: quarterdeck keystore import.",
    );
  }
  const rpc = environment[RPC_VARIABLE];
  const merged =
    rpc === undefined || typeof json !== "object" || json === null
      ? json
      : { ...json, rpc: rpc.split(",") };
  const outcome = fields.safeParse(merged);
  if (!outcome.success) {
    const issue = outcome.error.issues[0];
    const field = issue?.path.map(String).join(".") || "the whole";
    throw bad(`${source}: ${field}: ${issue?.message}.`, "Correct this field and start again.");
  }
  return outcome.data;
}

function databaseOf(
  database: z.output<typeof schema>["database"],
  { publicUrl }: Settings,
  environment: NodeJS.ProcessEnv,
  source: string,
): DatabaseConfig | undefined {
  const url = environment[DATABASE_VARIABLE] ?? database?.url;
  if (database === undefined && url === undefined) return undefined;
  if (url === undefined) {
    throw bad(`${source}: database.url: is missing.`, `Set it, or ${DATABASE_VARIABLE}.`);
  }
  const problem = problemOfUrl(url);
  if (problem !== undefined) {
    throw bad(`${DATABASE_VARIABLE}: ${problem}.`, "Correct this variable and start again.");
  }
  if (publicUrl === undefined) {
    const mend = "Set it to where clients reach this operator, such as https://a.example.";
    throw bad(`${source}: publicUrl: is missing, and several operators share a database.`, mend);
  }
  return { ...(database ?? sharedDatabase.parse({})), url, publicUrl };
}

function bad(message: string, mend: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadConfiguration", message, mend });
}
