/**
 * Checks everything that an operator needs before it starts, and says what to correct. Changes
 * nothing. Works while an operator runs, then without the resources that the operator holds.
 */
import type { Address } from "../../base/hex.ts";
import type { BlockRef } from "../../protocol/units.ts";
import { type OperatorConfig, readConfig } from "../config/config.ts";
import { type ExchangeOnChain, readExchange } from "../config/readExchange.ts";
import { checkAbilities } from "./abilities.ts";
import { checkEndpoints, checkLogs, type Endpoint, reach } from "./endpoints.ts";
import { checkExchange, checkOperator, whyUnreadable } from "./exchange.ts";
import { type Finding, failureOf, fine, looking, warning } from "./finding.ts";
import { checkJournal, checkLastBlock, isInUse } from "./journal.ts";
import { checkKey } from "./key.ts";
import { checkDisk, checkModes, checkPort } from "./machine.ts";

/** Where the operator would begin: `file` and `environment` as it would be given them. */
export async function examine(
  file: string,
  environment: NodeJS.ProcessEnv,
): Promise<readonly Finding[]> {
  let config: OperatorConfig;
  try {
    config = readConfig(file, environment);
  } catch (error) {
    // No other check can run without it.
    return [failureOf("configuration", error)];
  }
  const key = await checkKey(config.key);
  return [
    fine("configuration", file),
    ...key.findings,
    ...(await looking("file modes", () => checkModes(file, config.storage))),
    ...(await looking("disk", () => checkDisk(config.storage))),
    ...(await looking("storage", () => checkOwnPort(config))),
    ...(await checkChain(config, key.address)),
  ];
}

async function checkOwnPort({ storage, host, port }: OperatorConfig): Promise<Finding[]> {
  const used = isInUse(storage);
  if (used === undefined) return [await checkPort(host, port)];
  const hint = "Stop it before you start another with the same storage.";
  return [warning("running", used.message.slice(0, -used.hint.length).trimEnd(), hint)];
}

async function checkChain(
  config: OperatorConfig,
  operator: Address | undefined,
): Promise<readonly Finding[]> {
  const { endpoints, findings } = await reach(config.rpc);
  if (endpoints.length === 0) {
    return [...findings, ...(await checkJournal(config, undefined)).findings];
  }
  const now = Date.now() / 1000;
  const agree = await looking("one chain", () =>
    checkEndpoints(endpoints, config.confirmations, now),
  );
  const exchange = await readExchange(config, () => {}).catch((error: unknown) =>
    whyUnreadable(config, error),
  );
  const genesis = "state" in exchange ? undefined : exchange.genesis;
  const journal = await checkJournal(config, genesis);
  const seen = [...findings, ...agree, ...journal.findings];
  if ("state" in exchange) return [...seen, exchange];
  return [
    ...seen,
    ...(await checkOnChain(config, operator, exchange, endpoints, journal.lastBlock)),
  ];
}

async function checkOnChain(
  config: OperatorConfig,
  operator: Address | undefined,
  exchange: ExchangeOnChain,
  endpoints: readonly Endpoint[],
  lastBlock: BlockRef | undefined,
): Promise<readonly Finding[]> {
  const { schedule } = exchange.genesis;
  const from = lastBlock === undefined ? schedule.genesisBlock : lastBlock.number + 1;
  return [
    ...(await looking("mediator", () => checkExchange(config, exchange))),
    ...(await looking("operator", () =>
      operator === undefined ? [] : checkOperator(config, exchange, operator),
    )),
    ...(await looking("abilities", () =>
      checkAbilities(endpoints, {
        mediator: config.mediator,
        sender: operator ?? config.mediator,
        genesisBlock: schedule.genesisBlock,
      }),
    )),
    ...(await looking("logs", () => checkLogs(endpoints, config.mediator, from))),
    ...(await looking("journal's chain", () =>
      lastBlock === undefined ? [] : checkLastBlock(exchange.client, lastBlock),
    )),
  ];
}
