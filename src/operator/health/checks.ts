/**
 * Runs the health checks: each probes by itself, again and again, so that a slow one delays no
 * other; each reading is judged with hysteresis, and every change is logged and passed on.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { sentence } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { HealthCheck } from "../../wire/schemas/health.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Check, FAILS_AT_ONCE, problemOf, type Reading } from "./check.ts";
import { FIRST_STATE, HEALTHS, type LevelState, nextState } from "./level.ts";

/** A check's health changed. */
export interface Change extends HealthCheck {
  readonly before: HealthCheck["state"];
  readonly hint: string;
}

export interface ChecksOptions {
  readonly checks: readonly Check[];
  /** Milliseconds between two polls. */
  readonly everyMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly onChange: (change: Change) => void;
}

export class Checks {
  readonly #options: ChecksOptions;
  readonly #levels = new Map<string, LevelState>();
  readonly #checks = new Map<string, HealthCheck>();
  readonly #stop = new AbortController();

  constructor(options: ChecksOptions) {
    this.#options = options;
  }

  /** The state of each check as of the last poll, by name. */
  checks(): HealthCheck[] {
    return [...this.#checks.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Probes at once, and again for ever until `stop`. */
  start(): void {
    for (const check of this.#options.checks) void this.#keepProbing(check);
  }

  stop(): void {
    this.#stop.abort();
    for (const check of this.#options.checks) check.stop?.();
  }

  async #keepProbing(check: Check): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.probe(check);
      await sleep(this.#options.everyMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** One poll of one health check. Never throws: one that fails is itself a finding. */
  async probe(check: Check): Promise<void> {
    let readings: readonly Reading[];
    try {
      readings = await check.probe();
    } catch (error) {
      const detail = `cannot look: ${problemOf(error)}`;
      const hint = "This is a fault of the operator: report it with its log.";
      const reading = { check: check.name, levels: FAILS_AT_ONCE, value: undefined };
      readings = [{ ...reading, detail, hint }];
    }
    if (this.#stop.signal.aborted) return;
    for (const reading of readings) this.#judge(reading);
  }

  #judge({ check: name, levels, value, detail, hint }: Reading): void {
    const state = nextState(levels, this.#levels.get(name) ?? FIRST_STATE, value);
    this.#levels.set(name, state);
    const before = this.#checks.get(name)?.state ?? "ok";
    const after = state.health;
    const advice = after === "ok" ? "" : ` ${hint}`;
    this.#checks.set(name, { name, state: after, detail: `${sentence(detail)}${advice}` });
    const { log, metrics, onChange } = this.#options;
    const rank = HEALTHS.indexOf(after);
    metrics.set("check_state", rank, { check: name });
    if (before === after) return;
    const fields = { check: name, before, detail };
    if (after === "ok") log.info("healthy", fields);
    else if (after === "warn") log.warn("unhealthy", { ...fields, hint });
    else log.error("failed", { ...fields, hint });
    onChange({ name, state: after, detail, before, hint });
  }
}
