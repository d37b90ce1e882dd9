/** Reads of the chain around sending: the key's account, and what blocks cost. */
import type { Address } from "../../base/hex.ts";
import { within } from "../../base/within.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { ask, type ChainClient, preferring } from "../rpc/rpc.ts";
import { isSameCall, type Job } from "./call.ts";
import type { MarketAt } from "./fees.ts";

/** Polls without an outcome after which another endpoint is asked first. */
const POLLS_BEFORE_ANOTHER = 10;
/** Calls of which it is remembered that they were done. */
const MOST_DONE = 64;

/**
 * The endpoint whose word on the account counts. One that makes up receipts, nonces or heads keeps
 * transactions from being sent or mined: so when a call fails, when none gets anywhere, or when one
 * is wanted again that was said to be done, the next one is asked before all others. Nothing is
 * held against the one before, whose turn comes again.
 */
export class Source {
  /** Asks the source first, and the others where that does not answer. */
  readonly client: ChainClient;
  readonly #all: ChainClient["transport"];
  #first: Endpoint | undefined;
  readonly #used = new Set<Endpoint>();
  /** Grows with each other source. */
  #turn = 0;
  readonly #begun = new WeakMap<Job, number>();
  #polls = 0;
  #done: Job[] = [];

  constructor(client: ChainClient) {
    this.#all = client.transport;
    this.client = preferring(client, () => this.#first);
  }

  /** A caller wants this call. */
  wanted(job: Job): void {
    const isDone = (one: Job) => isSameCall(one, job);
    if (this.#done.some(isDone)) this.#next();
    this.#done = this.#done.filter((one) => !isDone(one));
  }

  /** The call is tried with what the source says. */
  begun(job: Job): void {
    if (!this.#begun.has(job)) this.#begun.set(job, this.#turn);
  }

  /** A transaction is mined; `isSuccess`: it did what the job is for. */
  mined(job: Job, isSuccess: boolean): void {
    this.#polls = 0;
    if (isSuccess) this.#done = [...this.#done, job].slice(-MOST_DONE);
  }

  /** The call failed: by the word of the source, unless that has changed since it was begun. */
  failed(job: Job): void {
    if (this.#begun.get(job) === this.#turn) this.#next();
  }

  /** A poll of what is pending brought no outcome. */
  polled(): void {
    this.#polls += 1;
    if (this.#polls >= POLLS_BEFORE_ANOTHER) this.#next();
  }

  /** The most that any of several endpoints says that the account has, in wei. */
  async balance(address: Address): Promise<bigint> {
    const answers = this.#all
      .endpoints()
      .map(({ client }) =>
        within(PATIENCE_MS, client.getBalance({ address })).catch(() => undefined),
      );
    const known = await Promise.all(answers);
    return known.reduce<bigint>((a, b = 0n) => (a > b ? a : b), 0n);
  }

  #next(): void {
    const [now] = this.client.transport.endpoints();
    if (now !== undefined) this.#used.add(now);
    const all = this.#all.endpoints();
    const isFresh = (one: Endpoint) => !this.#used.has(one);
    if (!all.some(isFresh)) {
      this.#used.clear();
      if (now !== undefined) this.#used.add(now);
    }
    this.#first = all.find(isFresh) ?? now;
    this.#turn += 1;
    this.#polls = 0;
  }
}

/** Milliseconds that an endpoint may take to name a balance, or a receipt, beside others. */
const PATIENCE_MS = 2000;

/** The account before a transaction is sent. */
export interface Start {
  /** The next nonce by the newest block. */
  readonly nonce: number;
  /** The next nonce behind all that a node can mine. */
  readonly pendingNonce: number;
  /** Wei. */
  readonly balance: bigint;
}

/** Throws `RpcUnavailable`. */
export async function readStart(client: ChainClient, address: Address): Promise<Start> {
  const [nonce, pendingNonce, balance] = await ask("a nonce", () =>
    Promise.all([
      client.getTransactionCount({ address, blockTag: "latest" }),
      client.getTransactionCount({ address, blockTag: "pending" }),
      client.getBalance({ address }),
    ]),
  );
  return { nonce, pendingNonce, balance };
}

/** The account as of one poll, while transactions are pending. */
export interface AccountView {
  /** The newest block. */
  readonly head: BlockNumber;
  /** Wei for a unit of gas. */
  readonly baseFee: bigint;
  /** The key's next nonce. */
  readonly nonce: number;
}

/** Throws `RpcUnavailable`. */
export async function readAccount(client: ChainClient, address: Address): Promise<AccountView> {
  const nonce = await ask("a nonce", () =>
    client.getTransactionCount({ address, blockTag: "latest" }),
  );
  const block = await ask("its head", () => client.getBlock({ blockTag: "latest" }));
  return { head: Number(block.number), baseFee: block.baseFeePerGas ?? 0n, nonce };
}

/** Blocks over which the trend of base fees is taken. */
const TREND_BLOCKS = 8;

/** Throws `RpcUnavailable`. */
export async function readMarket(client: ChainClient): Promise<MarketAt> {
  const [block, priorityFee] = await ask("fees", () =>
    Promise.all([
      client.getBlock({ blockTag: "latest" }),
      // Some nodes do not support the question; our own minimum is below the answer anyway.
      client.estimateMaxPriorityFeePerGas().catch(() => 0n),
    ]),
  );
  const head = Number(block.number);
  const earlier = Math.max(0, head - TREND_BLOCKS);
  const old = await ask("fees", () => client.getBlock({ blockNumber: BigInt(earlier) }));
  const baseFee = block.baseFeePerGas ?? 0n;
  const earlierBaseFee = old.baseFeePerGas ?? baseFee;
  return { head, earlier, baseFee, earlierBaseFee, span: head - earlier, priorityFee };
}
