/**
 * The chain's endpoints, answering JSON-RPC over a network that loses, delays and lies. Each has a
 * head of its own; what it says follows from that head, as it does with real nodes that lag or sit
 * on a fork.
 */
import type { Address, Hex } from "../../src/base/hex.ts";
import type { Block, Chain, NetworkConditions, Transaction } from "../chain/chain.ts";
import { encodeRevert, execute, view } from "../chain/mediatorAbi.ts";
import { Revert } from "../chain/mediatorState.ts";
import type { Answer, Clock } from "./clock.ts";
import type { Random } from "./random.ts";

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

export interface Endpoint {
  readonly url: string;
  mode: FaultMode;
  /** Blocks by which it lags. */
  lag: number;
  stuckAt: Block | undefined;
}

export interface NetworkHooks {
  readonly conditions: () => NetworkConditions;
  /** A transaction of the operator reached an endpoint that is asked to pass it on. */
  readonly onBroadcast: (data: Hex, transaction: Transaction | undefined) => void;
  /** A trial of a call on the newest canonical block was refused. */
  readonly onRefusedTrial: (data: Hex, refusal: Revert) => void;
}

interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params?: readonly never[];
}

interface CallFields {
  readonly from?: Hex;
  readonly to?: Hex;
  readonly data?: Hex;
}

/** JSON-RPC's own errors. */
class RpcError extends Error {
  readonly code: number;
  readonly data: Hex | undefined;

  constructor(code: number, message: string, data?: Hex) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export class Network {
  readonly endpoints: readonly Endpoint[];
  readonly #chain: Chain;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #hooks: NetworkHooks;

  constructor(chain: Chain, clock: Clock, random: Random, count: number, hooks: NetworkHooks) {
    this.#chain = chain;
    this.#clock = clock;
    this.#random = random;
    this.#hooks = hooks;
    this.endpoints = Array.from({ length: count }, (_, i) => ({
      ...{ url: `http://node-${i}.sim`, mode: "well" as const, lag: 0, stuckAt: undefined },
    }));
  }

  /** What the node's `fetch` gets: after a while, or never. */
  request(url: string, body: string): Promise<Answer> {
    const endpoint = this.endpoints.find((one) => url.startsWith(one.url));
    if (endpoint === undefined) throw new TypeError(`no such host: ${url}`);
    const { life } = this.#clock;
    const there = this.#random.int(2, 25);
    const back = this.#random.int(2, 25);
    return new Promise((resolve, reject) => {
      // It arrives whatever becomes of the process that sent it.
      this.#clock.after(there, () => {
        const answer = this.#arrive(endpoint, body);
        if (answer === undefined) return;
        this.#clock.ofProcess(
          back,
          () => {
            if (answer instanceof Error) reject(answer);
            else resolve(answer);
          },
          life,
        );
      });
    });
  }

  #arrive(endpoint: Endpoint, body: string): Answer | Error | undefined {
    switch (endpoint.mode) {
      case "down":
        return new TypeError("fetch failed: connection refused");
      case "silent":
        return undefined;
      case "failing":
        return { status: 500, text: JSON.stringify("internal error") };
      case "limited":
        return { status: 200, text: failed(body, -32005, "too many requests") };
      default:
        return { status: 200, text: this.#answer(endpoint, body) };
    }
  }

  #answer(endpoint: Endpoint, body: string): string {
    const { id, method, params = [] } = JSON.parse(body) as RpcRequest;
    try {
      const result = this.#do(endpoint, this.#headOf(endpoint), method, params);
      return JSON.stringify({ jsonrpc: "2.0", id, result });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const { code, message, data } = error;
      return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, data } });
    }
  }

  #headOf(endpoint: Endpoint): Block {
    const { head, blocks } = this.#chain;
    const behind = (lag: number) => blocks[Math.max(0, head.number - lag)] as Block;
    if (endpoint.mode === "lagging") return behind(endpoint.lag);
    if (endpoint.mode === "pooled") return behind(this.#random.pick([0, 0, endpoint.lag]));
    if (endpoint.mode === "stuck") return endpoint.stuckAt ?? head;
    return head;
  }

  #do(endpoint: Endpoint, head: Block, method: string, params: readonly never[]): unknown {
    const [first, second] = params as readonly unknown[];
    switch (method) {
      case "eth_chainId":
        return hex(this.#chain.terms.domain.chainId);
      case "eth_blockNumber":
        return hex(head.number);
      case "eth_getBlockByNumber": {
        const block = blockAt(this.#chain, head, first as string);
        return block === undefined ? null : headerOf(block);
      }
      case "eth_getLogs":
        return endpoint.mode === "empty" ? [] : this.#logs(head, first as LogFilter);
      case "eth_getCode":
        return "0x01";
      case "eth_getBalance":
        return hex(10n ** 20n);
      case "eth_getTransactionCount":
        return hex(second === "pending" ? this.#chain.pendingNonce : head.nonce);
      case "eth_maxPriorityFeePerGas":
        return hex(10n ** 9n);
      case "eth_call":
        return this.#call(this.#known(head, second as string), first as CallFields);
      case "eth_estimateGas":
        return this.#trial(this.#known(head, second as string), first as CallFields, second);
      case "eth_sendRawTransaction":
        return this.#broadcast(first as Hex);
      case "eth_getTransactionReceipt":
        return endpoint.mode === "forgetful" ? null : receiptOf(head, first as Hex);
      default:
        throw new RpcError(-32601, `the method ${method} does not exist`);
    }
  }

  #call(head: Block, { data = "0x" }: CallFields): Hex {
    const env = { block: head.number, sender: this.#chain.terms.operator };
    return refusing(() => view(head.state, this.#chain.terms, env, data));
  }

  /** By number or tag; an error where the endpoint has not heard of such a block. */
  #known(head: Block, tag: string): Block {
    const block = blockAt(this.#chain, head, tag);
    if (block === undefined) throw new RpcError(-32000, "header not found");
    return block;
  }

  #trial(head: Block, { data = "0x" }: CallFields, tag: unknown): Hex {
    const { terms } = this.#chain;
    const block = tag === "pending" ? head.number + 1 : head.number;
    return refusing(() => {
      try {
        execute(head.state, terms, { block, sender: terms.operator }, data);
      } catch (error) {
        const isNewest = head === this.#chain.head && tag === "pending";
        if (error instanceof Revert && isNewest) this.#hooks.onRefusedTrial(data, error);
        throw error;
      }
      return hex(200_000);
    });
  }

  #broadcast(raw: Hex): Hex {
    try {
      const transaction = this.#chain.broadcast(raw, this.#hooks.conditions());
      this.#hooks.onBroadcast(transaction.data as Hex, transaction);
      return transaction.hash;
    } catch (error) {
      throw new RpcError(-32000, error instanceof Error ? error.message : String(error));
    }
  }

  #logs(head: Block, { fromBlock, toBlock, blockHash }: LogFilter): unknown[] {
    const { mediator } = this.#chain.terms.domain;
    const found: unknown[] = [];
    for (let block: Block | undefined = head; block !== undefined; block = block.parent) {
      // As real nodes do: a block that they do not know is an error, a range beyond them is not.
      if (blockHash !== undefined && block.hash === blockHash) return logsOf(block, mediator);
      if (blockHash !== undefined) continue;
      if (block.number < Number(fromBlock)) break;
      if (block.number <= Number(toBlock)) found.push(...logsOf(block, mediator));
    }
    if (blockHash !== undefined) throw new RpcError(-32000, "unknown block");
    return found.reverse();
  }
}

interface LogFilter {
  readonly fromBlock?: string;
  readonly toBlock?: string;
  readonly blockHash?: Hex;
}

function hex(value: number | bigint): Hex {
  return `0x${value.toString(16)}`;
}

function failed(body: string, code: number, message: string): string {
  const { id } = JSON.parse(body) as RpcRequest;
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });
}

function refusing(answer: () => Hex): Hex {
  try {
    return answer();
  } catch (error) {
    if (!(error instanceof Revert)) throw error;
    throw new RpcError(3, `execution reverted: ${error.errorName}`, encodeRevert(error));
  }
}

/** By number along the parents of `head`, so that a fork answers for itself. */
function blockAt(chain: Chain, head: Block, tag: string): Block | undefined {
  if (tag === "latest" || tag === "pending") return head;
  const number = Number(tag);
  if (number > head.number) return undefined;
  if (chain.isCanonical(head)) return chain.blocks[number];
  let block: Block | undefined = head;
  while (block !== undefined && block.number > number) block = block.parent;
  return block;
}

function headerOf({ number, hash, parent, timestamp, baseFee }: Block) {
  return {
    number: hex(number),
    hash,
    parentHash: parent?.hash ?? hash,
    timestamp: hex(timestamp),
    baseFeePerGas: hex(baseFee),
    gasLimit: hex(30_000_000),
    gasUsed: "0x0",
    transactions: [],
  };
}

/** Last first: the caller turns the whole round. */
function logsOf(block: Block, address: Address): unknown[] {
  return block.logs
    .map(({ topics, data, logIndex, transactionHash }) => ({
      ...{ topics, data, transactionHash, blockHash: block.hash, removed: false },
      ...{ logIndex: hex(logIndex), blockNumber: hex(block.number), transactionIndex: "0x0" },
      address,
    }))
    .reverse();
}

function receiptOf(head: Block, hash: Hex): unknown {
  for (let block: Block | undefined = head; block !== undefined; block = block.parent) {
    const found = block.mined.find(({ transaction }) => transaction.hash === hash);
    if (found === undefined) continue;
    return {
      ...{ transactionHash: hash, blockHash: block.hash, blockNumber: hex(block.number) },
      ...{ status: found.refusal === undefined ? "0x1" : "0x0", logs: [], transactionIndex: "0x0" },
      ...{ gasUsed: hex(150_000), cumulativeGasUsed: hex(150_000), type: "0x2" },
      effectiveGasPrice: hex(block.baseFee + 10n ** 9n),
    };
  }
  return null;
}
