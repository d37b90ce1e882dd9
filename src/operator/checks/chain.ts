/**
 * Whether the chain goes on, whether we see its newest block, and whether its clock and ours agree.
 * Protocol time is blocks: clocks are compared only to find a machine or an endpoint that is wrong.
 */
import type { BlockNumber } from "../../protocol/units.ts";
import type { Check, Reading } from "../health/check.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** A block's header. */
export interface SeenBlock {
  readonly number: BlockNumber;
  /** Seconds since 1970, by the producer of the block. */
  readonly timestamp: number;
}

export interface Endpoint {
  /** Without what may be a secret in its address. */
  readonly label: string;
  /** The endpoint's newest block. Rejects when there is no answer within a bound of its own. */
  readonly readHead: () => Promise<SeenBlock>;
}

export interface ChainOptions {
  readonly endpoints: readonly Endpoint[];
  readonly rpcLagBlocks: Levels;
  readonly rpcDownEndpoints: Levels;
  readonly chainSilenceSeconds: Levels;
  readonly clockSkewSeconds: Levels;
  readonly metrics: Metrics;
  /** Milliseconds, never going back. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

export interface ChainCheck extends Check {
  /** Called with each new head as soon as the node hears of it. */
  heard(block: SeenBlock): void;
}

export function chainCheck(options: ChainOptions): ChainCheck {
  const { endpoints, metrics } = options;
  let followed: BlockNumber | undefined;
  let newest: SeenBlock | undefined;
  let newestSince = options.now();
  /** Seconds, chain minus ours, of the heads heard since the last poll. */
  let skews: number[] = [];
  let skew: number | undefined;

  const see = (block: SeenBlock) => {
    if (newest !== undefined && block.number <= newest.number) return;
    newest = block;
    newestSince = options.now();
  };
  const probeClocks = (): Reading[] => {
    // The one heard with the least delay tells most about the clocks.
    if (skews.length > 0) skew = skews.reduce((a, b) => (Math.abs(b) < Math.abs(a) ? b : a));
    skews = [];
    const silence = (options.now() - newestSince) / 1000;
    metrics.set("chain_silence_seconds", silence);
    if (newest !== undefined) {
      const age = options.wallClock() / 1000 - newest.timestamp;
      metrics.set("chain_head_age_seconds", age);
    }
    metrics.set("clock_skew_seconds", skew ?? 0);
    return [silenceReading(options.chainSilenceSeconds, silence, newest), skewReading(skew)];
  };
  const skewReading = (seconds: number | undefined): Reading => ({
    check: "clockSkew",
    levels: options.clockSkewSeconds,
    value: Math.abs(seconds ?? 0),
    detail: skewInWords(seconds),
    hint: "Check this machine's clock (NTP) first, then whether the endpoints serve live blocks.",
  });
  return {
    name: "chain",
    heard: (block) => {
      // The first one may be of any age: nobody knows how long it was there before us.
      if (followed !== undefined) skews.push(block.timestamp - options.wallClock() / 1000);
      followed = block.number;
      see(block);
    },
    probe: async () => {
      const heads = await Promise.allSettled(endpoints.map(({ readHead }) => readHead()));
      for (const head of heads) if (head.status === "fulfilled") see(head.value);
      const best = newest?.number ?? 0;
      heads.forEach((head, i) => {
        const labels = { endpoint: endpoints[i]?.label as string };
        const up = head.status === "fulfilled";
        metrics.set("rpc_endpoint_up", up ? 1 : 0, labels);
        const lag = up ? Math.max(0, best - head.value.number) : Number.NaN;
        metrics.set("rpc_endpoint_lag_blocks", lag, labels);
      });
      const down = endpoints.filter((_, i) => heads[i]?.status === "rejected");
      const lag = followed === undefined ? 0 : Math.max(0, best - followed);
      metrics.set("rpc_lag_blocks", lag);
      metrics.set("rpc_down_endpoints", down.length);
      return [
        lagReading(options.rpcLagBlocks, lag, best),
        downReading(options.rpcDownEndpoints, down, endpoints.length),
        ...probeClocks(),
      ];
    },
  };
}

function lagReading(levels: Levels, lag: number, best: BlockNumber): Reading {
  return {
    check: "rpcLag",
    levels,
    value: lag,
    detail: `${lag} blocks behind the best endpoint, at ${best}`,
    hint: "Look at the endpoint that answers (rpc_endpoint_lag_blocks); reorder `rpc` if it lags.",
  };
}

function downReading(levels: Levels, down: readonly Endpoint[], count: number): Reading {
  const names = down.map(({ label }) => label).join(", ");
  return {
    check: "rpcEndpoints",
    levels,
    value: down.length,
    detail: down.length === 0 ? `all ${count} answer` : `${down.length} of ${count} down: ${names}`,
    hint: "Bring the endpoint back, or take it out of `rpc`.",
  };
}

function silenceReading(levels: Levels, silence: number, newest: SeenBlock | undefined): Reading {
  return {
    check: "chainSilence",
    levels,
    value: silence,
    detail: `${Math.round(silence)} s since block ${newest?.number ?? "(none seen)"}`,
    hint: "Check the endpoints against a block explorer: they, or the chain itself, stand still.",
  };
}

function skewInWords(seconds: number | undefined): string {
  if (seconds === undefined) return "not known before the second block";
  const size = `${Math.abs(seconds).toFixed(1)} s`;
  return seconds > 0 ? `the chain's clock is ${size} ahead of ours` : `new blocks are ${size} old`;
}
