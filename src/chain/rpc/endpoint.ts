/** One endpoint of the chain: who answers there is checked, and how well it does is remembered. */
import { createTransport } from "viem";
import { sleep } from "../../base/sleep.ts";
import { type AnyChainClient, createChainClient } from "../chainClient.ts";
import {
  type Connection,
  overHttp,
  type PublicName,
  publicName,
  type RpcCall,
} from "./connection.ts";
import { kindOf } from "./errorKinds.ts";
import { ChainMismatch, isRefusal, shortMessage } from "./errors.ts";
import { isProviderUrl, overProvider } from "./provider.ts";
import { overWebSocket } from "./webSocket.ts";

export interface EndpointOptions {
  readonly timeoutMs: number;
  /** The chain that the endpoint must serve; undefined: any. */
  readonly chainId: number | undefined;
  /**
   * Called with the result of each request: undefined when it was answered. `failuresBefore`: the
   * endpoint's failures when the request began.
   */
  readonly onOutcome: (endpoint: Endpoint, failure: unknown, failuresBefore: number) => void;
  /** Called once when the endpoint turns out to push no heads: a consumer of heads has to poll. */
  readonly onPolled?: ((endpoint: Endpoint, problem: string) => void) | undefined;
}

/** How an endpoint does, for metrics and for people. */
export interface EndpointHealth {
  readonly origin: string;
  /** The endpoint's score, 0 the best: requests for which others are asked before it. */
  readonly penalty: number;
}

/** Requests for which an endpoint is passed over after its first failure, and at most. */
const FIRST_PENALTY = 8;
const MAX_PENALTY = 256;
/** Answers in a row after which failures are forgotten: some endpoints fail in one thing only. */
const ANSWERS_TO_FORGET = 32;
/** Milliseconds before a lost subscription to heads is renewed, at first and at most. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/** Milliseconds that other endpoints may take to confirm, or to refute, the word of one. */
export const SECOND_WORD_MS = 2000;

/** Methods that an endpoint may lack, and be well: another one says the same. */
const OPTIONAL_METHODS: ReadonlySet<string> = new Set([
  "eth_getBlockReceipts",
  "eth_maxPriorityFeePerGas",
]);

/** Subscriptions in a row that failed, where other questions may pass, before it is only asked. */
const MOST_FAILED_SUBSCRIPTIONS = 3;

export class Endpoint {
  /** Asks this endpoint alone, once. */
  readonly client: AnyChainClient;
  /** As `client`, but counts neither for nor against the endpoint. */
  readonly probing: AnyChainClient;
  readonly #name: PublicName;
  readonly #url: string;
  readonly #options: EndpointOptions;
  #connection: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  /** The connection on which the chain's id was asked last. */
  #checked: Connection | undefined;
  /** Failures that are not forgotten. */
  #failures = 0;
  #answersInRow = 0;
  #penalty = 0;
  #isContradicted = false;
  /** Subscriptions that failed in a row: every other request may still be answered. */
  #failedSubscriptions = 0;
  #isKnownAsPolled = false;

  constructor(url: string, options: EndpointOptions) {
    this.#url = url;
    this.#name = publicName(url);
    this.#options = options;
    this.client = clientOf((call) => this.request(call));
    this.probing = clientOf(async (call) => (await this.#trusted()).request(call));
  }

  /** Scheme, host and port: the rest of a URL may hold a secret. */
  get origin(): string {
    return this.#name.origin;
  }

  /** 0 when it is well, else the requests for which others are asked before it. */
  get penalty(): number {
    return this.#penalty;
  }

  /**
   * Passed over for a fault of its own: to ask it may take long. One that another endpoint merely
   * contradicts may well be the true one, and is none of these.
   */
  get isFailing(): boolean {
    return this.#penalty > 0 && !this.#isContradicted;
  }

  get health(): EndpointHealth {
    return { origin: this.origin, penalty: this.#penalty };
  }

  /** Throws `ChainMismatch`, `EndpointFailed`, or `RpcRefusal`. */
  async request(call: RpcCall): Promise<unknown> {
    const failuresBefore = this.#failures;
    try {
      const result = await (await this.#trusted()).request(call);
      this.#options.onOutcome(this, undefined, failuresBefore);
      return result;
    } catch (error) {
      const isSpared = OPTIONAL_METHODS.has(call.method) && kindOf(error) === "unsupported";
      if (!isSpared) this.#options.onOutcome(this, error, failuresBefore);
      throw error;
    }
  }

  /**
   * The results of calls that are asked at once, in one request where the connection has such, in
   * the order of the calls: undefined for each that was not answered so. That is no failure: by
   * itself it may be answered. Throws as `request` does where none was.
   */
  async requestAll(calls: readonly RpcCall[]): Promise<readonly unknown[]> {
    const results = await (await this.#trusted()).requestAll(calls);
    this.#options.onOutcome(this, undefined, this.#failures);
    return results;
  }

  /** The endpoint answered. */
  succeeded(): void {
    this.#answersInRow += 1;
    if (this.#answersInRow >= ANSWERS_TO_FORGET) this.#failures = 0;
  }

  failed(): void {
    this.#penalty = Math.min(MAX_PENALTY, FIRST_PENALTY * 2 ** this.#failures);
    this.#failures += 1;
    this.#answersInRow = 0;
  }

  /**
   * No answer came: to ask again may take long, whatever others say. Requests that were under way
   * at the same time are one failure.
   */
  unanswered(failuresBefore: number): void {
    if (this.#failures > failuresBefore && this.isFailing) return;
    this.failed();
    this.#isContradicted = false;
  }

  /** Another endpoint says otherwise, and by words alone nobody knows which of them is wrong. */
  contradicted(): void {
    this.failed();
    this.#isContradicted = true;
  }

  /** Passed over for as long as may be: by another's word, its answers are not the chain's. */
  suspend(): void {
    this.contradicted();
    this.#penalty = MAX_PENALTY;
  }

  /** Asked in its turn again. Its failures count on: the next one costs it more. */
  forgive(): void {
    this.#penalty = 0;
    this.#isContradicted = false;
  }

  /** A request was answered, here or elsewhere. */
  recover(): void {
    this.#penalty = Math.max(0, this.#penalty - 1);
    if (this.#penalty === 0) this.#isContradicted = false;
  }

  /**
   * Tells of each new head, as far as the endpoint pushes them, until `signal` is aborted. That it
   * pushes none says nothing against it: it can be asked.
   */
  async watchHeads(onHead: () => void, signal: AbortSignal): Promise<void> {
    if (!isWebSocket(this.#url)) return;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted && this.#failedSubscriptions < MOST_FAILED_SUBSCRIPTIONS) {
      try {
        const connection = await this.#trusted();
        await this.#subscribe(connection, signal, () => {
          pauseMs = FIRST_PAUSE_MS;
          onHead();
        });
      } catch (error) {
        this.#options.onOutcome(this, error, this.#failures);
      }
      await sleep(pauseMs, signal).catch(() => {});
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  }

  /** Resolves when it ends. Throws what broke the connection, until it breaks each one. */
  async #subscribe(connection: Connection, signal: AbortSignal, onHead: () => void): Promise<void> {
    try {
      await connection.watchHeads?.(onHead, signal);
      this.#failedSubscriptions = 0;
    } catch (error) {
      // A limit may be lifted; whatever else it says of this method, it will say again.
      const isFinal = isRefusal(error) && kindOf(error) !== "limited";
      this.#failedSubscriptions += isFinal ? MOST_FAILED_SUBSCRIPTIONS : 1;
      const isPolled = isRefusal(error) || this.#failedSubscriptions >= MOST_FAILED_SUBSCRIPTIONS;
      if (!isPolled) throw error;
      if (!this.#isKnownAsPolled) this.#options.onPolled?.(this, shortMessage(error));
      this.#isKnownAsPolled = true;
    }
  }

  /** A connection whose far end is known to serve our chain. */
  async #trusted(): Promise<Connection> {
    const connection = await this.#open();
    const { chainId } = this.#options;
    if (chainId === undefined || this.#checked === connection) return connection;
    const served = Number(await connection.request({ method: "eth_chainId" }));
    if (served !== chainId) {
      throw new ChainMismatch([{ origin: this.origin, chainId: served }], chainId);
    }
    this.#checked = connection;
    return connection;
  }

  /** At most one connection is opened at a time, for all callers. */
  async #open(): Promise<Connection> {
    if (this.#connection !== undefined && !this.#connection.lost) return this.#connection;
    this.#opening ??= this.#dial().finally(() => {
      this.#opening = undefined;
    });
    this.#connection = await this.#opening;
    return this.#connection;
  }

  async #dial(): Promise<Connection> {
    const { timeoutMs } = this.#options;
    if (isProviderUrl(this.#url)) return overProvider(this.#url, this.#name, timeoutMs);
    const dial = isWebSocket(this.#url) ? overWebSocket : overHttp;
    return dial(this.#url, this.#name, timeoutMs);
  }
}

function clientOf(request: (call: RpcCall) => Promise<unknown>): AnyChainClient {
  const rest = { key: "endpoint", name: "Endpoint", type: "endpoint", retryCount: 0 } as const;
  return createChainClient(() => createTransport({ ...rest, request: request as never }));
}

function isWebSocket(url: string): boolean {
  return /^wss?:/i.test(url);
}
