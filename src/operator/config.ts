/**
 * The operator's configuration: a JSON file, overridden by environment variables for what differs
 * between machines. Parsed once, here; a wrong value names its field and what would be right.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseAddress } from "../base/address.ts";
import { QuarterdeckError } from "../base/errors.ts";
import { type Address, type Hex, isHex } from "../base/hex.ts";
import { ORDERS_PER_CLIENT_AND_ROUND } from "../protocol/limits.ts";

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
});

export type OperatorConfig = Readonly<z.output<typeof schema>> & {
  /** 32 bytes; never written anywhere. */
  readonly privateKey: Hex;
};

/** Environment variable with the operator's private key. */
export const KEY_VARIABLE = "QUARTERDECK_PRIVATE_KEY";
/** Environment variable with JSON-RPC endpoints, separated by commas. */
export const RPC_VARIABLE = "QUARTERDECK_RPC";

/** Reads and parses the file. Throws a `QuarterdeckError` with code `BadConfiguration`. */
export function readConfig(file: string, environment: NodeJS.ProcessEnv): OperatorConfig {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw bad(`Cannot read ${file} (${reason}).`, "Name the file with --config.");
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw bad(`${file} is no JSON (${reason}).`, "Correct it; README.md shows a whole one.");
  }
  return parseConfig(json, environment, file);
}

/** Parses what a file or a caller gave; `source` names it in errors. */
export function parseConfig(
  json: unknown,
  environment: NodeJS.ProcessEnv,
  source: string,
): OperatorConfig {
  const rpc = environment[RPC_VARIABLE];
  const merged =
    rpc === undefined || typeof json !== "object" || json === null
      ? json
      : { ...json, rpc: rpc.split(",") };
  const outcome = schema.safeParse(merged);
  if (!outcome.success) {
    const issue = outcome.error.issues[0];
    const field = issue?.path.map(String).join(".") || "the whole";
    throw bad(`${source}: ${field}: ${issue?.message}.`, "Correct this field and start again.");
  }
  return { ...outcome.data, privateKey: readKey(environment) };
}

function readKey(environment: NodeJS.ProcessEnv): Hex {
  const key = environment[KEY_VARIABLE];
  if (isHex(key, 32)) return key;
  // The value itself must not appear anywhere, wrong as it is.
  const problem = key === undefined ? "is not set" : "is not 0x and 64 hexadecimal digits";
  throw bad(`${KEY_VARIABLE} ${problem}.`, "Set it to the operator's private key.");
}

function bad(message: string, mend: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadConfiguration", message, mend });
}
