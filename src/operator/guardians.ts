/**
 * Watches what the node lives on: the key's balance, the disk, memory, the event loop, the chain's
 * distance. Each is a figure, a health check, and a line in the log when its state changes; a state
 * is left only well on the other side of its limit, so that it does not flap.
 */
import { statfsSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapStatistics } from "node:v8";
import { formatDecimal } from "../base/decimal.ts";
import type { Address } from "../base/hex.ts";
import type { ChainClient } from "../chain/rpc.ts";
import type { HealthCheck } from "./face.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

export interface GuardianOptions {
  readonly client: ChainClient;
  readonly address: Address;
  /** Wei below which the key's balance is a warning. */
  readonly minBalance: bigint;
  /** Folder whose disk is watched. */
  readonly storage: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds between two looks. */
  readonly everyMs: number;
  /** Blocks between the chain's head and the exchange's clock, beyond the confirmations. */
  readonly lagBlocks: () => number;
}

/** Limits in the unit of their figure; see `judge` for how a state is left again. */
const MIN_FREE_DISK_MB = 2048;
const MAX_HEAP_PERCENT = 85;
const MAX_LOOP_DELAY_MS = 500;
const MAX_LAG_BLOCKS = 10;
/** A warning ends when the figure is this much better than its limit. */
const HYSTERESIS_PERCENT = 10;
const BYTES_PER_MB = 1024 * 1024;

export class Guardians {
  readonly #options: GuardianOptions;
  readonly #checks = new Map<string, HealthCheck>();
  readonly #stop = new AbortController();
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });
  #balance: bigint | undefined;

  constructor(options: GuardianOptions) {
    this.#options = options;
  }

  /** Wei of the operator's key as of the last look. */
  get balance(): bigint | undefined {
    return this.#balance;
  }

  checks(): HealthCheck[] {
    return [...this.#checks.values()];
  }

  /** Looks at once, and again for ever until `stop`. */
  async start(): Promise<void> {
    this.#delay.enable();
    await this.#look();
    void this.#keepLooking();
  }

  stop(): void {
    this.#stop.abort();
    this.#delay.disable();
  }

  async #keepLooking(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(this.#options.everyMs, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.#look();
    }
  }

  async #look(): Promise<void> {
    await this.#lookAtBalance();
    const { storage, lagBlocks } = this.#options;
    const disk = statfsSync(storage);
    const freeMb = Math.floor((disk.bavail * disk.bsize) / BYTES_PER_MB);
    this.#judge("disk", freeMb, MIN_FREE_DISK_MB, "least", "MB free");
    const heap = getHeapStatistics();
    const used = Math.round((100 * heap.used_heap_size) / heap.heap_size_limit);
    this.#judge("memory", used, MAX_HEAP_PERCENT, "most", "% of the heap used");
    const delay = Math.round(this.#delay.percentile(99) / 1e6);
    this.#delay.reset();
    this.#judge("eventLoop", delay, MAX_LOOP_DELAY_MS, "most", "ms of delay");
    this.#judge("chainLag", lagBlocks(), MAX_LAG_BLOCKS, "most", "blocks behind");
  }

  async #lookAtBalance(): Promise<void> {
    const { client, address, minBalance, metrics } = this.#options;
    try {
      this.#balance = await client.getBalance({ address });
    } catch (error) {
      const problem = error instanceof Error ? error.message.split("\n")[0] : String(error);
      this.#set("keyBalance", "warn", `cannot be read: ${problem}`);
      return;
    }
    metrics.set("key_balance_ether", "Ether of the operator's key", Number(this.#balance) / 1e18);
    const previous = this.#checks.get("keyBalance")?.state;
    const enough = (minBalance * BigInt(100 + HYSTERESIS_PERCENT)) / 100n;
    const low = this.#balance < (previous === "warn" ? enough : minBalance);
    const has = `${formatDecimal(this.#balance, 18)} ETH`;
    const wanted = `${formatDecimal(minBalance, 18)} ETH`;
    const advice = low ? `, below ${wanted}: send ether to ${address}` : "";
    this.#set("keyBalance", low ? "warn" : "ok", `${has}${advice}`);
  }

  #judge(name: string, figure: number, limit: number, kind: "least" | "most", unit: string): void {
    this.#options.metrics.set(`guard_${name}`, `Guarded figure: ${unit}`, figure);
    const wasBad = this.#checks.get(name)?.state === "warn";
    const margin = wasBad ? (limit * HYSTERESIS_PERCENT) / 100 : 0;
    const bad = kind === "least" ? figure < limit + margin : figure > limit - margin;
    const rule = kind === "least" ? `at least ${limit}` : `at most ${limit}`;
    this.#set(name, bad ? "warn" : "ok", `${figure} ${unit} (${rule})`);
  }

  #set(name: string, state: HealthCheck["state"], detail: string): void {
    const before = this.#checks.get(name);
    this.#checks.set(name, { name, state, detail });
    if (before?.state === state || (before === undefined && state === "ok")) return;
    const { log } = this.#options;
    if (state === "ok") log.info("healthy", { guard: name, detail });
    else log.warn("unhealthy", { guard: name, detail });
  }
}
