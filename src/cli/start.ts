/** `npm start`: a whole exchange on this machine: chain, contracts, operators, traders. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { connect } from "../chain/rpc.ts";
import { type LocalChain, requireFreePort, startLocalChain } from "./localChain.ts";
import { type LocalPostgres, startLocalPostgres } from "./localPostgres.ts";
import { fail } from "./report.ts";
import { databaseFolder } from "./start/databaseFolder.ts";
import {
  type Deployment,
  type LocalOperator,
  localOperators,
  logsOf,
  MARKET,
  openDeployment,
  TRADER_KEYS,
  writeConfig,
} from "./start/exchange.ts";
import { listenToKeys } from "./start/keyboard.ts";
import { parseStartOptions, type StartOptions } from "./start/options.ts";
import { Status } from "./start/status.ts";
import { SupervisedOperator } from "./start/supervise.ts";
import { runTrader, type TraderCounts } from "./start/traders.ts";

const NAMES = ["Ada", "Bob", "Cleo", "Dan", "Eve", "Finn"];
/** Milliseconds between two looks at the operators. */
const REFRESH_MS = 500;

async function main(): Promise<void> {
  const options = parseStartOptions(command().parse().opts());
  // All of them before anything is forgotten: it may be what another start has under way.
  await requireFreePorts(options);
  const database = databaseFolder(options.storage);
  if (options.fresh) {
    for (const folder of [options.storage, database]) rmSync(folder, FORGET);
  }
  mkdirSync(options.storage, { recursive: true });
  const stopping = stopWhenTold();
  const parts: { stop(): Promise<void> }[] = [];
  try {
    const chain = await startLocalChain({
      port: options.chainPort,
      blockTime: options.blockTime,
      stateFile: join(options.storage, "chain.json"),
    });
    parts.push(chain);
    let postgres: LocalPostgres | undefined;
    if (options.operators > 1 && !stopping.signal.aborted) {
      postgres = await startLocalPostgres({ folder: database, port: options.databasePort });
      parts.push(postgres);
    }
    if (!stopping.signal.aborted) {
      await new LocalExchange(options, chain, postgres, stopping).run();
    }
  } finally {
    for (const part of parts.reverse()) await part.stop().catch(() => {});
  }
}

const FORGET = { recursive: true, force: true };

async function requireFreePorts(options: StartOptions): Promise<void> {
  for (const { port } of localOperators(options)) await requireFreePort(port, "--port");
  await requireFreePort(options.chainPort, "--chain-port");
  if (options.operators > 1) await requireFreePort(options.databasePort, "--database-port");
}

/** From the first part on: what a signal would end with us, but the database, would stay behind. */
function stopWhenTold(): AbortController {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  // SIGHUP: the terminal was closed.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  // Nobody reads what we print any more, and whoever did sent no signal.
  for (const output of [process.stdout, process.stderr]) output.on("error", stop);
  return stopping;
}

function command(): Command {
  return new Command("npm start --")
    .description("Run a local exchange: chain, contracts, operators, traders. Ctrl-C stops it.")
    .option("--operators <count>", "operators, 1 to 3; one needs no database", "3")
    .option("--port <port>", "HTTP and WebSocket port of the first operator", "8080")
    .option("--chain-port <port>", "the local chain's JSON-RPC port", "8545")
    .option("--database-port <port>", "the port of the operators' PostgreSQL", "54320")
    .option("--block-time <seconds>", "seconds between blocks", "1")
    .option("--quarter <blocks>", "blocks in a quarter of a round", "12")
    .option("--traders <count>", "traders, 0 to 6", "3")
    .option("--storage <folder>", "where chain, journal and evidence are kept", "storage")
    .option("--logs <folder>", "where the operators' logs go", "logs")
    .option("--fresh", "forget what is stored and begin anew");
}

class LocalExchange {
  readonly #options: StartOptions;
  readonly #chain: LocalChain;
  readonly #postgres: LocalPostgres | undefined;
  readonly #operators: readonly LocalOperator[];
  readonly #counts: TraderCounts = { auditsPassed: 0, auditsFailed: 0 };
  readonly #status: Status;
  readonly #stop: AbortController;

  constructor(
    options: StartOptions,
    chain: LocalChain,
    postgres: LocalPostgres | undefined,
    stop: AbortController,
  ) {
    this.#options = options;
    this.#chain = chain;
    this.#postgres = postgres;
    this.#stop = stop;
    this.#operators = localOperators(options);
    this.#status = new Status({
      operators: this.#operators,
      client: connect([chain.url]),
      counts: this.#counts,
      output: process.stdout,
    });
  }

  /** Resolves when it was told to stop, and did; rejects with what made it impossible to go on. */
  async run(): Promise<void> {
    const stop = () => this.#stop.abort();
    const deployed = await openDeployment(this.#options, this.#chain.url);
    const supervised = this.#operators.map((operator) => this.#supervised(operator, deployed));
    this.#introduce(deployed);
    const leaveKeys = listenToKeys(
      process.stdin,
      (key) => supervised[Number(key) - 1]?.toggle(),
      stop,
    );
    const { signal } = this.#stop;
    const operating = this.#operate(supervised).finally(stop);
    operating.catch(() => {});
    await this.#untilReady();
    const traders = TRADER_KEYS.slice(0, this.#options.traders).map((privateKey, i) =>
      this.#trade(NAMES[i] as string, privateKey, deployed),
    );
    const drawing = this.#draw();
    for (const [name, part] of [
      ["chain", this.#chain],
      ["database", this.#postgres],
    ] as const) {
      void part?.ended.then((code) => {
        if (!signal.aborted) this.#status.tell(`the local ${name} ended by itself (code ${code})`);
        stop();
      });
    }
    // Traders are not waited for: they would look for an operator until their patience is over, and
    // what they keep is whole at any moment.
    void Promise.allSettled(traders);
    await Promise.allSettled([operating, drawing]);
    leaveKeys();
    process.stdout.write("\n");
    await operating;
  }

  #introduce(deployed: Deployment): void {
    const { logs } = this.#options;
    this.#status.tell(`chain ${this.#chain.url} · Mediator ${deployed.mediator}`);
    if (this.#postgres !== undefined) this.#status.tell(`database ${this.#postgres.url}`);
    const several = process.stdin.isTTY && this.#operators.length > 1;
    const keys = several
      ? `1 to ${this.#operators.length} kill an operator, or start it again · `
      : "";
    this.#status.tell(`logs in ${logs}/ · ${keys}Ctrl-C stops`);
  }

  #supervised(operator: LocalOperator, deployed: Deployment): SupervisedOperator {
    const { url: rpc } = this.#chain;
    return new SupervisedOperator({
      ...{ name: operator.name, url: operator.url, key: operator.key },
      config: writeConfig(operator, this.#options, {
        ...{ rpc, deployed, database: this.#postgres?.url },
      }),
      logs: logsOf(operator, this.#options),
      tell: (line) => this.#status.tell(line),
    });
  }

  /** One that is given up is told of, and the others go on; rejects when none is left. */
  async #operate(supervised: readonly SupervisedOperator[]): Promise<void> {
    let left = supervised.length;
    await Promise.all(
      supervised.map(async (one) => {
        try {
          await one.run(this.#stop.signal);
        } catch (error) {
          left -= 1;
          if (left === 0 || !(error instanceof Error)) throw error;
          this.#status.tell(error.message);
        }
      }),
    );
  }

  #trade(name: string, privateKey: (typeof TRADER_KEYS)[number], deployed: Deployment) {
    const { storage, blockTime } = this.#options;
    return runTrader({
      ...{ name, privateKey, market: MARKET, counts: this.#counts, signal: this.#stop.signal },
      operators: this.#operators.map(({ url }) => url),
      rpc: this.#chain.url,
      mediator: deployed.mediator,
      evidenceFile: join(storage, "traders", `${name}.jsonl`),
      paceMs: blockTime * 1500,
      tell: (line) => this.#status.tell(line),
    });
  }

  /** Until one of the operators serves. */
  async #untilReady(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const asked = this.#operators.map(({ url }) => fetch(`${url}/health/ready`));
      const answers = await Promise.allSettled(asked);
      if (answers.some((answer) => answer.status === "fulfilled" && answer.value.ok)) return;
      await sleep(100, undefined, { signal }).catch(() => {});
    }
  }

  async #draw(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#status.refresh(signal);
      await sleep(REFRESH_MS, undefined, { signal }).catch(() => {});
    }
  }
}

main().then(() => process.exit(0), fail);
