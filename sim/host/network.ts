/**
 * The chain's endpoints, over a network that loses, delays and cuts. Each has a head of its own;
 * what it says follows from that head, as it does with real nodes that lag or sit on a fork.
 */
import type { Hex } from "../../src/base/hex.ts";
import type { Block } from "../chain/block.ts";
import type { Chain } from "../chain/chain.ts";
import type { Clock, Process } from "./clock.ts";
import type { Dialect } from "./dialects.ts";
import {
  type EndpointFault,
  isHidden,
  logsBy,
  prunedBy,
  type Refused,
  refusalBy,
  shapedBy,
  withInvented,
  withMoved,
} from "./endpointFaults.ts";
import type { Answer } from "./globals.ts";
import { lieOf } from "./lies.ts";
import type { Random } from "./random.ts";
import { blockOf, type NodeHooks, RpcError, type RpcLog, RpcNode } from "./rpcNode.ts";

/**
 * well: as it should. down: refuses connections. silent: takes requests and never answers.
 * failing: HTTP 500. limited: too many requests. lagging: some blocks behind. stuck: stays at the
 * block it had, fork or not. pooled: behind one address several nodes, some of which lag.
 * empty: knows the blocks, and of logs none. forgetful: finds no receipts.
 */
export type FaultMode =
  | "well"
  | "down"
  | "silent"
  | "failing"
  | "limited"
  | "lagging"
  | "stuck"
  | "pooled"
  | "empty"
  | "forgetful";

/** Calls in one batch that an endpoint answers, by its words: many, few, none. */
const MOST_IN_BATCH = [1000, 100, 1000, 10, 3, 0] as const;

export interface Endpoint {
  readonly url: string;
  readonly dialect: Dialect;
  mode: FaultMode;
  /** The faults in an endpoint's answers, whatever its mode. */
  faults: ReadonlySet<EndpointFault>;
  /** Which of many words it has for its refusals. */
  readonly words: number;
  /** Blocks by which it lags. */
  lag: number;
  stuckAt: Block | undefined;
}

export interface NetworkOptions extends NodeHooks {
  readonly endpoints: readonly { readonly dialect: Dialect; readonly scheme: "http" | "ws" }[];
  /** Whether `process` is cut off from the endpoint at `index`. */
  readonly isCut?: (process: Process | undefined, index: number) => boolean;
}

/** Made-up blocks of which one more comes with each true one: as many, less one. */
const MOST_CREPT = 20;
/** Made-up blocks at least: fewer may come at once after a pause, and look like true ones. */
const LEAST_INVENTED = 8;

interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params?: readonly unknown[];
}

export class Network {
  readonly endpoints: readonly Endpoint[];
  readonly #chain: Chain;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Of faults that older worlds do not have: what they draw changes nothing of these. */
  readonly #faultRandom: Random;
  readonly #options: NetworkOptions;
  readonly #node: RpcNode;
  /** The last answer of each endpoint. */
  readonly #lastAnswers = new Map<Endpoint, string>();
  /** Heads in a row at which an endpoint was well. */
  readonly #wellHeads = new Map<Endpoint, number>();
  readonly #subscribers = new Set<{ readonly endpoint: Endpoint; readonly push: () => void }>();

  constructor(chain: Chain, clock: Clock, random: Random, options: NetworkOptions) {
    this.#chain = chain;
    this.#clock = clock;
    this.#random = random;
    this.#faultRandom = random.split("faults");
    this.#options = options;
    this.#node = new RpcNode(chain, options);
    this.endpoints = options.endpoints.map(({ dialect, scheme }, i) => ({
      url: `${scheme}://node-${i}.sim`,
      dialect,
      mode: "well" as const,
      faults: new Set<EndpointFault>(),
      lag: 0,
      stuckAt: undefined,
      words: this.#faultRandom.int(0, 1000),
    }));
  }

  endpointOf(url: string): Endpoint {
    const endpoint = this.endpoints.find((one) => url.startsWith(one.url));
    if (endpoint === undefined) throw new TypeError(`no such host: ${url}`);
    return endpoint;
  }

  /** The result of a process's `fetch`: after a while, or never. */
  request(url: string, body: string): Promise<Answer> {
    const endpoint = this.endpointOf(url);
    const { process } = this.#clock;
    const there = this.#random.int(2, 25);
    const back = this.#random.int(2, 25);
    return new Promise((resolve, reject) => {
      // The request arrives whatever becomes of the process that sent it.
      this.#clock.after(there, () => {
        const answer = this.arrive(endpoint, body, process);
        if (answer === undefined) return;
        const settle = () => {
          if (answer instanceof Error) reject(answer);
          else resolve(answer);
        };
        if (process === undefined) settle();
        else this.#clock.ofProcess(back, settle, process);
      });
    });
  }

  /** The response: an error where there is no connection, undefined where nothing comes back. */
  arrive(endpoint: Endpoint, body: string, process?: Process): Answer | Error | undefined {
    if (this.isCut(endpoint, process)) return undefined;
    switch (endpoint.mode) {
      case "down":
        return new TypeError("fetch failed: connection refused");
      case "silent":
        return undefined;
      case "failing":
        return { status: 500, text: JSON.stringify("internal error") };
      case "limited":
        return refusedWith(body, { status: 200, code: -32005, message: "too many requests" });
      default:
        return this.#answer(endpoint, body);
    }
  }

  isCut(endpoint: Endpoint, process: Process | undefined): boolean {
    return this.#options.isCut?.(process, this.endpoints.indexOf(endpoint)) ?? false;
  }

  /** Calls `push` at each new head of the endpoint; gives the function that ends it. */
  subscribe(endpoint: Endpoint, push: () => void): () => void {
    const subscriber = { endpoint, push };
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** The chain has a new head. */
  announceHead(): void {
    for (const endpoint of this.endpoints) {
      const heads = this.#wellHeads.get(endpoint) ?? 0;
      this.#wellHeads.set(endpoint, endpoint.mode === "well" ? heads + 1 : 0);
    }
    for (const { endpoint, push } of this.#subscribers) {
      if (endpoint.mode === "well") push();
    }
  }

  #answer(endpoint: Endpoint, body: string): Answer {
    const { faults } = endpoint;
    const refused =
      faults.size === 0 ? undefined : refusalBy(faults, this.#faultRandom, endpoint.words);
    if (refused !== undefined) return refusedWith(body, refused);
    const asked = JSON.parse(body) as RpcRequest | readonly RpcRequest[];
    if (Array.isArray(asked)) return this.#answerAll(endpoint, asked);
    const { id, method, params = [] } = asked as RpcRequest;
    const text = this.#textOf(endpoint, id, method, params);
    const last = this.#lastAnswers.get(endpoint);
    this.#lastAnswers.set(endpoint, text);
    const isOther = faults.has("wrongId") && this.#faultRandom.chance(0.15);
    return { status: 200, text: isOther ? (last ?? text) : text };
  }

  /** Of a batch that an endpoint refuses it answers nothing, or the first few; in any order. */
  #answerAll(endpoint: Endpoint, asked: readonly RpcRequest[]): Answer {
    const most = MOST_IN_BATCH[endpoint.words % MOST_IN_BATCH.length] as number;
    const isCut = endpoint.words % 2 === 0;
    if (asked.length > most && !isCut) {
      const error = { code: -32600, message: "batch too large" };
      return { status: 200, text: JSON.stringify({ jsonrpc: "2.0", id: null, error }) };
    }
    const texts = asked
      .slice(0, most)
      .map(({ id, method, params = [] }) => this.#textOf(endpoint, id, method, params));
    return { status: 200, text: `[${texts.toReversed().join()}]` };
  }

  #textOf(endpoint: Endpoint, id: number, method: string, params: readonly unknown[]): string {
    try {
      const result = this.#resultOf(endpoint, method, params);
      const text = JSON.stringify({ jsonrpc: "2.0", id, result });
      if (!endpoint.faults.has("upperCased")) return text;
      return text.replace(/"0x[0-9a-f]+"/g, (hex) => `"0x${hex.slice(3).toUpperCase()}`);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const { code, message, data } = error;
      return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, data } });
    }
  }

  #resultOf(endpoint: Endpoint, method: string, params: readonly unknown[]): unknown {
    const head = this.#headOf(endpoint);
    if (endpoint.mode === "empty" && method === "eth_getLogs") return [];
    if (endpoint.mode === "forgetful" && method === "eth_getTransactionReceipt") return null;
    const answer = (asked = params) =>
      this.#node.answer(endpoint.dialect, head, method, asked) as unknown;
    const { faults } = endpoint;
    if (faults.size === 0) return answer();
    const question = { head, method, params, answer };
    const lie = lieOf((fault) => this.#hasRefutable(endpoint, fault), question);
    if (lie !== undefined) return lie;
    if (method === "eth_getLogs") return this.#logsOf(endpoint, head, params, answer);
    const shown = shapedBy(faults, this.#faultRandom, method, answer());
    return this.#chain.isProven ? this.#refutedByHeaders(endpoint, head, method, shown) : shown;
  }

  /** Receipts and headers with lies that headers refute. */
  #refutedByHeaders(endpoint: Endpoint, head: Block, method: string, shown: unknown): unknown {
    if (method === "eth_getBlockReceipts" && this.#hasRefutable(endpoint, "logsInvented")) {
      const receipts = (shown ?? []) as readonly { readonly logs: readonly RpcLog[] }[];
      return receipts.map((one) => ({ ...one, logs: withInvented(one.logs, endpoint.words) }));
    }
    if (method !== "eth_getBlockByNumber") return shown;
    if (shown === null || !this.#hasRefutable(endpoint, "hashesInvented")) return shown;
    const { number, hash } = shown as { readonly number: Hex; readonly hash: Hex };
    const word = blockOf(head, hash)?.word ?? hash;
    const isMeant = Number(number) < head.number - 1 && isHidden(word);
    return isMeant ? { ...(shown as object), hash: inventedHash(hash) } : shown;
  }

  #logsOf(
    endpoint: Endpoint,
    head: Block,
    params: readonly unknown[],
    answer: (params?: readonly unknown[]) => unknown,
  ): unknown {
    const { faults } = endpoint;
    const { isProven } = this.#chain;
    const filter = params[0] as { readonly fromBlock?: string; readonly blockHash?: string };
    const byHash = filter.blockHash !== undefined;
    if (byHash && faults.has("hashEmpty")) return [];
    const asked = filter.blockHash ?? "";
    if (byHash && isInvented(asked) && this.#hasRefutable(endpoint, "hashesInvented")) return [];
    const from = byHash
      ? (blockOf(head, filter.blockHash as string) ?? head).number
      : filter.fromBlock;
    const pruned = prunedBy(faults, this.#faultRandom, Number(from), head.number);
    if (pruned !== undefined) throw new RpcError(pruned.code, pruned.message);
    const isIgnored = byHash && faults.has("hashIgnored");
    const given = answer(isIgnored ? [{ blockHash: head.hash }] : params) as RpcLog[];
    const lies = this.#hasRefutable(endpoint, "logsInvented");
    const told = lies ? withInvented(given, endpoint.words) : given;
    const logs = isProven && this.#hasRefutable(endpoint, "logsMoved") ? withMoved(told) : told;
    const wordOf = (hash: string) => blockOf(head, hash)?.word ?? hash;
    return logsBy(faults, this.#faultRandom, logs, { head: head.number, wordOf });
  }

  #headOf(endpoint: Endpoint): Block {
    const { head, blocks } = this.#chain;
    const behind = (lag: number) => blocks[Math.max(0, head.number - lag)] as Block;
    if (endpoint.mode === "lagging") return behind(endpoint.lag);
    if (endpoint.mode === "pooled") return behind(this.#random.pick([0, 0, endpoint.lag]));
    if (endpoint.mode === "stuck") return endpoint.stuckAt ?? head;
    if (this.#hasRefutable(endpoint, "blocksCreeping")) {
      return this.#inventedOn(head, head.number % MOST_CREPT, endpoint.words);
    }
    return this.#hasRefutable(endpoint, "blocksInvented")
      ? this.#inventedOn(head, LEAST_INVENTED + (endpoint.words % 20), endpoint.words)
      : head;
  }

  /** So many blocks after `head`. */
  #inventedOn(head: Block, blocks: number, words: number): Block {
    let last = head;
    for (let i = 0; i < blocks; i++) last = this.#chain.inventedOn(last, words);
    return last;
  }

  #hasRefutable({ faults }: Endpoint, fault: EndpointFault): boolean {
    return faults.has(fault) && this.hasTruth;
  }

  /** A true endpoint is well for so long that it is asked again: silent ones are after a while. */
  get hasTruth(): boolean {
    return this.endpoints.some(
      (one) => one.faults.size === 0 && one.mode === "well" && (this.#wellHeads.get(one) ?? 0) > 1,
    );
  }
}

const INVENTED_ENDING = "abcdef";

function inventedHash(hash: Hex): Hex {
  return `0x${hash.slice(2, -INVENTED_ENDING.length)}${INVENTED_ENDING}`;
}

function isInvented(hash: string): boolean {
  return hash.endsWith(INVENTED_ENDING);
}

function refusedWith(body: string, { status, code, message }: Refused): Answer {
  // Of a batch: none.
  const { id = null } = JSON.parse(body) as Partial<RpcRequest>;
  return { status, text: JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } }) };
}
