/** Reads the logs of a range of blocks from one endpoint, as many blocks at once as it gives. */
import type { Log } from "viem";
import type { Address, Hex } from "../../base/hex.ts";
import type { ChainLog } from "../../protocol/chainLog.ts";
import { firstBlockOf, momentOf } from "../../protocol/rounds.ts";
import type { BlockNumber, BlockRef, Schedule } from "../../protocol/units.ts";
import type { AnyChainClient } from "../chainClient.ts";
import { decodeLog } from "../contracts/logs.ts";
import { RpcUnavailable } from "../rpc/errors.ts";
import { asTooWide } from "../rpc/logWidth.ts";
import {
  type BlockLogs,
  completeLogs,
  type LogSource,
  readBlockLogs,
  readBlockLogsAgain,
} from "./blockLogs.ts";
import type { BlockSpan } from "./headers.ts";
import { MOST_READING_MS, soundLogs } from "./soundLogs.ts";

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
/** Logs of one part, above which it is cut at the next block: its record must not grow for ever. */
const MOST_LOGS = 4096;
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
  client: Pick<AnyChainClient, "getBlock">,
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

/** One endpoint's view of the blocks from `from` up to `end`. */
export interface Reading {
  readonly from: BlockNumber;
  readonly end: BlockRef;
  /** The last ones, which were asked for by their hashes. */
  readonly near: readonly BlockRef[];
  /** Blocks before `end` after which the logs are cut. */
  readonly cuts: readonly BlockRef[];
  readonly logs: readonly Log[];
}

/**
 * The Mediator's logs in the blocks of `span`, all from `source`, which is one endpoint: in one part,
 * or in several, so that no quarter of `schedule` begins between the logs of one. Throws where it
 * changes its mind about the last block meanwhile, or about one that holds a log, `LogsRefused` for
 * logs that cannot be, and what `confirm` throws of what was read.
 */
export async function readRange(
  source: LogSource,
  { from, to, byHashFrom }: Span,
  schedule: Schedule | undefined,
  confirm: (reading: Reading) => Promise<void>,
): Promise<readonly FinalBlocks[]> {
  const { client, mediator } = source;
  const near = Math.min(to, Math.max(from, byHashFrom));
  const [far, ...newest] = await Promise.all([
    near > from ? readWhole(source, { from, to: near - 1 }) : [],
    ...Array.from({ length: to - near + 1 }, (_, i) => readBlockLogs(source, near + i)),
  ]);
  const end = refOf((newest.at(-1) as BlockLogs).block);
  const given = [...far, ...newest.flatMap((block) => block.logs)];
  const logs = soundLogs(given, { mediator, from, to });
  const cuts = await Promise.all(
    cutsOf(logs, from, schedule).map((number) => readBlockRef(client, number)),
  );
  const [again] = await Promise.all([
    readBlockRef(client, to),
    requireCanonical(client, logs, end),
    confirm({ from, end, near: newest.map(({ block }) => refOf(block)), cuts, logs }),
  ]);
  // Several machines may answer under one URL, and all of them may reorganise while we read.
  assertSame(again, end);
  const decoded = logs.map(decodeLog).filter((log) => log !== undefined);
  let after = from - 1;
  return [...cuts, end].map((part) => {
    const start = after;
    after = part.number;
    const inside = decoded.filter(({ block }) => block > start && block <= part.number);
    return { kind: "final", to: part, logs: inside };
  });
}

/** The logs of blocks far behind the head, held against the blooms of their headers. */
async function readWhole(source: LogSource, span: BlockSpan): Promise<readonly Log[]> {
  const { client, mediator } = source;
  const given = await readLogs(client, mediator, span.from, span.to);
  return completeLogs(source, soundLogs(given, { mediator, ...span }), span);
}

function refOf({ number, hash }: BlockRef): BlockRef {
  return { number, hash };
}

/**
 * Last blocks of the parts but the last: before each quarter that has logs, so that what its first
 * block brings is known before they are proven, and where a part would have too many.
 */
function cutsOf(
  logs: readonly Log[],
  from: BlockNumber,
  schedule: Schedule | undefined,
): BlockNumber[] {
  const cuts: BlockNumber[] = [];
  let after = from - 1;
  let inPart = 0;
  let lastBlock = after;
  const cut = (number: BlockNumber) => {
    if (number <= after) return;
    cuts.push(number);
    after = number;
    inPart = 0;
  };
  for (const { blockNumber } of logs) {
    const block = Number(blockNumber);
    if (schedule !== undefined && block >= schedule.genesisBlock) {
      const { round, quarter } = momentOf(schedule, block);
      const start = firstBlockOf(schedule, round, quarter);
      if (start - 1 > after) cut(start - 1);
    }
    if (inPart >= MOST_LOGS && block > lastBlock) cut(block - 1);
    inPart += 1;
    lastBlock = block;
  }
  return cuts;
}

/**
 * The logs of the same blocks as another endpoint has them. An endpoint that gives narrower ranges
 * is asked in parts: halved as often as it refuses, which only a long way behind the head takes
 * noticeable time. Throws `RpcUnavailable` where that is too long.
 */
export async function readAgain(
  client: AnyChainClient,
  mediator: Address,
  { from, end, near }: Reading,
): Promise<readonly Log[]> {
  const to = (near[0]?.number ?? end.number + 1) - 1;
  const until = performance.now() + MOST_READING_MS;
  const [far, ...newest] = await Promise.all([
    to < from ? [] : readInParts(client, mediator, from, to, until),
    ...near.map((block) => readBlockLogsAgain(client, mediator, block)),
  ]);
  return soundLogs([...far, ...newest.flat()], { mediator, from, to: end.number });
}

async function readInParts(
  client: AnyChainClient,
  mediator: Address,
  from: BlockNumber,
  to: BlockNumber,
  until: number,
): Promise<Log[]> {
  if (performance.now() > until) throw new RpcUnavailable("for logs in time", undefined);
  try {
    return await readLogs(client, mediator, from, to);
  } catch (error) {
    if (asTooWide(error) === undefined || from === to) throw error;
    const middle = Math.floor((from + to) / 2);
    const first = await readInParts(client, mediator, from, middle, until);
    return [...first, ...(await readInParts(client, mediator, middle + 1, to, until))];
  }
}

/** Whether both endpoints hold the same logs, in whichever order. */
export function areSame(some: readonly Log[], others: readonly Log[]): boolean {
  const text = (logs: readonly Log[]) =>
    logs
      .map(({ blockNumber, blockHash, logIndex, topics, data }) => {
        return `${blockNumber} ${blockHash} ${logIndex} ${topics} ${data}`;
      })
      .sort()
      .join();
  return some.length === others.length && text(some) === text(others);
}

function readLogs(
  client: AnyChainClient,
  address: Address,
  from: BlockNumber,
  to: BlockNumber,
): Promise<Log[]> {
  return client.getLogs({ address, fromBlock: BigInt(from), toBlock: BigInt(to) });
}

async function requireCanonical(
  client: AnyChainClient,
  logs: readonly Log[],
  end: BlockRef,
): Promise<void> {
  const hashes = new Map<BlockNumber, Hex>();
  for (const log of logs) {
    const number = Number(log.blockNumber);
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

/** Thrown inside a poll: the poll is repeated, and only then does it count as a failure. */
function assertSame(found: BlockRef, expected: BlockRef): void {
  if (found.hash === expected.hash) return;
  throw new Error(
    `Block ${expected.number} was ${expected.hash} and is ${found.hash}: the endpoint wavers.`,
  );
}
