/** `npm start`: a whole exchange on this machine: chain, contracts, operator, traders. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { z } from "zod";
import { QuarterdeckError } from "../base/errors.ts";
import type { Hex } from "../base/hex.ts";
import { deployExchange } from "../chain/deploy.ts";
import { connect } from "../chain/rpc.ts";
import { localSigner } from "../chain/signer.ts";
import { KEY_VARIABLE, PASSWORD_VARIABLE } from "../operator/config.ts";
import { address, toJson } from "../wire/shapes.ts";
import { LOCAL_KEYS, type LocalChain, requireFreePort, startLocalChain } from "./localChain.ts";
import { parseStartOptions, type StartOptions } from "./options.ts";
import { fail } from "./report.ts";
import { Status } from "./status.ts";
import { runTrader, type TraderCounts } from "./traders.ts";

const OWNER_KEY = LOCAL_KEYS[0] as Hex;
const OPERATOR_KEY = LOCAL_KEYS[1] as Hex;
const TRADER_KEYS = LOCAL_KEYS.slice(2);
const NAMES = ["Ada", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gail"];

const MARKET = "WETH/USDC";
const TOKENS = [
  { name: "Test Wrapped Ether", symbol: "WETH", decimals: 18 },
  { name: "Test Dollar", symbol: "USDC", decimals: 6 },
];
/** A thousandth of a WETH, at steps of a cent a WETH. */
const LOT = "1000000000000000";
const TICK = "10";
const CONFIRMATIONS = 1;
const QUARTERS = 4;
/** Starts of the operator in a row before we give up on it. */
const MAX_RESTARTS = 5;

const deployment = z.object({
  mediator: address,
  manager: address,
  tokens: z.array(address).length(2),
  quarter: z.number(),
});
type Deployment = z.output<typeof deployment>;

async function main(): Promise<void> {
  const options = parseStartOptions(command().parse().opts());
  await requireFreePort(options.port, "--port");
  if (options.fresh) rmSync(options.storage, { recursive: true, force: true });
  mkdirSync(options.storage, { recursive: true });
  const chain = await startLocalChain({
    port: options.chainPort,
    blockTime: options.blockTime,
    stateFile: join(options.storage, "chain.json"),
  });
  try {
    await runExchange(options, chain);
  } finally {
    await chain.stop().catch(() => {});
  }
}

function command(): Command {
  return new Command("npm start --")
    .description("Run a local exchange: chain, contracts, an operator, traders. Ctrl-C stops it.")
    .option("--port <port>", "the operator's HTTP and WebSocket port", "8080")
    .option("--chain-port <port>", "the local chain's JSON-RPC port", "8545")
    .option("--block-time <seconds>", "seconds between blocks", "1")
    .option("--quarter <blocks>", "blocks in a quarter of a round", "8")
    .option("--traders <count>", "traders, 0 to 7", "3")
    .option("--storage <folder>", "where chain, journal and evidence are kept", "storage")
    .option("--logs <folder>", "where the operator's logs go", "logs")
    .option("--fresh", "forget what is stored and begin anew");
}

async function runExchange(options: StartOptions, chain: LocalChain): Promise<void> {
  const stop = new AbortController();
  // SIGHUP: the terminal was closed.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop.abort());
  const deployed = await deploy(options, chain.url);
  const client = connect([chain.url]);
  const operatorUrl = `http://127.0.0.1:${options.port}`;
  const counts: TraderCounts = { auditsPassed: 0, auditsFailed: 0 };
  const operator = localSigner(OPERATOR_KEY).address;
  const output = process.stdout;
  const status = new Status({ operatorUrl, client, operator, counts, output });
  status.tell(`chain ${chain.url} · Mediator ${deployed.mediator}`);
  status.tell(`operator ${operatorUrl} · logs in ${options.logs}/ · Ctrl-C stops`);

  const node = superviseOperator(options, writeConfig(options, chain.url, deployed), status, stop);
  await untilReady(operatorUrl, stop.signal);
  const traders = TRADER_KEYS.slice(0, options.traders).map((privateKey, i) =>
    runTrader({
      name: NAMES[i] as string,
      privateKey,
      operator: operatorUrl,
      rpc: chain.url,
      mediator: deployed.mediator,
      evidenceFile: join(options.storage, "traders", `${NAMES[i]}.jsonl`),
      paceMs: options.blockTime * 1500,
      market: MARKET,
      tell: (line) => status.tell(line),
      counts,
      signal: stop.signal,
    }),
  );
  const drawing = draw(status, stop.signal);
  const chainEnded = chain.ended.then((code) => {
    if (!stop.signal.aborted) status.tell(`the local chain ended by itself (code ${code})`);
    stop.abort();
  });
  const failure = await Promise.race([
    node.then(
      () => undefined,
      (error: unknown) => error,
    ),
    chainEnded.then(() => undefined),
  ]);
  stop.abort();
  await Promise.allSettled([...traders, drawing, node]);
  output.write("\n");
  if (failure !== undefined) throw failure;
}

/** The exchange that the storage knows; deployed now if it knows none. */
async function deploy(options: StartOptions, rpc: string): Promise<Deployment> {
  const file = join(options.storage, "deployment.json");
  const client = connect([rpc]);
  if (existsSync(file)) {
    const known = deployment.parse(JSON.parse(readFileSync(file, "utf8")));
    const code = await client.getCode({ address: known.mediator });
    if (code === undefined || known.quarter !== options.quarter) {
      throw new QuarterdeckError({
        code: "OtherExchange",
        message:
          code === undefined
            ? `${options.storage} knows an exchange that its chain does not have.`
            : `The stored exchange has quarters of ${known.quarter} blocks, not ${options.quarter}.`,
        mend: `Begin anew with --fresh, or start with --quarter ${known.quarter}.`,
      });
    }
    return known;
  }
  const deployed = await deployExchange({
    client,
    owner: localSigner(OWNER_KEY),
    operator: {
      address: localSigner(OPERATOR_KEY).address,
      name: "Local operator",
      uri: `http://127.0.0.1:${options.port}`,
    },
    roundSize: options.quarter * QUARTERS,
    disputeBond: 10n ** 16n,
    tokens: TOKENS,
  });
  const found = { ...deployed, tokens: [...deployed.tokens], quarter: options.quarter };
  writeFileSync(file, `${toJson(found)}\n`);
  return found;
}

function writeConfig(options: StartOptions, rpc: string, deployed: Deployment): string {
  const file = join(options.storage, "operator.json");
  const [base, quote] = deployed.tokens;
  const config = {
    rpc: [rpc],
    mediator: deployed.mediator,
    markets: [{ base, quote, lot: LOT, tick: TICK }],
    confirmations: CONFIRMATIONS,
    port: options.port,
    storage: join(options.storage, "operator"),
    logs: options.logs,
    pollMs: Math.max(50, Math.round(options.blockTime * 250)),
  };
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`);
  return file;
}

/** Runs the operator as its own process, and again when it ends by itself. */
async function superviseOperator(
  options: StartOptions,
  config: string,
  status: Status,
  stop: AbortController,
): Promise<void> {
  for (let starts = 1; !stop.signal.aborted; starts++) {
    const { code, complaint } = await runOperator(config, stop.signal);
    if (stop.signal.aborted) return;
    if (starts > MAX_RESTARTS) {
      throw new QuarterdeckError({
        code: "OperatorFailed",
        message: `The operator ended ${starts} times, last with code ${code}: ${complaint}`,
        mend: `Look at the logs in ${options.logs}.`,
      });
    }
    status.tell(`the operator ended (code ${code}) and is started again: ${complaint}`);
  }
}

async function runOperator(
  config: string,
  signal: AbortSignal,
): Promise<{ code: number | null; complaint: string }> {
  const main = join(import.meta.dirname, "main.ts");
  const child: ChildProcess = spawn(
    process.execPath,
    [main, "operator", "--config", config, "--quiet"],
    {
      stdio: ["ignore", "ignore", "pipe"],
      // The password of somebody's real operator, in this shell, is none of ours.
      env: { ...process.env, [KEY_VARIABLE]: OPERATOR_KEY, [PASSWORD_VARIABLE]: "" },
    },
  );
  let complaint = "";
  child.stderr?.on("data", (part) => {
    complaint = (complaint + part).slice(-1000);
  });
  const end = () => child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  signal.removeEventListener("abort", end);
  return { code, complaint: complaint.trim() };
}

async function untilReady(operatorUrl: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const ready = await fetch(`${operatorUrl}/health/ready`).catch(() => undefined);
    if (ready?.ok) return;
    await sleep(100, undefined, { signal }).catch(() => {});
  }
}

async function draw(status: Status, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await status.refresh(signal);
    await sleep(500, undefined, { signal }).catch(() => {});
  }
}

main().then(() => process.exit(0), fail);
