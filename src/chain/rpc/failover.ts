/**
 * One JSON-RPC connection made of several endpoints. The healthiest answers; one that fails is
 * passed over for a number of requests that doubles with each failure, so that a dead endpoint, or
 * one that fails in one thing only, costs little, and a recovered one is found again.
 */
import { createTransport, type Transport } from "viem";
import { QuarterdeckError } from "../../base/errors.ts";
import { sleep as sleepMs } from "../../base/sleep.ts";
import type { RpcCall } from "./connection.ts";
import { Endpoint, type EndpointHealth } from "./endpoint.ts";
import { isCallersError, kindOf } from "./errorKinds.ts";
import { failureToTell, shortMessage } from "./errors.ts";

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
  /** Called for each failure. `endpoint` is an origin: the rest of a URL may hold a secret. */
  readonly onFailure?: (endpoint: string, problem: string) => void;
  /** Called once for an endpoint that could push heads and does not: it is polled for them. */
  readonly onPolled?: (endpoint: string, problem: string) => void;
}

/** The endpoints behind one client, and their state. */
export interface Endpoints {
  /**
   * The healthiest first, among equals the one whose turn it is. Each answers by itself: no other
   * takes its place.
   */
  readonly endpoints: () => readonly Endpoint[];
  readonly health: () => EndpointHealth[];
  /** Passes an endpoint over for a while: what it answered is of no use. */
  readonly demote: (endpoint: Endpoint, problem: string) => void;
  /** Passes over one that another contradicts: it is still asked whether logs are complete. */
  readonly contradict: (endpoint: Endpoint, problem: string) => void;
  /** Has others asked before this one for as long as may be. */
  readonly suspend: (endpoint: Endpoint, problem: string) => void;
  /**
   * Has the next endpoint that does not fail asked first, with what was said against it forgiven:
   * nothing is held against the one before, whose turn comes again. While it fails the next in turn
   * stands in. Undefined: there is no other.
   */
  readonly rotate: () => Endpoint | undefined;
  /** Ends the turns: the healthiest is first again. */
  readonly endRotation: () => void;
}

export type FailoverTransport = Transport<"failover", Endpoints>;

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_RETRIES = 2;
const DEFAULT_PAUSE_MS = 150;

/** `urls`: http, https, ws or wss; best first, at least one. */
export function failover(
  urls: readonly string[],
  options: FailoverOptions = {},
): FailoverTransport {
  if (urls.length === 0) {
    throw new QuarterdeckError({
      code: "NoEndpoint",
      message: "No chain endpoint is configured.",
      hint: "Name at least one JSON-RPC URL.",
    });
  }
  return () => {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, chainId } = options;
    const demote = (endpoint: Endpoint, problem: string) => {
      endpoint.failed();
      options.onFailure?.(endpoint.origin, problem);
    };
    const contradict = (endpoint: Endpoint, problem: string) => {
      endpoint.contradicted();
      options.onFailure?.(endpoint.origin, problem);
    };
    const suspend = (endpoint: Endpoint, problem: string) => {
      endpoint.suspend();
      options.onFailure?.(endpoint.origin, problem);
    };
    const onOutcome = (endpoint: Endpoint, failure: unknown, failuresBefore: number) => {
      if (failure !== undefined && !isCallersError(failure)) {
        endpoint.unanswered(failuresBefore);
        options.onFailure?.(endpoint.origin, shortMessage(failure));
        return;
      }
      for (const other of all) other.recover();
      endpoint.succeeded();
    };
    const onPolled = ({ origin }: Endpoint, problem: string) => options.onPolled?.(origin, problem);
    const shared = { timeoutMs, chainId, onOutcome, onPolled };
    const all = urls.map((url) => new Endpoint(url, shared));
    const turns = new Turns(all);
    const endpoints = () => turns.order();
    const health = () => all.map((endpoint) => endpoint.health);
    const request = (call: RpcCall) => requestOf(endpoints, call, options);
    const rest = { key: "failover", name: "Failover", type: "failover", retryCount: 0 } as const;
    return createTransport(
      { ...rest, request: request as never },
      {
        endpoints,
        health,
        demote,
        contradict,
        suspend,
        rotate: () => turns.next(),
        endRotation: () => turns.end(),
      },
    );
  };
}

/** The order in which endpoints are asked: by health, and among equals by whose turn it is. */
class Turns {
  readonly #all: readonly Endpoint[];
  /** The place of the last that had a turn: kept between rotations, so that each has one. */
  #place = 0;
  #isOn = false;

  constructor(all: readonly Endpoint[]) {
    this.#all = all;
  }

  /** The next in turn stands in for one that fails. */
  order(): readonly Endpoint[] {
    const from = this.#isOn ? this.#place : 0;
    const turned = [...this.#all.slice(from), ...this.#all.slice(0, from)];
    return turned.sort((a, b) => a.penalty - b.penalty);
  }

  next(): Endpoint | undefined {
    const [first] = this.order();
    const count = this.#all.length;
    for (let step = 1; step <= count; step++) {
      const place = (this.#place + step) % count;
      const one = this.#all[place];
      if (one === undefined || one === first || one.isFailing) continue;
      one.forgive();
      this.#place = place;
      this.#isOn = true;
      return one;
    }
    return undefined;
  }

  end(): void {
    this.#isOn = false;
  }
}

async function requestOf(
  endpoints: () => readonly Endpoint[],
  call: RpcCall,
  options: FailoverOptions,
): Promise<unknown> {
  const { retries = DEFAULT_RETRIES, pauseMs = DEFAULT_PAUSE_MS, sleep = sleepMs } = options;
  let failure: unknown;
  let refusal: unknown;
  for (let round = 0; round <= retries; round++) {
    if (round > 0) await sleep(pauseMs * 2 ** (round - 1));
    let isServedNowhere = true;
    for (const endpoint of endpoints()) {
      try {
        return await endpoint.request(call);
      } catch (error) {
        const kind = kindOf(error);
        // Some know fewer arguments than others; that is no failure.
        if (kind === "badRequest") refusal ??= error;
        else if (isCallersError(error)) throw error;
        isServedNowhere &&= kind === "unsupported" || kind === "badRequest";
        failure = failureToTell(failure, error);
      }
    }
    // None will have learned the method by the next round.
    if (isServedNowhere) break;
  }
  throw refusal ?? failure;
}
