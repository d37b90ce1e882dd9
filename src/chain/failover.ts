/**
 * One JSON-RPC connection made of several endpoints. The healthiest answers; one that fails is
 * passed over for a number of requests that doubles with each failure in a row, so that a dead
 * endpoint costs little and a recovered one is found again.
 */
import { setTimeout as sleepMs } from "node:timers/promises";
import { createTransport, http, type Transport } from "viem";
import { QuarterdeckError } from "../base/errors.ts";
import { ChainMismatch, isCallersError, shortMessage } from "./errors.ts";

export interface FailoverOptions {
  /** Milliseconds that one request to one endpoint may take, its body included. */
  readonly timeoutMs?: number;
  /** Further rounds over all endpoints, with doubling pauses, once none of them answered. */
  readonly retries?: number;
  /** Milliseconds before the first further round. */
  readonly pauseMs?: number;
  /** An endpoint of another chain counts as failed; undefined: any chain will do. */
  readonly chainId?: number;
  /** Waits for that many milliseconds. */
  readonly sleep?: (ms: number) => Promise<unknown>;
  /** Told of each failure. `endpoint` is an origin: the rest of a URL may hold a secret. */
  readonly onFailure?: (endpoint: string, problem: string) => void;
}

export type FailoverTransport = Transport<
  "failover",
  {
    /**
     * How often the answers came from another endpoint than the one before. Two readings that are
     * equal bracket answers of one endpoint.
     */
    readonly switches: () => number;
  }
>;

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_RETRIES = 2;
const DEFAULT_PAUSE_MS = 150;
/** Requests for which an endpoint is passed over after its first failure, and at most. */
const FIRST_REST = 8;
const LONGEST_REST = 256;

interface Endpoint {
  readonly origin: string;
  readonly request: (call: RpcCall) => Promise<unknown>;
  failuresInRow: number;
  /** Answered requests until it is preferred again by its place in the list. */
  rest: number;
}

interface RpcCall {
  readonly method: string;
  readonly params?: unknown;
}

/** `urls`: best first, at least one. */
export function failover(
  urls: readonly string[],
  options: FailoverOptions = {},
): FailoverTransport {
  if (urls.length === 0) {
    throw new QuarterdeckError({
      code: "NoEndpoint",
      message: "No chain endpoint is configured.",
      mend: "Name at least one JSON-RPC URL.",
    });
  }
  return () => {
    const endpoints = urls.map((url) => endpointOf(url, options));
    let switches = 0;
    let lastAnswered: Endpoint | undefined;
    const answered = (endpoint: Endpoint) => {
      if (lastAnswered !== undefined && lastAnswered !== endpoint) switches += 1;
      lastAnswered = endpoint;
      for (const other of endpoints) other.rest = Math.max(0, other.rest - 1);
      endpoint.failuresInRow = 0;
      endpoint.rest = 0;
    };
    const request = (call: RpcCall) => requestOf(endpoints, call, options, answered);
    const rest = { key: "failover", name: "Failover", type: "failover", retryCount: 0 } as const;
    return createTransport({ ...rest, request: request as never }, { switches: () => switches });
  };
}

async function requestOf(
  endpoints: readonly Endpoint[],
  call: RpcCall,
  options: FailoverOptions,
  answered: (endpoint: Endpoint) => void,
): Promise<unknown> {
  const { retries = DEFAULT_RETRIES, pauseMs = DEFAULT_PAUSE_MS, sleep = sleepMs } = options;
  let failure: unknown;
  for (let round = 0; round <= retries; round++) {
    if (round > 0) await sleep(pauseMs * 2 ** (round - 1));
    for (const endpoint of [...endpoints].sort((a, b) => a.rest - b.rest)) {
      try {
        const result = await endpoint.request(call);
        answered(endpoint);
        return result;
      } catch (error) {
        if (isCallersError(error)) {
          answered(endpoint);
          throw error;
        }
        failure = error;
        endpoint.rest = Math.min(LONGEST_REST, FIRST_REST * 2 ** endpoint.failuresInRow);
        endpoint.failuresInRow += 1;
        options.onFailure?.(endpoint.origin, shortMessage(error));
      }
    }
  }
  throw failure;
}

function endpointOf(url: string, options: FailoverOptions): Endpoint {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, chainId } = options;
  const { request } = http(url, { retryCount: 0, timeout: timeoutMs })({});
  // The library's own timeout ends with the headers: an answer that never ends needs a signal.
  const ask = (call: RpcCall): Promise<unknown> =>
    request(call as never, { signal: AbortSignal.timeout(timeoutMs) } as never);
  let checked = chainId === undefined;
  return {
    origin: new URL(url).origin,
    request: async (call) => {
      if (!checked) {
        const served = Number(await ask({ method: "eth_chainId" }));
        if (served !== chainId) throw new ChainMismatch([chainId as number, served]);
        checked = true;
      }
      return ask(call);
    },
    failuresInRow: 0,
    rest: 0,
  };
}
