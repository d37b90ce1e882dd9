/**
 * Follows the chain: yields final blocks in order with the Mediator's logs in them, and each new
 * head. A block is final `confirmations` blocks deep; shallower reorganisations are invisible here,
 * and a deeper one throws `ReorgTooDeep`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "viem";
import { assert } from "../base/errors.ts";
import type { Address, Hex } from "../base/hex.ts";
import type { ChainLog } from "../protocol/chainLog.ts";
import type { BlockNumber } from "../protocol/units.ts";
import { ReorgTooDeep, RpcUnavailable, shortMessage } from "./errors.ts";
import { decodeLog } from "./logs.ts";
import type { ChainClient } from "./rpc.ts";

export interface BlockRef {
  readonly number: BlockNumber;
  readonly hash: Hex;
}

export type ChainEvent =
  | { readonly kind: "head"; readonly number: BlockNumber; readonly timestamp: number }
  /** All final blocks after the last such event, up to and including `to`. */
  | { readonly kind: "final"; readonly to: BlockRef; readonly logs: readonly ChainLog[] };

export interface FollowOptions {
  readonly client: ChainClient;
  readonly mediator: Address;
  readonly confirmations: number;
  /** Last block that was processed; its hash is checked before anything is built on it. */
  readonly after: BlockRef;
  /** Milliseconds between two looks at the head. */
  readonly pollMs: number;
  /** Failed looks in a row, with growing pauses, before `RpcUnavailable` is thrown. */
  readonly maxTries: number;
  readonly signal: AbortSignal;
  /** Told of each failed look. */
  readonly onRetry?: (problem: string, tries: number) => void;
}

/** Blocks that one reading of logs spans: at first, and at most. */
const START_RANGE = 1000;
const MAX_RANGE = 10_000;
const MAX_PAUSE_MS = 15_000;

/** Ends when `signal` is aborted. Throws `ReorgTooDeep`, or `RpcUnavailable` after `maxTries`. */
export async function* follow(options: FollowOptions): AsyncGenerator<ChainEvent> {
  const { client, confirmations, signal } = options;
  let last = options.after;
  const range = new AdaptiveRange();
  let announced = -1;
  let tries = 0;
  while (!signal.aborted) {
    try {
      const head = await client.getBlock({ blockTag: "latest" });
      const number = Number(head.number);
      if (number !== announced) {
        announced = number;
        yield { kind: "head", number, timestamp: Number(head.timestamp) };
      }
      const final = number - confirmations;
      if (final > last.number) {
        const batch = await readRange(options, last, Math.min(final, last.number + range.blocks));
        range.worked();
        yield batch;
        last = batch.to;
        tries = 0;
        continue;
      }
      await requireUnchanged(client, last);
      tries = 0;
    } catch (error) {
      if (error instanceof ReorgTooDeep) throw error;
      if (signal.aborted) return;
      tries += 1;
      if (tries >= options.maxTries) throw new RpcUnavailable("for new blocks", error);
      options.onRetry?.(shortMessage(error), tries);
      range.failed();
      await pause(Math.min(MAX_PAUSE_MS, options.pollMs * 2 ** (tries - 1)), signal);
      continue;
    }
    await pause(options.pollMs, signal);
  }
}

/**
 * How many blocks to read logs of at once. Providers refuse wide ranges in words of their own: any
 * failure narrows it, and once one did, it widens slowly, so as not to fail with every other read.
 */
class AdaptiveRange {
  blocks = START_RANGE;
  #growth = 2;

  worked(): void {
    this.blocks = Math.min(MAX_RANGE, Math.ceil(this.blocks * this.#growth));
  }

  failed(): void {
    this.blocks = Math.max(1, Math.floor(this.blocks / 4));
    this.#growth = 1.1;
  }
}

/** The header of a block, which must exist. */
export async function readBlockRef(client: ChainClient, number: BlockNumber): Promise<BlockRef> {
  const block = await client.getBlock({ blockNumber: BigInt(number) });
  return { number, hash: block.hash as Hex };
}

type FinalBlocks = Extract<ChainEvent, { kind: "final" }>;

async function readRange(
  { client, mediator }: FollowOptions,
  last: BlockRef,
  to: BlockNumber,
): Promise<FinalBlocks> {
  const switches = client.transport.switches();
  await requireUnchanged(client, last);
  const end = await readBlockRef(client, to);
  const raw = await client.getLogs({
    address: mediator,
    fromBlock: BigInt(last.number + 1),
    toBlock: BigInt(to),
  });
  const logs = raw.sort(byPlace);
  await requireCanonical(client, logs);
  // Endpoints may disagree or reorganise while we read: both ends must still be what they were.
  await requireUnchanged(client, last);
  const again = await readBlockRef(client, to);
  assertSame(again, end);
  // One that lags knows no logs of the newest blocks, and says so with an empty list.
  if (client.transport.switches() !== switches) {
    throw new Error("Several endpoints answered while logs were read: one may lag.");
  }
  const decoded = logs.map(decodeLog).filter((log) => log !== undefined);
  return { kind: "final", to: end, logs: decoded };
}

/** A block that an endpoint does not know is a failed look; another hash is a reorganisation. */
async function requireUnchanged(client: ChainClient, known: BlockRef): Promise<void> {
  const found = await readBlockRef(client, known.number);
  if (found.hash !== known.hash) throw new ReorgTooDeep(known.number, known.hash, found.hash);
}

async function requireCanonical(client: ChainClient, logs: readonly Log[]): Promise<void> {
  const hashes = new Map(logs.map((log) => [Number(log.blockNumber), log.blockHash as Hex]));
  for (const log of logs) {
    assert(!log.removed, "an endpoint served a removed log in a range that it calls final.");
    assertSame(
      { number: Number(log.blockNumber), hash: hashes.get(Number(log.blockNumber)) as Hex },
      { number: Number(log.blockNumber), hash: log.blockHash as Hex },
    );
  }
  for (const [number, hash] of hashes) {
    assertSame(await readBlockRef(client, number), { number, hash });
  }
}

/** Thrown inside a look: the look is repeated, and only then does it count as a failure. */
function assertSame(found: BlockRef, expected: BlockRef): void {
  if (found.hash === expected.hash) return;
  throw new Error(
    `Block ${expected.number} was ${expected.hash} and is ${found.hash}: endpoints disagree.`,
  );
}

function byPlace(a: Log, b: Log): number {
  return Number(a.blockNumber) - Number(b.blockNumber) || Number(a.logIndex) - Number(b.logIndex);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
