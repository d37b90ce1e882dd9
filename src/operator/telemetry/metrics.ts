/** Metrics for Prometheus, as `metricsTable.ts` lists them. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ExchangeEvent } from "../../exchange/model/outcome.ts";
import type { ClockResponse } from "../../wire/schemas/health.ts";
import {
  type CounterName,
  type GaugeName,
  type LabelsOf,
  METRIC_PREFIX,
  METRICS,
  type Metric,
  type MetricName,
} from "./metricsTable.ts";

export class Metrics {
  readonly #registry = new Registry();
  /** Made when first set: one that nobody has set yet has no value, and is not exported. */
  readonly #gauges = new Map<GaugeName, Gauge>();
  readonly #counters = new Map<CounterName, Counter>();

  /** Events by what they are, since the text was last asked for: many come with each order. */
  readonly #events = new Map<string, number>();

  constructor() {
    collectDefaultMetrics({ register: this.#registry, prefix: METRIC_PREFIX });
    // Counters by kind are listed before the first of a kind.
    for (const name of COUNTED_BY_KIND) this.#counter(name);
  }

  count(events: readonly ExchangeEvent[]): void {
    for (const { what } of events) this.#events.set(what, (this.#events.get(what) ?? 0) + 1);
  }

  countDuty(kind: string): void {
    this.add("duties_total", 1, { kind });
  }

  countGas(kind: string, gasUsed: bigint): void {
    this.add("duties_gas_total", Number(gasUsed), { kind });
  }

  /** `penalty`: see chain/rpc/endpoint.ts. */
  setEndpoints(health: readonly { readonly origin: string; readonly penalty: number }[]): void {
    for (const { origin, penalty } of health) {
      this.set("endpoint_penalty_requests", penalty, { endpoint: origin });
      // A counter that never counted shows 0.
      this.add("endpoint_failures_total", 0, { endpoint: origin });
    }
  }

  /** `endpoint`: an origin, never a whole URL. */
  countEndpointFailure(endpoint: string): void {
    this.add("endpoint_failures_total", 1, { endpoint });
  }

  /** `weiPerDay`: what duties cost if they go on as lately; undefined while that is unknown. */
  setGasForecast(weiPerDay: bigint | undefined): void {
    this.set("duties_forecast_wei_per_day", Number(weiPerDay ?? Number.NaN));
  }

  setClock(clock: ClockResponse): void {
    this.set("chain_head_block", clock.chainHead);
    this.set("block", clock.block);
    this.set("round", clock.round);
    this.set("quarter", clock.quarter);
    this.set("deadline_blocks", clock.blocksLeft);
    this.set("committed_round", clock.committedRound);
    this.set("halted", clock.haltRound === null ? 0 : 1);
  }

  /** Sets a gauge. */
  set<Name extends GaugeName>(name: Name, value: number, ...labels: LabelsOf<Name>): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ ...describe(name), registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set(labels[0] ?? {}, value);
  }

  /** Adds to a counter. */
  add<Name extends CounterName>(name: Name, value: number, ...labels: LabelsOf<Name>): void {
    this.#counter(name).inc(labels[0] ?? {}, value);
  }

  text(): Promise<string> {
    for (const [what, count] of this.#events) this.add("exchange_events_total", count, { what });
    this.#events.clear();
    return this.#registry.metrics();
  }

  #counter(name: CounterName): Counter {
    const known = this.#counters.get(name);
    if (known !== undefined) return known;
    const made = new Counter({ ...describe(name), registers: [this.#registry] });
    this.#counters.set(name, made);
    return made;
  }
}

const COUNTED_BY_KIND = [
  "exchange_events_total",
  "duties_total",
  "duties_gas_total",
  "endpoint_failures_total",
] as const;

function describe(name: MetricName) {
  const { help, labels }: Metric = METRICS[name];
  return { name: METRIC_PREFIX + name, help, labelNames: [...labels] };
}
