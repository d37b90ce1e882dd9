/**
 * A true node's answers to JSON-RPC, from the head that it has: a fork answers for itself, and a
 * node that lags knows nothing newer.
 */
import type { Address, Hex } from "../../src/base/hex.ts";
import type { Block, MinedTransaction, PlacedLog, Transaction } from "../chain/block.ts";
import { type Chain, type NetworkConditions, nonceOf, PoolRefusal } from "../chain/chain.ts";
import { receiptFields } from "../chain/header.ts";
import { encodeRevert, execute, view } from "../chain/mediatorAbi.ts";
import { Revert } from "../chain/terms.ts";
import { type Dialect, refusalOf, unknownBlock } from "./dialects.ts";

export interface NodeHooks {
  readonly conditions: () => NetworkConditions;
  /** A transaction of an operator reached an endpoint that is asked to pass it on. */
  readonly onBroadcast: (data: Hex, transaction: Transaction | undefined) => void;
  /** A trial of a call on the newest canonical block was refused. */
  readonly onRefusedTrial: (data: Hex, refusal: Revert) => void;
}

interface CallFields {
  readonly from?: Address;
  readonly to?: Hex;
  readonly data?: Hex;
}

interface LogFilter {
  readonly fromBlock?: string;
  readonly toBlock?: string;
  readonly blockHash?: Hex;
}

/** JSON-RPC's own errors. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: Hex | undefined;

  constructor(code: number, message: string, data?: Hex) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** Of a log as nodes show it; faults change some of it. */
export type RpcLog = Record<string, unknown> & {
  readonly blockHash: Hex;
  readonly blockNumber: Hex;
  readonly logIndex: Hex;
};

export class RpcNode {
  readonly #chain: Chain;
  readonly #hooks: NodeHooks;

  constructor(chain: Chain, hooks: NodeHooks) {
    this.#chain = chain;
    this.#hooks = hooks;
  }

  /** Throws `RpcError`. */
  answer(dialect: Dialect, head: Block, method: string, params: readonly unknown[]): unknown {
    const [first, second] = params;
    switch (method) {
      case "eth_chainId":
        return hex(this.#chain.terms.domain.chainId);
      case "eth_blockNumber":
        return hex(head.number);
      case "eth_getBlockByNumber": {
        const block = blockAt(this.#chain, head, first as string);
        return block === undefined ? null : shownBlock(block);
      }
      case "eth_getBlockByHash": {
        const block = blockOf(head, first as Hex);
        return block === undefined ? null : shownBlock(block);
      }
      case "eth_getLogs":
        return this.#logs(dialect, head, first as LogFilter);
      case "eth_getCode":
        return "0x01";
      case "eth_getBalance":
        return hex(10n ** 20n);
      case "eth_getTransactionCount": {
        const operator = this.#operatorOf(first as Hex);
        if (second === "pending") return hex(this.#chain.pendingNonce(operator));
        return hex(nonceOf(this.#known(dialect, head, second as string), operator));
      }
      case "eth_maxPriorityFeePerGas":
        return hex(10n ** 9n);
      case "eth_call":
        return this.#call(this.#known(dialect, head, second as string), first as CallFields);
      case "eth_estimateGas": {
        const block = this.#known(dialect, head, second as string);
        return this.#trial(block, first as CallFields, second);
      }
      default:
        return this.#answerOfTransactions(dialect, head, method, first as Hex);
    }
  }

  #answerOfTransactions(dialect: Dialect, head: Block, method: string, first: Hex): unknown {
    switch (method) {
      case "eth_sendRawTransaction":
        return this.#broadcast(dialect, first);
      case "eth_getTransactionReceipt":
        return this.#receipt(head, first);
      case "eth_getTransactionByHash":
        return this.#transaction(head, first);
      case "eth_getBlockReceipts": {
        const isHash = first.length === 66;
        const block = isHash ? blockOf(head, first) : blockAt(this.#chain, head, first);
        return block === undefined ? null : block.mined.map((one) => this.#receiptOf(block, one));
      }
      default:
        throw new RpcError(-32601, `the method ${method} does not exist/is not available`);
    }
  }

  #operatorOf(address: Hex): Address {
    const { operators } = this.#chain.terms;
    const found = operators.find((one) => one.toLowerCase() === address.toLowerCase());
    return found ?? (address as Address);
  }

  #call(head: Block, { from, data = "0x" }: CallFields): Hex {
    const { terms } = this.#chain;
    // Before the deployment there is no code, and a call of nothing returns nothing.
    if (head.number < terms.schedule.genesisBlock) return "0x";
    const sender = from === undefined ? (terms.operators[0] as Address) : this.#operatorOf(from);
    return refusing(() => view(head.state, terms, { block: head.number, sender }, data));
  }

  /** By number or tag; an error where the endpoint has not heard of such a block. */
  #known(dialect: Dialect, head: Block, tag: string): Block {
    const block = blockAt(this.#chain, head, tag);
    if (block === undefined) throw new RpcError(...unknownBlock(dialect, tag));
    return block;
  }

  #trial(head: Block, { from, data = "0x" }: CallFields, tag: unknown): Hex {
    const { terms } = this.#chain;
    const block = tag === "pending" ? head.number + 1 : head.number;
    const sender = from === undefined ? (terms.operators[0] as Address) : this.#operatorOf(from);
    return refusing(() => {
      try {
        if (data !== "0x") execute(head.state, terms, { block, sender }, data);
      } catch (error) {
        const isNewest = head === this.#chain.head && tag === "pending";
        if (error instanceof Revert && isNewest) this.#hooks.onRefusedTrial(data, error);
        throw error;
      }
      return hex(200_000);
    });
  }

  #broadcast(dialect: Dialect, raw: Hex): Hex {
    try {
      const transaction = this.#chain.broadcast(raw, this.#hooks.conditions());
      this.#hooks.onBroadcast(transaction.data as Hex, transaction);
      return transaction.hash;
    } catch (error) {
      if (!(error instanceof PoolRefusal)) throw error;
      throw new RpcError(...refusalOf(dialect, error));
    }
  }

  #logs(dialect: Dialect, head: Block, { fromBlock, toBlock, blockHash }: LogFilter): RpcLog[] {
    const { mediator } = this.#chain.terms.domain;
    if (blockHash !== undefined) {
      const block = blockOf(head, blockHash);
      // As real nodes do: a block that they do not know is an error, a range beyond them is not.
      if (block === undefined) throw new RpcError(...unknownBlock(dialect, blockHash));
      return block.logs.map((log) => rpcLog(block, log, mediator));
    }
    const found: RpcLog[] = [];
    const newest = toBlock === "latest" ? head.number : Number(toBlock);
    for (let block: Block | undefined = head; block !== undefined; block = block.parent) {
      if (block.number < Number(fromBlock)) break;
      if (block.number > newest || block.logs.length === 0) continue;
      const { logs } = block;
      const at = block;
      found.unshift(...logs.map((log) => rpcLog(at, log, mediator)));
    }
    return found;
  }

  #receipt(head: Block, hash: Hex): unknown {
    for (let block: Block | undefined = head; block !== undefined; block = block.parent) {
      const found = block.mined.find(({ transaction }) => transaction.hash === hash);
      if (found !== undefined) return this.#receiptOf(block, found);
    }
    return null;
  }

  #receiptOf(block: Block, one: MinedTransaction) {
    const { mediator } = this.#chain.terms.domain;
    const { transaction } = one;
    const fields = receiptFields(block, mediator)[block.mined.indexOf(one)];
    const own = block.logs.filter(({ transactionHash }) => transactionHash === transaction.hash);
    const shown = own.map((log) => rpcLog(block, log, mediator));
    const logs = fields?.logs.map((log) => {
      if (log.address !== mediator) return { ...shown[0], ...log, logIndex: "0x0" };
      return shown.shift();
    });
    return {
      ...fields,
      transactionHash: transaction.hash,
      blockHash: block.hash,
      blockNumber: hex(block.number),
      from: transaction.from,
      to: mediator,
      logs,
      transactionIndex: "0x0",
      gasUsed: hex(150_000),
      effectiveGasPrice: hex(block.baseFee + 10n ** 9n),
    };
  }

  #transaction(head: Block, hash: Hex): unknown {
    const waiting = this.#chain.waiting(hash);
    if (waiting !== undefined) return rpcTransaction(waiting, undefined);
    for (let block: Block | undefined = head; block !== undefined; block = block.parent) {
      const found = block.mined.find(({ transaction }) => transaction.hash === hash);
      if (found !== undefined) return rpcTransaction(found.transaction, block);
    }
    return null;
  }
}

export function hex(value: number | bigint): Hex {
  return `0x${value.toString(16)}`;
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

/** By hash, along the parents of `head`. */
export function blockOf(head: Block, hash: string): Block | undefined {
  let block: Block | undefined = head;
  while (block !== undefined && block.hash !== hash) block = block.parent;
  return block;
}

function shownBlock({ hash, header, mined }: Block) {
  return { ...header, hash, transactions: mined.map(({ transaction }) => transaction.hash) };
}

function rpcLog(block: Block, log: PlacedLog, address: Address): RpcLog {
  const { topics, data, logIndex, transactionHash } = log;
  return {
    address,
    topics,
    data,
    transactionHash,
    transactionIndex: "0x0",
    blockHash: block.hash,
    blockNumber: hex(block.number),
    logIndex: hex(logIndex),
    removed: false,
  };
}

function rpcTransaction(transaction: Transaction, block: Block | undefined) {
  const { hash, from, data, nonce = 0, maxFeePerGas, maxPriorityFeePerGas } = transaction;
  return {
    hash,
    from,
    nonce: hex(nonce),
    input: data,
    value: "0x0",
    gas: hex(200_000),
    type: "0x2",
    maxFeePerGas: hex(maxFeePerGas),
    maxPriorityFeePerGas: hex(maxPriorityFeePerGas),
    blockHash: block?.hash ?? null,
    blockNumber: block === undefined ? null : hex(block.number),
    transactionIndex: block === undefined ? null : "0x0",
  };
}
