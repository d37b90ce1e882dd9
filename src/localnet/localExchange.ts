/** The exchange that `npm start` runs, once its chain and database are there. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { QuarterdeckError } from "../base/errors.ts";
import { MediatorReader } from "../chain/contracts/mediator.ts";
import { connect } from "../chain/rpc/rpc.ts";
import { hasPage } from "../server/page/pageFiles.ts";
import { Counts } from "./counts.ts";
import {
  type Deployment,
  type LocalOperator,
  localOperators,
  logsOf,
  MARKET,
  openDeployment,
  TRADER_KEYS,
  writeConfig,
} from "./exchange.ts";
import { listenToKeys } from "./keyboard.ts";
import type { LocalChain } from "./localChain.ts";
import type { LocalPostgres } from "./localPostgres.ts";
import { type StartOptions, TRADERS } from "./options.ts";
import { Status } from "./status.ts";
import { operateAll, SupervisedOperator } from "./supervise.ts";
import { runTrader } from "./traders.ts";

/** Milliseconds between two polls of the operators. */
const REFRESH_MS = 500;
/**
 * Milliseconds that the chain waits for the first operator. One that stops just before a commit is
 * due must not be HALTED by its next start, which takes seconds.
 */
const LONGEST_HOLD_MS = 60_000;

export class LocalExchange {
  readonly #options: StartOptions;
  readonly #chain: LocalChain;
  readonly #postgres: LocalPostgres | undefined;
  readonly #operators: readonly LocalOperator[];
  readonly #counts: Counts;
  readonly #hasKeys: boolean;
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
    this.#counts = new Counts(join(options.storage, "counts.json"));
    this.#hasKeys = process.stdin.isTTY;
  }

  /** Resolves when it was asked to stop, and did; rejects with what made it impossible to go on. */
  async run(): Promise<void> {
    const stop = () => this.#stop.abort();
    const deployed = await openDeployment(this.#options, this.#chain.url);
    const reader = new MediatorReader(connect([this.#chain.url]), deployed.mediator);
    const status = await this.#statusOf(reader);
    const supervised = this.#operators.map((one) => this.#supervised(one, deployed, status));
    this.#introduce(deployed, status);
    const leaveKeys = listenToKeys(
      process.stdin,
      (key) => supervised[Number(key) - 1]?.toggle(),
      stop,
    );
    const all = operateAll(supervised, {
      signal: this.#stop.signal,
      hasKeys: this.#hasKeys,
      tell: (line) => status.tell(line),
    });
    const working = Promise.race([all, ...this.#partsEnded()]);
    const operating = working.finally(stop);
    operating.catch(() => {});
    const drawing = this.#draw(status);
    // Traders are not waited for: they would ask for an operator until their retry timeout, and
    // their files are whole at any moment.
    const ready = this.#untilReady(reader);
    const held = sleep(LONGEST_HOLD_MS, undefined, { signal: this.#stop.signal, ref: false });
    void Promise.race([ready, held])
      .finally(() => this.#chain.startBlocks())
      .catch(() => {});
    void this.#trade(deployed, ready, status);
    await Promise.allSettled([operating, drawing]);
    leaveKeys();
    process.stdout.write("\n");
    await operating;
  }

  async #statusOf(reader: MediatorReader): Promise<Status> {
    const { schedule } = await reader.constants();
    return new Status({
      operators: this.#operators,
      reader,
      schedule,
      counts: this.#counts,
      output: process.stdout,
      hasKeys: this.#hasKeys,
    });
  }

  /** Each rejects when a part ends without being asked to stop: nothing goes on without it. */
  #partsEnded(): Promise<never>[] {
    const parts = [
      ["chain", this.#chain],
      ["database", this.#postgres],
    ] as const;
    return parts.flatMap(([name, part]) => {
      if (part === undefined) return [];
      const { promise, reject } = Promise.withResolvers<never>();
      void part.ended.then((code) => {
        if (!this.#stop.signal.aborted) reject(partEnded(name, code));
      });
      return [promise];
    });
  }

  #introduce(deployed: Deployment, status: Status): void {
    const { logs } = this.#options;
    const [first] = this.#operators;
    if (hasPage()) status.tell(`the page: ${first?.url}/`);
    status.tell(`chain ${this.#chain.url} · Mediator ${deployed.mediator}`);
    if (this.#postgres !== undefined) status.tell(`database ${this.#postgres.url}`);
    const several = this.#hasKeys && this.#operators.length > 1;
    const keys = several
      ? `1 to ${this.#operators.length} kill an operator, or start it again · `
      : "";
    status.tell(`logs in ${logs}/ · ${keys}Ctrl-C stops`);
  }

  #supervised(operator: LocalOperator, deployed: Deployment, status: Status): SupervisedOperator {
    const { url: rpc } = this.#chain;
    return new SupervisedOperator({
      name: operator.name,
      url: operator.url,
      key: operator.key,
      config: writeConfig(operator, this.#options, {
        rpc,
        deployed,
        database: this.#postgres?.url,
      }),
      logs: logsOf(operator, this.#options),
      tell: (line) => status.tell(line),
    });
  }

  /** Once an operator serves, or none is needed any more. */
  async #trade(deployed: Deployment, ready: Promise<void>, status: Status): Promise<void> {
    const { storage, blockTime, traders } = this.#options;
    await ready;
    for (const [i, privateKey] of TRADER_KEYS.slice(0, traders).entries()) {
      const name = TRADERS[i] as string;
      void runTrader({
        name,
        privateKey,
        market: MARKET,
        counts: this.#counts,
        signal: this.#stop.signal,
        operators: this.#operators.map(({ url }) => url),
        rpc: this.#chain.url,
        mediator: deployed.mediator,
        evidenceFolder: join(storage, "traders", name),
        paceMs: blockTime * 1500,
        tell: (line) => status.tell(line),
      });
    }
  }

  /** Until one of the operators serves, or the Mediator is HALTED. */
  async #untilReady(reader: MediatorReader): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const asked = this.#operators.map(({ url }) => fetch(`${url}/health/ready`));
      const answers = await Promise.allSettled(asked);
      if (answers.some((answer) => answer.status === "fulfilled" && answer.value.ok)) return;
      const clock = await reader.clock().catch(() => undefined);
      if (clock?.halted === true) return;
      await sleep(100, undefined, { signal }).catch(() => {});
    }
  }

  async #draw(status: Status): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await status.refresh(signal);
      await sleep(REFRESH_MS, undefined, { signal }).catch(() => {});
    }
  }
}

function partEnded(name: "chain" | "database", code: number | null): QuarterdeckError {
  const how = code === null ? "was killed" : `ended with ${code}`;
  return new QuarterdeckError({
    code: "LocalPartEnded",
    message: `The local ${name} ${how}: no operator can go on without it.`,
    hint:
      "What was acknowledged is on the disk: npm start again goes on from there. If it ends again, " +
      "look for memory and disk space, or begin anew with --fresh.",
  });
}
