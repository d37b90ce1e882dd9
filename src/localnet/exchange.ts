/** The exchange that `npm start` runs: deployed once, and the configuration of each operator. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address, Hex } from "../base/hex.ts";
import { deployExchange } from "../chain/contracts/deploy.ts";
import { type ChainClient, connect } from "../chain/rpc/rpc.ts";
import { localSigner } from "../chain/signer.ts";
import { address, toJson } from "../wire/schemas/values.ts";
import { LOCAL_KEYS } from "./localChain.ts";
import { MAX_OPERATORS, type StartOptions } from "./options.ts";
import { giveTokens, writeLocalManifest } from "./visitor.ts";

const [OWNER_KEY, ...OTHER_KEYS] = LOCAL_KEYS as readonly [Hex, ...Hex[]];
const OPERATOR_KEYS = OTHER_KEYS.slice(0, MAX_OPERATORS);
export const TRADER_KEYS: readonly Hex[] = OTHER_KEYS.slice(MAX_OPERATORS);
/** README names it: the last trader's. */
const VISITOR_KEY = TRADER_KEYS.at(-1) as Hex;

export const MARKET = "WETH/USDC";
const TOKENS = [
  { name: "Test Wrapped Ether", symbol: "WETH", decimals: 18 },
  { name: "Test Dollar", symbol: "USDC", decimals: 6 },
];
/** A thousandth of a WETH, at steps of a cent a WETH. */
const LOT = "1000000000000000";
const TICK = "10";
const CONFIRMATIONS = 1;
const QUARTERS = 4;
/** Wei. */
const DISPUTE_BOND = 10n ** 16n;
const WITHDRAWAL_BOND = 10n ** 15n;

/** One of the operators, before it runs. */
export interface LocalOperator {
  /** The operator's number, from 1. */
  readonly number: number;
  readonly name: string;
  readonly key: Hex;
  readonly address: Address;
  readonly port: number;
  readonly url: string;
}

const deployment = z.object({
  mediator: address,
  manager: address,
  tokens: z.array(address).length(2),
  quarter: z.number(),
  operators: z.number().default(1),
});
export type Deployment = z.output<typeof deployment>;

export function localOperators({ operators, port }: StartOptions): readonly LocalOperator[] {
  return OPERATOR_KEYS.slice(0, operators).map((key, i) => ({
    number: i + 1,
    name: `operator-${i + 1}`,
    key,
    address: localSigner(key).address,
    port: port + i,
    url: `http://127.0.0.1:${port + i}`,
  }));
}

/**
 * The exchange that the storage knows; deployed now if it knows none. Throws `OtherExchange` where
 * what is stored does not go with the chain or the options.
 */
export async function openDeployment(options: StartOptions, rpc: string): Promise<Deployment> {
  const file = join(options.storage, "deployment.json");
  const client = connect([rpc]);
  if (existsSync(file)) {
    const known = deployment.parse(JSON.parse(readFileSync(file, "utf8")));
    await requireSame(known, options, rpc);
    await describe(known, options, client);
    return known;
  }
  const [first, ...others] = localOperators(options).map((operator) => ({
    address: operator.address,
    name: operator.name,
    uri: operator.url,
  }));
  if (first === undefined) throw new RangeError("An exchange has an operator.");
  const { quarter, operators } = options;
  const deployed = await withoutWaiting(client, async () => {
    const made = await deployExchange({
      client,
      owner: localSigner(OWNER_KEY),
      operator: first,
      ...(others.length > 0 && { slots: { ...slotsOf(quarter), others } }),
      roundSize: quarter * QUARTERS,
      disputeBond: DISPUTE_BOND,
      withdrawalBond: WITHDRAWAL_BOND,
      tokens: TOKENS,
    });
    const gifts = made.tokens.map((token, i) => ({ token, decimals: TOKENS[i]?.decimals ?? 0 }));
    await giveTokens(client, VISITOR_KEY, gifts);
    return made;
  });
  const found = { ...deployed, tokens: [...deployed.tokens], quarter, operators };
  writeFileSync(file, `${toJson(found)}\n`);
  await describe(found, options, client);
  return found;
}

/** Writes what the traders' commands read. */
function describe(
  { mediator }: Deployment,
  options: StartOptions,
  client: ChainClient,
): Promise<void> {
  const owner = localSigner(OWNER_KEY).address;
  const operators = localOperators(options);
  return writeLocalManifest(options.storage, client, { mediator, owner, operators });
}

/** Milliseconds between two polls of what waits to be mined. */
const MINE_MS = 100;

/** Does `work` with each transaction mined as soon as it is there, however slow the blocks are. */
async function withoutWaiting<T>(client: ChainClient, work: () => Promise<T>): Promise<T> {
  const done = new AbortController();
  const mining = (async () => {
    while (!done.signal.aborted) {
      const { pending } = (await client.request({ method: "txpool_status" } as never)) as {
        pending: string;
      };
      if (BigInt(pending) > 0n) await client.request({ method: "evm_mine", params: [] } as never);
      await sleep(MINE_MS, undefined, { signal: done.signal }).catch(() => {});
    }
  })();
  try {
    const result = await work();
    // The operators take what is final: nobody waits for that either.
    for (let i = 0; i <= CONFIRMATIONS; i++) {
      await client.request({ method: "evm_mine", params: [] } as never);
    }
    return result;
  } finally {
    done.abort();
    await mining;
  }
}

/** Two slots in a quarter: where one operator is gone, another's slot comes before the deadline. */
function slotsOf(quarter: number) {
  const slotBlocks = Math.floor(quarter / 2);
  return { genesisBlocks: slotBlocks, slotBlocks };
}

async function requireSame(known: Deployment, options: StartOptions, rpc: string): Promise<void> {
  const other = (message: string, hint: string) =>
    new QuarterdeckError({ code: "OtherExchange", message, hint });
  const code = await connect([rpc]).getCode({ address: known.mediator });
  if (code === undefined) {
    const message = `${options.storage} knows an exchange that its chain does not have.`;
    throw other(message, "Begin anew with --fresh.");
  }
  const differing = (["quarter", "operators"] as const).find((one) => known[one] !== options[one]);
  if (differing === undefined) return;
  const what = {
    quarter: `has quarters of ${known.quarter} blocks, not ${options.quarter}`,
    operators: `was begun with --operators ${known.operators}, not ${options.operators}`,
  };
  throw other(
    `The stored exchange ${what[differing]}.`,
    `Begin anew with --fresh, or start with --${differing} ${known[differing]}.`,
  );
}

/** Writes the operator's configuration; gives its path. `database`: of the journal they share. */
export function writeConfig(
  operator: LocalOperator,
  options: StartOptions,
  { rpc, deployed, database }: { rpc: string; deployed: Deployment; database?: string | undefined },
): string {
  const isAlone = database === undefined;
  const folder = join(options.storage, isAlone ? "operator" : operator.name);
  mkdirSync(folder, { recursive: true });
  const [base, quote] = deployed.tokens;
  const config = {
    rpc: [rpc],
    mediator: deployed.mediator,
    markets: [{ base, quote, lot: LOT, tick: TICK }],
    confirmations: CONFIRMATIONS,
    port: operator.port,
    storage: folder,
    logs: logsOf(operator, options),
    pollMs: Math.max(50, Math.round(options.blockTime * 250)),
    page: { rpc: [rpc], operators: othersOf(operator, options) },
    ...(database !== undefined && { database: { url: database }, publicUrl: operator.url }),
  };
  const file = join(options.storage, `${operator.name}.json`);
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`);
  return file;
}

/** Addresses of the operators besides it. */
function othersOf({ number }: LocalOperator, options: StartOptions): string[] {
  return localOperators(options).flatMap((one) => (one.number === number ? [] : [one.url]));
}

/** The folder of its logs. */
export function logsOf(operator: LocalOperator, options: StartOptions): string {
  return options.operators === 1 ? options.logs : join(options.logs, operator.name);
}
