/**
 * Runs the guardians: each looks by itself, again and again, so that a slow one delays no other;
 * each reading is judged with hysteresis, and every change is a line in the log and told on.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { HealthCheck } from "../api/operatorApi.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Check, FAILS_AT_ONCE, problemOf, type Reading } from "./check.ts";
import { FIRST_STATE, HEALTHS, type LevelState, nextState } from "./level.ts";

/** A check's health changed. */
export interface Change extends HealthCheck {
  readonly before: HealthCheck["state"];
  readonly hint: string;
}

export interface ChecksOptions {
  readonly guardians: readonly Check[];
  /** Milliseconds between two looks. */
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

  /** As of the last look, by name. */
  checks(): HealthCheck[] {
    return [...this.#checks.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Looks at once, and again for ever until `stop`. */
  start(): void {
    for (const guardian of this.#options.guardians) void this.#keepLooking(guardian);
  }

  stop(): void {
    this.#stop.abort();
    for (const guardian of this.#options.guardians) guardian.stop?.();
  }

  async #keepLooking(guardian: Check): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.look(guardian);
      await sleep(this.#options.everyMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** One look of one guardian. Never throws: one that fails is itself a finding. */
  async look(guardian: Check): Promise<void> {
    let readings: readonly Reading[];
    try {
      readings = await guardian.look();
    } catch (error) {
      const detail = `cannot look: ${problemOf(error)}`;
      const hint = "This is a fault of the operator: report it with its log.";
      const reading = { check: guardian.name, levels: FAILS_AT_ONCE, figure: undefined };
      readings = [{ ...reading, detail, hint }];
    }
    if (this.#stop.signal.aborted) return;
    for (const reading of readings) this.#judge(reading);
  }

  #judge({ check: name, levels, figure, detail, hint }: Reading): void {
    const state = nextState(levels, this.#levels.get(name) ?? FIRST_STATE, figure);
    this.#levels.set(name, state);
    const before = this.#checks.get(name)?.state ?? "ok";
    const after = state.health;
    const advice = after === "ok" ? "" : ` ${hint}`;
    this.#checks.set(name, { name, state: after, detail: `${detail}.${advice}` });
    const { log, metrics, onChange } = this.#options;
    const rank = HEALTHS.indexOf(after);
    metrics.set("guard_state", "0 ok, 1 warn, 2 failed; by check", rank, { check: name });
    if (before === after) return;
    const fields = { check: name, before, detail };
    if (after === "ok") log.info("healthy", fields);
    else if (after === "warn") log.warn("unhealthy", { ...fields, hint });
    else log.error("failed", { ...fields, hint });
    onChange({ name, state: after, detail, before, hint });
  }
}
