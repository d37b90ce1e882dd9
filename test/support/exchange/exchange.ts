/** A whole exchange on a real EVM, with one operator in this process, for telling stories. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Address, Hex } from "../../../src/base/hex.ts";
import type { Log } from "../../../src/base/log.ts";
import { deployExchange } from "../../../src/chain/contracts/deploy.ts";
import { MediatorReader } from "../../../src/chain/contracts/mediator.ts";
import { encodeMint, readTokenBalance } from "../../../src/chain/contracts/tokens.ts";
import { localSigner } from "../../../src/chain/signer.ts";
import { Submitter } from "../../../src/chain/submit/submitter.ts";
import { ExchangeClient } from "../../../src/client/client.ts";
import { MemoryEvidence } from "../../../src/client/evidence/evidence.ts";
import {
  KEY_VARIABLE,
  type OperatorConfig,
  parseConfig,
} from "../../../src/operator/config/config.ts";
import { type RunningOperator, startOperator } from "../../../src/operator/node/node.ts";
import { firstBlockOf, quarterSize, roundOf } from "../../../src/protocol/rounds.ts";
import type { Quarter, Schedule } from "../../../src/protocol/units.ts";
import { type RunningServer, startServer } from "../../../src/server/server.ts";
import { type Anvil, freePort, startAnvil } from "../chain/anvil.ts";

export const CONFIRMATIONS = 1;
const DEFAULT_ROUND_SIZE = 160;
const POLL_MS = 15;
/** On a busy machine too. */
const PATIENCE_MS = 120_000;

export interface TestExchange {
  readonly anvil: Anvil;
  readonly mediator: Address;
  readonly manager: Address;
  readonly weth: Address;
  readonly usdc: Address;
  readonly schedule: Schedule;
  readonly reader: MediatorReader;
  readonly config: OperatorConfig;
  readonly url: string;
  readonly operator: RunningOperator;
  /** What the operator logged: event names with their fields. */
  readonly logged: readonly { readonly event: string; readonly fields: object }[];
  /** A client with a funded wallet, joined. `index` from 0. */
  client(index: number): Promise<ExchangeClient>;
  /** Mines to the first block of the quarter, and waits until the operator has done its duties. */
  toQuarter(round: number, quarter: Quarter): Promise<void>;
  /** Mines so that the operator sees all that is on chain as final. */
  settle(): Promise<void>;
  stopOperator(): Promise<void>;
  startOperator(): Promise<void>;
  balanceOf(token: Address, owner: Address): Promise<bigint>;
  stop(): Promise<void>;
}

/** Wei; every story's withdrawals carry one. */
export const WITHDRAWAL_BOND = 10n ** 15n;

export interface ExchangeOptions {
  readonly roundSize?: number;
  readonly disputeBond?: bigint;
  readonly withdrawalBond?: bigint;
  readonly publicBalances?: boolean;
  /** The operator's limit. */
  readonly ordersPerClientAndRound?: number;
  /** The endpoint that the operator is given in place of anvil's. */
  readonly operatorRpc?: (url: string) => Promise<string>;
}

export async function startExchange(options: ExchangeOptions = {}): Promise<TestExchange> {
  const anvil = await startAnvil();
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-"));
  const deployed = await deploy(anvil, options);
  const [weth, usdc] = deployed.tokens as [Address, Address];
  const reader = new MediatorReader(anvil.client, deployed.mediator);
  const { schedule } = await reader.constants();
  const rpc = (await options.operatorRpc?.(anvil.url)) ?? anvil.url;
  const { mediator } = deployed;
  const key = keyOf(anvil);
  // Its operator, or a process in its place, is started on it again and again.
  const port = await freePort();
  const config = configOf({ rpc, mediator, weth, usdc, folder, key, port, options });
  const logged: { event: string; fields: object }[] = [];
  const log = collectingLog(logged);
  let operator = await startOperator(config, log);
  let server: RunningServer = await startServer(operator.api, config);
  let running = true;
  const url = `http://127.0.0.1:${port}`;

  const synced = async () => {
    const head = await anvil.blockNumber();
    await until("the operator follows", () => {
      // The clock of a HALTED exchange stands still.
      const { block, haltRound } = operator.api.clock();
      return haltRound !== null || block >= head - CONFIRMATIONS;
    });
  };
  const settle = async () => {
    await anvil.mine(CONFIRMATIONS);
    if (running) await synced();
  };
  const openRound = async (round: number) => {
    await anvil.mineTo(firstBlockOf(schedule, round));
    await settle();
    await until(`round ${round} is committed`, async () => {
      return (await reader.clock()).committedRound >= round;
    });
    await settle();
  };
  const exchange: TestExchange = {
    anvil,
    ...deployed,
    weth,
    usdc,
    schedule,
    reader,
    config,
    url,
    get operator() {
      return operator;
    },
    logged,
    settle,
    client: (index) => joinFunded(anvil, index, { url, mediator, weth, usdc }),
    toQuarter: async (round, quarter) => {
      const now = roundOf(schedule, await anvil.blockNumber());
      // No round is skipped: each wants its commit.
      for (let next = now + 1; running && next <= round; next++) await openRound(next);
      await anvil.mineTo(firstBlockOf(schedule, round, quarter));
      if (running) await settle();
    },
    stopOperator: async () => {
      running = false;
      await server.close();
      await operator.stop();
    },
    startOperator: async () => {
      operator = await startOperator(config, log);
      server = await startServer(operator.api, config);
      running = true;
      await synced();
    },
    balanceOf: (token, owner) => readTokenBalance(anvil.client, token, owner),
    stop: async () => {
      if (running) await exchange.stopOperator();
      await anvil.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await settle();
  return exchange;
}

const keyOf = (anvil: Anvil): Hex => anvil.keys[1] as Hex;

function deploy(anvil: Anvil, options: ExchangeOptions) {
  return deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[0] as Hex),
    operator: {
      address: localSigner(keyOf(anvil)).address,
      name: "Test",
      uri: "http://127.0.0.1:1",
    },
    roundSize: options.roundSize ?? DEFAULT_ROUND_SIZE,
    disputeBond: options.disputeBond ?? 0n,
    withdrawalBond: options.withdrawalBond ?? WITHDRAWAL_BOND,
    tokens: [
      { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
      { name: "Dollar", symbol: "USDC", decimals: 6 },
    ],
  });
}

function configOf(given: {
  readonly rpc: string;
  readonly mediator: Address;
  readonly weth: Address;
  readonly usdc: Address;
  readonly folder: string;
  readonly key: Hex;
  readonly port: number;
  readonly options: ExchangeOptions;
}): OperatorConfig {
  const { rpc, mediator, weth, usdc, folder, key, port } = given;
  const { publicBalances = false, ordersPerClientAndRound } = given.options;
  return parseConfig(
    {
      rpc: [rpc],
      mediator,
      publicBalances,
      markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
      confirmations: CONFIRMATIONS,
      ordersPerClientAndRound,
      storage: join(folder, "storage"),
      logs: join(folder, "logs"),
      port,
      pollMs: POLL_MS,
      page: { rpc: [rpc] },
    },
    { [KEY_VARIABLE]: key },
    "test",
  );
}

/** A client with a funded wallet. */
async function joinFunded(
  anvil: Anvil,
  index: number,
  { url, mediator, weth, usdc }: Pick<TestExchange, "url" | "mediator" | "weth" | "usdc">,
): Promise<ExchangeClient> {
  const privateKey = anvil.keys[2 + index] as Hex;
  const signer = localSigner(privateKey);
  const chainId = await anvil.client.getChainId();
  const submitter = new Submitter({
    client: anvil.client,
    signer,
    chainId,
    maxFeePerGas: 10n ** 12n,
    pollMs: POLL_MS,
  });
  for (const [token, amount] of [
    [weth, 1000n * 10n ** 18n],
    [usdc, 1_000_000n * 10n ** 6n],
  ] as const) {
    await submitter.send({ what: "mint", to: token, data: encodeMint(signer.address, amount) });
  }
  return ExchangeClient.join({
    operator: url,
    rpc: [anvil.url],
    mediator,
    signer: privateKey,
    evidence: new MemoryEvidence(),
    pollMs: POLL_MS,
    // The stories tell when the operator is down, and what its clients do then.
    retryTimeoutMs: 0,
  });
}

/** Blocks from the first of a quarter to its last. */
export function lastOfQuarter(schedule: Schedule, round: number, quarter: Quarter): number {
  return firstBlockOf(schedule, round, quarter) + quarterSize(schedule) - 1;
}

/** Waits until `condition` holds; fails, naming it, when it does not. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await sleep(POLL_MS);
  }
}

function collectingLog(logged: { event: string; fields: object }[]): Log {
  const take = (event: string, fields: object = {}) => {
    logged.push({ event, fields });
  };
  return { info: take, warn: take, error: take, flush: async () => {} };
}
