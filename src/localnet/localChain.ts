/** The local chain of `npm start`: anvil, its state kept in the storage folder. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { QuarterdeckError, reasonOf } from "../base/errors.ts";
import type { Hex } from "../base/hex.ts";
import { connect } from "../chain/rpc/rpc.ts";

/** Keys of anvil's well-known mnemonic: rich on every local chain, worthless elsewhere. */
export const LOCAL_KEYS: readonly Hex[] = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
  "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
  "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
  "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
  "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
  "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
  "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
  "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

export interface LocalChain {
  readonly url: string;
  /** Resolves with its exit code, null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** From now on a block comes every `blockTime`; before there are none but those asked for. */
  startBlocks(): void;
  /** Lets it write its state, then ends it. */
  stop(): Promise<void>;
}

/**
 * anvil's memory grows with every answer that it gives, whatever it keeps: 380 MB after 2,600
 * blocks of `npm start` with 38 transactions. The memory is back at 40 MB after a new start, which
 * takes a second.
 */
const MOST_BYTES = 384 * 1024 * 1024;
const POLL_MS = 15_000;
/** Polls after a start before another restart may follow. */
const YOUNG_POLLS = 20;
const READY_TRIES = 200;
const READY_PAUSE_MS = 50;
const MAX_PORT = 65_535;
/**
 * Seconds between two writes of its state: what a kill of the machine can lose. After a night it is
 * 100 MB.
 */
const STATE_INTERVAL_SECONDS = 20;

/**
 * For every anvil that this project starts. Without a bound on its history it keeps thousands of
 * old states, of a megabyte each, on the disk below the home folder, and leaves them when killed.
 */
export const CHAIN_ARGUMENTS = [
  "--hardfork",
  "prague",
  "--silent",
  "--prune-history",
  "256",
] as const;

/**
 * For a chain that runs for hours: anvil copies its whole state for each block that it keeps, and
 * from Prague on that state holds a hash for each of the last 8191 blocks. Measured over 30,000
 * blocks with 10,000 transactions, sent by nobody else: 370 MB at most.
 */
export const LASTING_CHAIN_ARGUMENTS = [
  "--hardfork",
  "cancun",
  "--silent",
  "--prune-history",
  "32",
] as const;

interface LocalChainOptions {
  readonly port: number;
  /** Seconds. */
  readonly blockTime: number;
  readonly stateFile: string;
  /** Bytes of memory beyond which it is started anew from its state file. */
  readonly mostBytes?: number;
  readonly pollMs?: number;
}

/** Throws `NoAnvil` or `ChainFailed`. */
export async function startLocalChain(options: LocalChainOptions): Promise<LocalChain> {
  const { mostBytes = MOST_BYTES, pollMs = POLL_MS } = options;
  const url = `http://127.0.0.1:${options.port}`;
  const stopping = new AbortController();
  const { signal } = stopping;
  const mining = new Mining(url, options.blockTime * 1000, signal);
  let running = await startAnvil(options, url);
  const ended = (async () => {
    for (let startedAt = performance.now(); ; startedAt = performance.now()) {
      const isFull = fullMemory(running.child, url, { mostBytes, pollMs, startedAt, signal });
      const first = await Promise.race([isFull, running.ended]);
      if (first !== "full" || signal.aborted) return running.ended;
      await mining.pause();
      running.child.kill("SIGTERM");
      await running.ended;
      if (signal.aborted) return 0;
      running = await startAnvil(options, url);
      // `stop` has ended the one before.
      if (signal.aborted) running.child.kill("SIGTERM");
      mining.resume();
    }
  })();
  ended.catch(() => {});
  return {
    url,
    ended,
    startBlocks: () => mining.start(),
    stop: async () => {
      stopping.abort();
      running.child.kill("SIGTERM");
      await ended;
    },
  };
}

/**
 * A block every `everyMs`, until the signal; those that it is late with on a busy machine are left
 * out. anvil itself would begin before anybody is there to see its blocks, and would lose a block
 * that it makes between the last write of its state and its end.
 */
class Mining {
  readonly #client: ReturnType<typeof connect>;
  readonly #everyMs: number;
  readonly #signal: AbortSignal;
  #isOn = false;
  #isPaused = false;
  #block: Promise<unknown> = Promise.resolve();

  constructor(url: string, everyMs: number, signal: AbortSignal) {
    this.#client = connect([url], { retries: 0 });
    this.#everyMs = everyMs;
    this.#signal = signal;
  }

  start(): void {
    if (!this.#isOn) void this.#run();
    this.#isOn = true;
  }

  /** Resolves when the block that is being made is there. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#block;
  }

  resume(): void {
    this.#isPaused = false;
  }

  async #run(): Promise<void> {
    const signal = this.#signal;
    let next = performance.now() + this.#everyMs;
    while (!signal.aborted) {
      await sleep(Math.max(0, next - performance.now()), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      next = Math.max(next + this.#everyMs, performance.now());
      if (this.#isPaused) continue;
      const call = { method: "evm_mine", params: [] } as never;
      this.#block = this.#client.request(call).catch(() => {});
      await this.#block;
    }
  }
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
}

async function startAnvil(options: LocalChainOptions, url: string): Promise<Running> {
  const child = spawn(anvilBinary(), [
    "--port",
    String(options.port),
    "--no-mining",
    "--state",
    options.stateFile,
    "--state-interval",
    String(STATE_INTERVAL_SECONDS),
    ...LASTING_CHAIN_ARGUMENTS,
  ]);
  let complaint = "";
  child.stderr.on("data", (part) => {
    complaint = (complaint + part).slice(-2000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("exit", (code) => resolve(code));
    child.once("error", (cause) => {
      reject(
        new QuarterdeckError({
          code: "NoAnvil",
          message: `anvil cannot be started (${reasonOf(cause)}).`,
          hint: "Install Foundry 1.7 or later so that anvil is in PATH, and start again.",
          cause,
        }),
      );
    });
  });
  ended.catch(() => {});
  await Promise.race([untilReady(url, child, () => complaint), ended]);
  return { child, ended };
}

/**
 * Resolves when anvil holds more than `mostBytes`, and nothing waits in its pool, which a new start
 * would forget. Never where nothing tells how much it holds.
 */
async function fullMemory(
  { pid }: ChildProcess,
  url: string,
  how: { mostBytes: number; pollMs: number; startedAt: number; signal: AbortSignal },
): Promise<"full"> {
  const client = connect([url], { retries: 0 });
  const { signal } = how;
  while (!signal.aborted) {
    await sleep(how.pollMs, undefined, { signal, ref: false }).catch(() => {});
    // A new process that needs this much at once must not be restarted for ever.
    const isYoung = performance.now() - how.startedAt < YOUNG_POLLS * how.pollMs;
    if (isYoung || residentBytes(pid) <= how.mostBytes) continue;
    const pool = await client.request({ method: "txpool_status" } as never).catch(() => undefined);
    if (BigInt((pool as { pending?: string } | undefined)?.pending ?? 1) === 0n) break;
  }
  return "full";
}

/** 0 where it is not known. */
function residentBytes(pid: number | undefined): number {
  const { status, stdout } = spawnSync("ps", ["-o", "rss=", "-p", String(pid)], {
    encoding: "utf8",
  });
  return status === 0 ? Number(stdout.trim()) * 1024 : 0;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/**
 * Throws `PortInUse` where one of `count` ports from `first` on is taken; names `option`, and a
 * value of it with which all are free and none is one of `others`.
 */
export async function requireFreePorts(
  first: number,
  option: string,
  { count, others }: { readonly count: number; readonly others: readonly number[] },
): Promise<void> {
  const ports = Array.from({ length: count }, (_, i) => first + i);
  const taken = await firstTaken(ports);
  if (taken === undefined) return;
  let free = taken + 1;
  for (; free + count <= MAX_PORT; free++) {
    const candidates = Array.from({ length: count }, (_, i) => free + i);
    if (candidates.some((port) => others.includes(port))) continue;
    if ((await firstTaken(candidates)) === undefined) break;
  }
  throw new QuarterdeckError({
    code: "PortInUse",
    message: `Port ${taken} is in use by another process.`,
    hint: `Stop that process, or choose another port: npm start -- ${option} ${free}`,
  });
}

async function firstTaken(ports: readonly number[]): Promise<number | undefined> {
  for (const port of ports) if (!(await isFree(port))) return port;
  return undefined;
}

function anvilBinary(): string {
  const installed = join(import.meta.dirname, "../../node_modules/.bin/anvil");
  return existsSync(installed) ? installed : "anvil";
}

async function untilReady(
  url: string,
  child: ChildProcess,
  complaint: () => string,
): Promise<void> {
  const client = connect([url], { retries: 0 });
  for (let tries = 0; tries < READY_TRIES && child.exitCode === null; tries++) {
    try {
      await client.getChainId();
      return;
    } catch {
      await sleep(READY_PAUSE_MS);
    }
  }
  throw new QuarterdeckError({
    code: "ChainFailed",
    message: `The local chain did not start: ${complaint().trim() || "no answer"}.`,
    hint: "If its state is damaged, begin anew: npm start -- --fresh",
  });
}
