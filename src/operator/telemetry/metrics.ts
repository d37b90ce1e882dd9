/** Figures for Prometheus. Names carry their unit last; one prefix for all. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ExchangeEvent } from "../../exchange/model/outcome.ts";
import type { ClockResponse } from "../api/operatorApi.ts";

export class Metrics {
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  readonly #counters = new Map<string, Counter>();
  readonly #events: Counter<"what">;
  readonly #duties: Counter<"kind">;
  readonly #gas: Counter<"kind">;
  readonly #endpointFailures: Counter<"endpoint">;
  readonly #endpointPenalty: Gauge<"endpoint">;

  constructor() {
    collectDefaultMetrics({ register: this.#registry, prefix: "quarterdeck_" });
    this.#events = this.#counter(
      "quarterdeck_exchange_events_total",
      "What the exchange did, by kind",
      "what",
    );
    this.#duties = this.#counter("quarterdeck_duties_total", "Duties carried out", "kind");
    this.#gas = this.#counter("quarterdeck_duties_gas_total", "Gas used for duties", "kind");
    this.#endpointFailures = this.#counter(
      "quarterdeck_endpoint_failures_total",
      "Requests that an endpoint of the chain did not answer as it should",
      "endpoint",
    );
    this.#endpointPenalty = new Gauge({
      name: "quarterdeck_endpoint_penalty_requests",
      help: "Requests for which an endpoint of the chain is passed over; 0 when it is well",
      labelNames: ["endpoint"],
      registers: [this.#registry],
    });
  }

  count(events: readonly ExchangeEvent[]): void {
    for (const { what } of events) this.#events.inc({ what });
  }

  countDuty(kind: string): void {
    this.#duties.inc({ kind });
  }

  countGas(kind: string, gasUsed: bigint): void {
    this.#gas.inc({ kind }, Number(gasUsed));
  }

  /** `penalty`: see chain/rpc/endpoint.ts. */
  setEndpoints(health: readonly { readonly origin: string; readonly penalty: number }[]): void {
    for (const { origin, penalty } of health) {
      this.#endpointPenalty.set({ endpoint: origin }, penalty);
      // One that never failed shows so.
      this.#endpointFailures.inc({ endpoint: origin }, 0);
    }
  }

  /** `endpoint`: an origin, never a whole URL. */
  countEndpointFailure(endpoint: string): void {
    this.#endpointFailures.inc({ endpoint });
  }

  /** `weiPerDay`: what duties cost if they go on as lately; undefined while that is unknown. */
  setGasForecast(weiPerDay: bigint | undefined): void {
    const help = "Wei a day for duties, as they were lately, at the prices of now";
    this.set("duties_forecast_wei_per_day", help, Number(weiPerDay ?? Number.NaN));
  }

  setClock(clock: ClockResponse): void {
    this.set("chain_head_block", "Newest block of the chain", clock.chainHead);
    this.set("block", "The exchange's own block", clock.block);
    this.set("round", "Current round", clock.round);
    this.set("quarter", "Current quarter", clock.quarter);
    this.set("deadline_blocks", "Blocks until the next quarter", clock.blocksLeft);
    this.set("committed_round", "Last round committed on chain", clock.committedRound);
    this.set("halted", "1 when HALTED", clock.haltRound === null ? 0 : 1);
  }

  /**
   * Sets the gauge `quarterdeck_<name>`, making it if need be; each time with the same label names.
   */
  set(
    name: string,
    help: string,
    value: number,
    labels: Readonly<Record<string, string>> = {},
  ): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      const labelNames = Object.keys(labels);
      const registers = [this.#registry];
      gauge = new Gauge({ name: `quarterdeck_${name}`, help, labelNames, registers });
      this.#gauges.set(name, gauge);
    }
    gauge.set(labels, value);
  }

  /** Adds to the counter `quarterdeck_<name>`, making it if need be. */
  add(
    name: string,
    help: string,
    value: number,
    labels: Readonly<Record<string, string>> = {},
  ): void {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      const labelNames = Object.keys(labels);
      const registers = [this.#registry];
      counter = new Counter({ name: `quarterdeck_${name}`, help, labelNames, registers });
      this.#counters.set(name, counter);
    }
    counter.inc(labels, value);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #counter<Label extends string>(name: string, help: string, label: Label): Counter<Label> {
    return new Counter({ name, help, labelNames: [label], registers: [this.#registry] });
  }
}
