/**
 * The operator's configuration: a JSON file, overridden by environment variables for what differs
 * between machines. Parsed once, here; a wrong value names its field and what would be right.
 */
import { z } from "zod";
import type { QuarterdeckError } from "../../base/errors.ts";
import { LONGEST_LEASE_MS } from "../../journal/postgres/records.ts";
import { BadDatabaseUrl, parseDatabaseUrl } from "../../journal/postgres/url.ts";
import { type KeySource, keySourceOf } from "../../keys/keySource.ts";
import { readVariable } from "../../keys/variables.ts";
import { ORDERS_PER_CLIENT_AND_ROUND } from "../../protocol/limits.ts";
import { address, endpoints, keystore, web3signer } from "./accessFields.ts";
import { page, rateLimits } from "./clientSide.ts";
import { type ConfigFault, faultOf, wordsOf } from "./configWords.ts";
import { withDeployment } from "./manifest.ts";
import { bad, isObject, readJson } from "./readJson.ts";

export { KEY_VARIABLE, PASSWORD_VARIABLE } from "../../keys/keySource.ts";

import { alertsSchema } from "../alerts/alertsConfig.ts";
import { guardsSchema } from "../health/healthConfig.ts";

/** A whole number of base units or wei as a decimal string: JSON numbers lose digits. */
const units = z.string().regex(/^[0-9]{1,39}$/, 'Expected a whole number as a string, such as "1"');
const positive = units
  .transform(BigInt)
  .refine((value) => value > 0n, "Expected a number above zero");

const market = z.strictObject({
  base: address.describe("Token that is bought and sold"),
  quote: address.describe("Token in which prices are"),
  lot: positive.describe("Base units of base: amounts are whole lots"),
  tick: positive.describe("Base units of quote: the price of a lot is a whole number of ticks"),
});

/** The part of a database's URL that cannot be honoured, if there is one. */
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
    .optional()
    .describe("postgres://…; may come from the environment"),
  schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/, "Expected lower-case letters, digits and underscores")
    .default("quarterdeck")
    .describe("Of the database: each exchange has one of its own"),
  leaseMs: z
    .number()
    .int()
    .min(200)
    .max(LONGEST_LEASE_MS)
    .default(1500)
    .describe("Milliseconds of silence after which another operator takes over"),
  retryTimeoutMs: z
    .number()
    .int()
    .min(1000)
    .max(86_400_000)
    .default(600_000)
    .describe("Milliseconds for which the database may be unreachable before the process ends"),
});

const ETHER = 10n ** 18n;
const GWEI = 10n ** 9n;

/** Every key of the file. Descriptions stand in docs/config.md, with units. */
export const configSchema = z.strictObject({
  rpc: endpoints.describe("JSON-RPC endpoints of the chain, over HTTP or WebSocket, best first"),
  deployment: z
    .string()
    .min(1, "Expected a file")
    .optional()
    .describe(
      "Manifest that `quarterdeck deploy` wrote: it names chain and Mediator, and its symbols may " +
        "stand for tokens in `markets`",
    ),
  mediator: address.describe("The exchange's contract; not needed beside `deployment`"),
  markets: z.array(market).min(1, "Expected at least one market").describe("What is traded"),
  confirmations: z
    .number()
    .int()
    .min(0)
    .max(1000)
    .default(12)
    .describe("Blocks after which a block counts as final"),
  host: z.string().default("127.0.0.1").describe("Address on which the API listens"),
  port: z.number().int().min(0).max(65535).default(8080).describe("0: any free port"),
  storage: z.string().default("storage").describe("Folder of the journal"),
  logs: z.string().default("logs").describe("Folder of the logs"),
  verifyThreads: z
    .number()
    .int()
    .min(0)
    .max(64)
    .optional()
    .describe(
      "Threads that recover the signers of messages; 0: the operator's own does. Without it one " +
        "less than there are processors, at most 4",
    ),
  pollMs: z
    .number()
    .int()
    .min(10)
    .max(60_000)
    .default(2000)
    .describe("Milliseconds between two polls of the chain"),
  ordersPerClientAndRound: z
    .number()
    .int()
    .min(1)
    .max(ORDERS_PER_CLIENT_AND_ROUND)
    .default(ORDERS_PER_CLIENT_AND_ROUND)
    .describe("Orders of one client in one round; with more, evidence would not fit"),
  minBalance: units
    .transform(BigInt)
    .default(10n * ETHER)
    .describe("Wei: warn when the operator's key holds less"),
  maxFeePerGas: positive.default(500n * GWEI).describe("Wei: never pay more for a unit of gas"),
  maxTries: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(10)
    .describe("Tries of one step, with growing pauses, before the process gives up"),
  database: sharedDatabase.optional().describe("A journal that several operators share"),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Where clients reach this operator; needed where there are several"),
  keystore: keystore.optional().describe("An encrypted key file (V3)"),
  web3signer: web3signer.optional().describe("A key in Web3Signer, in its eth1 mode"),
  publicBalances: z
    .boolean()
    .default(false)
    .describe("Publish every client's balance of each round, for mirrors"),
  rateLimits: rateLimits.describe("Requests a second of one address; 0: no limit"),
  page: page.describe("The page for people under `/`"),
  guards: guardsSchema.describe("When the health checks warn"),
  alerts: alertsSchema.describe("Webhooks that are told of it"),
});

/** A database with all that it takes to use it. */
export interface DatabaseConfig {
  /** Holds a password: never written anywhere. */
  readonly url: string;
  readonly schema: string;
  readonly leaseMs: number;
  readonly retryTimeoutMs: number;
  readonly publicUrl: string;
}

type Settings = Omit<z.output<typeof configSchema>, "keystore" | "web3signer" | "database">;
export type OperatorConfig = Readonly<Settings> & {
  /** The chain of the manifest in `deployment`; undefined: whatever the endpoints serve. */
  readonly chainId?: number;
  readonly key: KeySource;
  /** Undefined: the journal lies in `storage`, and this operator is the only one. */
  readonly database: DatabaseConfig | undefined;
};

/** Environment variable with the URL of the shared database. */
export const DATABASE_VARIABLE = "QUARTERDECK_DATABASE";

/** Environment variable with JSON-RPC endpoints, separated by commas. */
export const RPC_VARIABLE = "QUARTERDECK_RPC";

/** The settings to read an exchange on chain, and to send to it with one key. */
const accessSchema = configSchema.pick({
  rpc: true,
  deployment: true,
  mediator: true,
  pollMs: true,
  maxFeePerGas: true,
  maxTries: true,
  keystore: true,
  web3signer: true,
});

type AccessSettings = Omit<z.output<typeof accessSchema>, "keystore" | "web3signer">;
/** For commands that run without an operator, such as the manager owner's. */
export type ChainAccess = Readonly<AccessSettings> & {
  /** As in `OperatorConfig`. */
  readonly chainId?: number;
  /** Throws a `QuarterdeckError` with code `BadConfiguration` where none is named. */
  readonly key: () => KeySource;
};

/**
 * As `readConfig`, of fewer fields; the key is only needed to send. An operator's own file will do:
 * what is not needed of it is passed over.
 */
export function readAccess(file: string, environment: NodeJS.ProcessEnv): ChainAccess {
  const fields = parseFields(accessSchema, neededOf(accessSchema, file), environment, file);
  const { keystore, web3signer, ...settings } = fields;
  return { ...settings, key: () => keySourceOf({ keystore, web3signer }, environment) };
}

/** The file without the fields of an operator's configuration that `needed` does not have. */
function neededOf(needed: z.ZodObject, file: string): unknown {
  const json = readJson(file);
  if (!isObject(json)) return json;
  const isNeeded = ([name]: [string, unknown]) =>
    name in needed.shape || !(name in configSchema.shape);
  return Object.fromEntries(Object.entries(json).filter(isNeeded));
}

const journalSchema = configSchema.pick({ storage: true, database: true });

/** Where an operator's journal is: in `storage`, unless there is a database. */
export interface JournalPlace {
  readonly storage: string;
  readonly database: { readonly url: string; readonly schema: string } | undefined;
}

/** As `readConfig`, of the fields that say where the journal is. */
export function readJournalPlace(file: string, environment: NodeJS.ProcessEnv): JournalPlace {
  const needed = neededOf(journalSchema, file);
  const { storage, database } = parseFields(journalSchema, needed, environment, file);
  if (database === undefined) return { storage, database };
  return { storage, database: { schema: database.schema, url: urlOf(database, file) } };
}

function urlOf({ url }: z.output<typeof sharedDatabase>, source: string): string {
  if (url !== undefined) return url;
  throw bad(`${source}: database.url: is missing.`, `Set it, or ${DATABASE_VARIABLE}.`);
}

/** Reads and parses the file. Throws a `QuarterdeckError` with code `BadConfiguration`. */
export function readConfig(file: string, environment: NodeJS.ProcessEnv): OperatorConfig {
  return parseConfig(readJson(file), environment, file);
}

/** Parses what a file or a caller gave; `source` names it in errors. */
export function parseConfig(
  json: unknown,
  environment: NodeJS.ProcessEnv,
  source: string,
): OperatorConfig {
  const fields = parseFields(configSchema, json, environment, source);
  const { keystore, web3signer, database, ...settings } = fields;
  const key = keySourceOf({ keystore, web3signer }, environment);
  return { ...settings, key, database: databaseOf(database, settings, source) };
}

function parseFields<Schema extends z.ZodObject>(
  fields: Schema,
  json: unknown,
  environment: NodeJS.ProcessEnv,
  source: string,
): z.output<Schema> & { readonly chainId?: number } {
  if (isObject(json) && "privateKey" in json) {
    throw bad(
      `${source}: privateKey: a configuration is no place for a key.`,
      "Take it out, and seal it: quarterdeck keystore import.",
    );
  }
  const { named, manifest } = withDeployment(fields.shape, json, source);
  const { merged, variables } = withVariables(fields, named, environment);
  const outcome = fields.safeParse(merged, { error: wordsOf });
  if (outcome.success) {
    return { ...outcome.data, ...(manifest && { chainId: manifest.chainId }) };
  }
  throw faultError(faultOf(outcome.error, fields), variables, source);
}

/** `fault`, naming the variable where the value came from one, else the field of the file. */
function faultError(
  { field, problem, hint }: ConfigFault,
  variables: ReadonlyMap<string, string>,
  source: string,
): QuarterdeckError {
  for (const [of, variable] of variables) {
    if (field !== of && !field?.startsWith(`${of}.`)) continue;
    const part = Number(field.slice(of.length + 1));
    const which = field === of ? "" : ` endpoint ${part + 1}:`;
    const here = problem.replace(/rpc\.(\d+)/, (_, first) => `endpoint ${Number(first) + 1}`);
    return bad(`${variable}:${which} ${here}.`, `Correct this variable, or unset it.`);
  }
  return bad(`${source}: ${field ?? "the whole"}: ${problem}.`, hint);
}

/** Undefined where the environment names no database. */
export function readDatabaseUrl(environment: NodeJS.ProcessEnv): string | undefined {
  return readVariable(environment, DATABASE_VARIABLE)?.trim();
}

/** The values that the environment sets in place of the file, and the variable of each field. */
function withVariables(fields: z.ZodObject, json: unknown, environment: NodeJS.ProcessEnv) {
  const variables = new Map<string, string>();
  if (!isObject(json)) return { merged: json, variables };
  const merged: Record<string, unknown> = { ...json };
  const rpc = readVariable(environment, RPC_VARIABLE);
  if (rpc !== undefined) {
    merged["rpc"] = rpc
      .split(",")
      .map((url) => url.trim())
      .filter((url) => url !== "");
    variables.set("rpc", RPC_VARIABLE);
  }
  const url = readDatabaseUrl(environment);
  if (url !== undefined && "database" in fields.shape) {
    const database = merged["database"];
    merged["database"] = isObject(database) ? { ...database, url } : (database ?? { url });
    variables.set("database.url", DATABASE_VARIABLE);
  }
  return { merged, variables };
}

function databaseOf(
  database: z.output<typeof configSchema>["database"],
  { publicUrl }: Settings,
  source: string,
): DatabaseConfig | undefined {
  if (database === undefined) return undefined;
  const url = urlOf(database, source);
  if (publicUrl === undefined) {
    const hint = "Set it to where clients reach this operator, such as https://a.example.";
    throw bad(`${source}: publicUrl: is missing, and several operators share a database.`, hint);
  }
  return { ...database, url, publicUrl };
}
