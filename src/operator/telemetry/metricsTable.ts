/** Every metric of its own that an operator exports: the one list of names, units and labels. */

export interface Metric {
  readonly type: "gauge" | "counter";
  /** One of Prometheus's base units, or what is counted. */
  readonly unit: string;
  readonly help: string;
  readonly labels: readonly string[];
}

function gauge<Labels extends readonly string[]>(unit: string, help: string, ...labels: Labels) {
  return { type: "gauge", unit, help, labels } as const;
}

function counter<Labels extends readonly string[]>(unit: string, help: string, ...labels: Labels) {
  return { type: "counter", unit, help, labels } as const;
}

/** The prefix of each name. */
export const METRIC_PREFIX = "quarterdeck_";

/** By name without the prefix. A name ends with its unit, or with `total` where it counts up. */
export const METRICS = {
  alerts_total: counter("alerts", "Alerts to webhooks, by outcome", "outcome"),
  attestations_missing: gauge("operators", "Operators that must still attest the commit at hand"),
  block: gauge("block", "The exchange's own block"),
  chain_head_age_seconds: gauge("seconds", "Age of the newest block by our clock"),
  chain_head_block: gauge("block", "Newest block of the chain"),
  chain_silence_seconds: gauge("seconds", "Since the last new block of the chain"),
  check_state: gauge("state", "0 ok, 1 warn, 2 failed; by check", "check"),
  claims_skipped_total: counter(
    "slots",
    "Slots for which a claim of ours would have changed nothing",
  ),
  clock_skew_seconds: gauge("seconds", "Clock of the chain minus ours, at each new block"),
  commit_quorum: gauge("operators", "Operators that a commit takes"),
  committed_round: gauge("round", "Last round committed on chain"),
  database_up: gauge("yes or no", "1 while the shared journal's database takes writes"),
  deadline_blocks: gauge("blocks", "Blocks until the next quarter"),
  disk_free_bytes: gauge("bytes", "Room for data, by folder", "folder"),
  disk_free_inodes: gauge("inodes", "Room for files, by folder", "folder"),
  disk_left_seconds: gauge("seconds", "Time until the disk is full at this pace", "folder"),
  duties_forecast_wei_per_day: gauge(
    "wei per day",
    "Wei a day for duties, as they were lately, at the prices of now",
  ),
  duties_gas_total: counter("gas", "Gas used for duties", "kind"),
  duties_total: counter("duties", "Duties carried out", "kind"),
  duty_left_blocks: gauge("blocks", "Until the nearest deadline, by kind", "kind"),
  endpoint_failures_total: counter(
    "requests",
    "Requests that an endpoint of the chain did not answer as it should",
    "endpoint",
  ),
  endpoint_penalty_requests: gauge(
    "requests",
    "Requests for which an endpoint of the chain is passed over; 0 when it is well",
    "endpoint",
  ),
  event_loop_delay_seconds: gauge(
    "seconds",
    "Delay of the event loop since the last poll, 99th percentile",
  ),
  exchange_events_total: counter("events", "What the exchange did, by kind", "what"),
  halt_left_blocks: gauge("blocks", "Until HALTED if nothing more is done"),
  halted: gauge("yes or no", "1 when HALTED"),
  heap_limit_bytes: gauge("bytes", "Heap at which V8 gives up"),
  heap_used_bytes: gauge("bytes", "Heap that V8 uses"),
  journal_flush_age_seconds: gauge("seconds", "Since the last flush ended"),
  journal_flush_seconds: gauge("seconds", "Longest flush since the last look"),
  journal_lag_blocks: gauge("blocks", "Final blocks not yet in the journal"),
  journal_waiting_entries: gauge("entries", "Entries that wait to be written"),
  key_balance_ether: gauge("ether", "Ether of the operator's key"),
  key_left_seconds: gauge("seconds", "Time until the key is empty at this pace"),
  key_spent_ether_per_day: gauge("ether per day", "Paid by the operator's key"),
  late_duties: gauge("duties", "Open duties that can no longer be done in time"),
  leading: gauge("yes or no", "1 while this operator takes orders"),
  memory_limit_bytes: gauge("bytes", "Of the container, or else of the machine"),
  memory_used_bytes: gauge("bytes", "Resident memory of the process"),
  open_duties: gauge("duties", "Open duties, by kind", "kind"),
  operator_registered: gauge("yes or no", "1 when the manager knows us"),
  quarter: gauge("quarter", "Current quarter"),
  roots_diverged: gauge(
    "attestations",
    "Attestations of other roots than ours, in the last round looked at",
  ),
  round: gauge("round", "Current round"),
  rpc_down_endpoints: gauge("endpoints", "Endpoints that do not answer"),
  rpc_endpoint_lag_blocks: gauge("blocks", "Behind the best endpoint", "endpoint"),
  rpc_endpoint_up: gauge("yes or no", "1 when the endpoint answers", "endpoint"),
  rpc_lag_blocks: gauge("blocks", "Blocks by which what we follow is behind"),
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;
type OfType<Type extends Metric["type"]> = {
  [Name in MetricName]: (typeof METRICS)[Name]["type"] extends Type ? Name : never;
}[MetricName];
export type GaugeName = OfType<"gauge">;
export type CounterName = OfType<"counter">;
type LabelNames<Name extends MetricName> = (typeof METRICS)[Name]["labels"][number];
/** The labels that a metric must be given, and no others: nothing where it has none. */
export type LabelsOf<Name extends MetricName> = [LabelNames<Name>] extends [never]
  ? []
  : [labels: Readonly<Record<LabelNames<Name>, string>>];
