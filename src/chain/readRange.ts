/** Reads the logs of a range of blocks from one endpoint, as many blocks at once as it gives. */
import type { Log, PublicClient } from "viem";
import { assert } from "../base/errors.ts";
import type { Address, Hex } from "../base/hex.ts";
import type { ChainLog } from "../protocol/chainLog.ts";
import type { BlockNumber } from "../protocol/units.ts";
import { decodeLog } from "./logs.ts";
import { asTooWide } from "./rpcErrors/logWidth.ts";

export interface BlockRef {
  readonly number: BlockNumber;
  readonly hash: Hex;
}

/** All final blocks after the last such event, up to and including `to`. */
export interface FinalBlocks {
  readonly kind: "final";
  readonly to: BlockRef;
  readonly logs: readonly ChainLog[];
}

/** Blocks that one reading of logs spans: at first, and at most. */
const START_RANGE = 1000;
const MAX_RANGE = 10_000;
/** Full readings after which a refused width is tried again: limits depend on what is read. */
const READS_BEFORE_RETRY = 64;
/** Between what passed and what was refused, the width is searched only this finely. */
const FINENESS = 8;
/** Headers that are asked for at once. */
const HEADERS_AT_ONCE = 16;

/**
 * How many blocks to read logs of at once from one endpoint. Each provider has limits of its own,
 * of blocks, logs or time: the width doubles until it is refused, and settles below by halving.
 */
export class AdaptiveRange {
  #blocks = START_RANGE;
  /** The widest that passed lately; 0: none did. */
  #passed = 0;
  #refused = Number.POSITIVE_INFINITY;
  #reads = 0;

  get blocks(): number {
    return this.#blocks;
  }

  /** `span` blocks were read. */
  passed(span: number): void {
    if (span < this.#blocks) return;
    this.#passed = span;
    this.#reads += 1;
    if (this.#reads >= READS_BEFORE_RETRY) {
      this.#reads = 0;
      this.#refused = Number.POSITIVE_INFINITY;
    }
    const next = Math.min(MAX_RANGE, span * 2, Math.floor((span + this.#refused) / 2));
    if (next - span > span / FINENESS) this.#blocks = next;
  }

  /** `span` blocks were too many; `proposed`: how many would not be. */
  refused(span: number, proposed: number | undefined): void {
    this.#reads = 0;
    this.#refused = span;
    const known = this.#passed > 0 && this.#passed < span ? this.#passed : span / 2;
    const next = proposed !== undefined && proposed < span ? proposed : known;
    this.#blocks = Math.max(1, Math.floor(next));
    // If that is refused as well, what passed earlier says nothing: there were fewer logs.
    this.#passed = 0;
  }
}

/** The header of a block, which must exist. */
export async function readBlockRef(
  client: Pick<PublicClient, "getBlock">,
  number: BlockNumber,
): Promise<BlockRef> {
  const block = await client.getBlock({ blockNumber: BigInt(number) });
  return { number, hash: block.hash as Hex };
}

/** Which blocks to read. */
export interface Span {
  readonly from: BlockNumber;
  readonly to: BlockNumber;
  /**
   * From this one on each block is asked for by its hash: one URL may stand for several machines,
   * and one that lags answers a range that it does not know with no logs, and no error.
   */
  readonly byHashFrom: BlockNumber;
}

/** What one endpoint says of the blocks from `from` up to `end`. */
export interface Reading {
  readonly from: BlockNumber;
  readonly end: BlockRef;
  /** The last ones, which were asked for by their hashes. */
  readonly near: readonly BlockRef[];
  readonly logs: readonly Log[];
}

/**
 * The Mediator's logs in the blocks of `span`, all from `client`, which is one endpoint. Throws
 * where it changes its mind about the last block meanwhile, or about one that holds a log, and what
 * `confirm` throws of what was read.
 */
export async function readRange(
  client: PublicClient,
  mediator: Address,
  { from, to, byHashFrom }: Span,
  confirm: (reading: Reading) => Promise<void>,
): Promise<FinalBlocks> {
  const near = Math.min(to, Math.max(from, byHashFrom));
  const [far, ...newest] = await Promise.all([
    near > from ? readLogs(client, mediator, from, near - 1) : [],
    ...Array.from({ length: to - near + 1 }, (_, i) => readLogsOf(client, mediator, near + i)),
  ]);
  const end = (newest.at(-1) as BlockLogs).block;
  const logs = [...far, ...newest.flatMap((block) => block.logs)].sort(byPlace);
  const [again] = await Promise.all([
    readBlockRef(client, to),
    requireCanonical(client, logs, from, end),
    confirm({ from, end, near: newest.map(({ block }) => block), logs }),
  ]);
  // Several machines may answer under one URL, and all of them may reorganise while we read.
  assertSame(again, end);
  const decoded = logs.map(decodeLog).filter((log) => log !== undefined);
  return { kind: "final", to: end, logs: decoded };
}

/**
 * The logs of the same blocks as another endpoint has them. One that gives narrower ranges is asked
 * in parts: halved as often as it refuses, which only a long way behind the head takes any time.
 */
export async function readAgain(
  client: PublicClient,
  mediator: Address,
  { from, end, near }: Reading,
): Promise<readonly Log[]> {
  const to = (near[0]?.number ?? end.number + 1) - 1;
  const [far, ...newest] = await Promise.all([
    to < from ? [] : readInParts(client, mediator, from, to),
    ...near.map(({ hash }) => client.getLogs({ address: mediator, blockHash: hash })),
  ]);
  return [...far, ...newest.flat()];
}

async function readInParts(
  client: PublicClient,
  mediator: Address,
  from: BlockNumber,
  to: BlockNumber,
): Promise<Log[]> {
  try {
    return await readLogs(client, mediator, from, to);
  } catch (error) {
    if (asTooWide(error) === undefined || from === to) throw error;
    const middle = Math.floor((from + to) / 2);
    const first = await readInParts(client, mediator, from, middle);
    return [...first, ...(await readInParts(client, mediator, middle + 1, to))];
  }
}

/** Whether both hold the same logs, in whichever order. */
export function areSame(some: readonly Log[], others: readonly Log[]): boolean {
  const text = (logs: readonly Log[]) =>
    logs
      .map(({ blockHash, logIndex, topics, data }) => `${blockHash} ${logIndex} ${topics} ${data}`)
      .sort()
      .join();
  return some.length === others.length && text(some) === text(others);
}

function readLogs(
  client: PublicClient,
  address: Address,
  from: BlockNumber,
  to: BlockNumber,
): Promise<Log[]> {
  return client.getLogs({ address, fromBlock: BigInt(from), toBlock: BigInt(to) });
}

interface BlockLogs {
  readonly block: BlockRef;
  readonly logs: readonly Log[];
}

/** A machine that does not know the block says so, where it is asked for by its hash. */
async function readLogsOf(
  client: PublicClient,
  address: Address,
  number: BlockNumber,
): Promise<BlockLogs> {
  const block = await readBlockRef(client, number);
  return { block, logs: await client.getLogs({ address, blockHash: block.hash }) };
}

async function requireCanonical(
  client: PublicClient,
  logs: readonly Log[],
  from: BlockNumber,
  end: BlockRef,
): Promise<void> {
  const hashes = new Map<BlockNumber, Hex>();
  for (const log of logs) {
    const number = Number(log.blockNumber);
    assert(!log.removed, "an endpoint served a removed log in a range that it calls final.");
    if (number < from || number > end.number) {
      throw new Error(`A log of block ${number} was served for blocks ${from} to ${end.number}.`);
    }
    const hash = log.blockHash as Hex;
    assertSame({ number, hash }, { number, hash: hashes.get(number) ?? hash });
    hashes.set(number, hash);
  }
  const seen = [...hashes].map(([number, hash]) => ({ number, hash }));
  for (let i = 0; i < seen.length; i += HEADERS_AT_ONCE) {
    await Promise.all(
      seen.slice(i, i + HEADERS_AT_ONCE).map(async (ref) => {
        const canonical = ref.number === end.number ? end : await readBlockRef(client, ref.number);
        assertSame(canonical, ref);
      }),
    );
  }
}

/** Thrown inside a look: the look is repeated, and only then does it count as a failure. */
function assertSame(found: BlockRef, expected: BlockRef): void {
  if (found.hash === expected.hash) return;
  throw new Error(
    `Block ${expected.number} was ${expected.hash} and is ${found.hash}: the endpoint wavers.`,
  );
}

function byPlace(a: Log, b: Log): number {
  return Number(a.blockNumber) - Number(b.blockNumber) || Number(a.logIndex) - Number(b.logIndex);
}
