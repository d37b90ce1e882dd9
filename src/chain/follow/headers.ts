/**
 * Headers of blocks from one endpoint: one by one, or many in one request where it answers that.
 * How many is found out: some nodes take a hundred, some providers ten, three or one.
 */
import type { Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { AnyChainClient } from "../chainClient.ts";
import { LogsBloom } from "../proofs/bloom.ts";
import type { RpcCall } from "../rpc/connection.ts";
import { kindOf } from "../rpc/errorKinds.ts";
import { isOverwhelmed } from "../rpc/errors.ts";

export interface BlockHeader {
  readonly number: BlockNumber;
  readonly hash: Hex;
}

export interface FullHeader extends BlockHeader {
  /** Undefined where the header tells nothing of logs. */
  readonly bloom: LogsBloom | undefined;
  /** Hashes of its transactions. */
  readonly transactions: readonly Hex[];
}

/** One endpoint, as far as headers are read from it. */
export interface HeaderSource {
  readonly client: AnyChainClient;
  /** The results in the order of the calls, undefined for each that was not answered with them. */
  readonly requestAll: (calls: readonly RpcCall[]) => Promise<readonly unknown[]>;
}

/** A range of blocks, both ends included. */
export interface BlockSpan {
  readonly from: BlockNumber;
  readonly to: BlockNumber;
}

/**
 * Headers in one request at most: halved, it comes to three, the most in one provider's free plan.
 * Erigon and bor take 100 by default, Nethermind, Besu and geth some 1000, Optimism's own endpoint
 * 10. A limit of requests counts each of them.
 */
const MOST_IN_REQUEST = 24;
/** Requests at once. */
const REQUESTS_AT_ONCE = 16;
/** Headers after which a refused number in one request is tried again; doubled by each refusal. */
const FIRST_PATIENCE = 1000;
const LONGEST_PATIENCE = 1_000_000;

/** Throws where the block does not exist, and what reading throws. */
export async function readHeader(
  { client }: Pick<HeaderSource, "client">,
  number: BlockNumber,
): Promise<FullHeader> {
  const { hash, logsBloom, transactions } = await client.getBlock({ blockNumber: BigInt(number) });
  const bloom = LogsBloom.parse(logsBloom);
  return { number, hash: hash as Hex, bloom, transactions: (transactions ?? []) as Hex[] };
}

/** Reads the headers of long ranges from one endpoint. Remembers how many it gives at once. */
export class HeaderReader {
  readonly #source: HeaderSource;
  /** Headers in one request. */
  #width = MOST_IN_REQUEST;
  /** Headers read since the width changed. */
  #read = 0;
  #patience = FIRST_PATIENCE;

  constructor(source: HeaderSource) {
    this.#source = source;
  }

  /**
   * The blocks of `span` whose headers `isWanted`, in order. Many headers in one request are tried
   * first; whatever is not answered so is asked for by itself, and only that failure is thrown.
   */
  async find(
    { from, to }: BlockSpan,
    isWanted: (header: FullHeader) => boolean,
  ): Promise<readonly BlockNumber[]> {
    const found: BlockNumber[] = [];
    const take = (header: FullHeader) => {
      if (isWanted(header)) found.push(header.number);
    };
    let left = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
    let isFailed = false;
    const next = () => {
      if (isFailed) return [];
      const part = left.slice(0, this.#width);
      left = left.slice(part.length);
      return part;
    };
    const work = async () => {
      for (let part = next(); part.length > 0; part = next()) {
        const missed = await this.#readPart(part, take);
        left = [...missed, ...left];
      }
    };
    const stop = (error: unknown) => {
      isFailed = true;
      throw error;
    };
    await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, () => work().catch(stop)));
    return found.sort((a, b) => a - b);
  }

  /** Gives the blocks that are still to be read: never all of them. */
  async #readPart(
    numbers: readonly BlockNumber[],
    take: (header: FullHeader) => void,
  ): Promise<readonly BlockNumber[]> {
    const { headers, failure } = await this.#headersOf(numbers);
    headers.forEach(take);
    this.#passed(headers.length);
    const known = new Set(headers.map(({ number }) => number));
    const [first, ...others] = numbers.filter((number) => !known.has(number));
    if (first === undefined) return [];
    try {
      take(await readHeader(this.#source, first));
    } catch (error) {
      if (kindOf(error) === "limited") this.#refused(numbers.length, undefined);
      throw error;
    }
    // By itself it is answered: they were too many at once.
    if (numbers.length > 1) this.#refused(numbers.length, failure);
    else this.#passed(1);
    return others;
  }

  async #headersOf(
    numbers: readonly BlockNumber[],
  ): Promise<{ readonly headers: readonly FullHeader[]; readonly failure?: unknown }> {
    if (numbers.length === 1) return { headers: [] };
    const calls = numbers.map((number) => ({
      method: "eth_getBlockByNumber",
      params: [`0x${number.toString(16)}`, false],
    }));
    try {
      const results = await this.#source.requestAll(calls);
      const headers = numbers.map((number, i) => headerIn(results[i], number));
      return { headers: headers.filter((header) => header !== undefined) };
    } catch (failure) {
      return { headers: [], failure };
    }
  }

  #passed(count: number): void {
    this.#read += count;
    if (this.#read < this.#patience || this.#width === MOST_IN_REQUEST) return;
    this.#read = 0;
    this.#width = Math.min(MOST_IN_REQUEST, this.#width * 2);
  }

  /** `count` in one request were too many; of several such only the first says something. */
  #refused(count: number, failure: unknown): void {
    if (count > this.#width || count === 1) return;
    // Each time that no answer comes takes long.
    this.#width = isOverwhelmed(failure) ? 1 : Math.floor(count / 2);
    this.#read = 0;
    this.#patience = Math.min(LONGEST_PATIENCE, this.#patience * 2);
  }
}

/** Undefined where the endpoint does not know the block. */
function headerIn(result: unknown, number: BlockNumber): FullHeader | undefined {
  const { hash, logsBloom, transactions } = (result ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof hash !== "string") return undefined;
  const bloom = LogsBloom.parse(logsBloom);
  return { number, hash: hash as Hex, bloom, transactions: (transactions ?? []) as Hex[] };
}
