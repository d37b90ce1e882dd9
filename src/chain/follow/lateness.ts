/**
 * Endpoints that have fallen behind, told from those that lack a block because the chain lacks it.
 * An endpoint is late by its newest block's time, held against this machine's clock and against the
 * head that it lacks: one of both may be wrong. It is late too, whatever clocks say, once its own
 * blocks were seen to come too slowly, and where its header proves nothing and that of the head
 * does: such a time may be made up.
 */
import type { Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { type GivenBlock, isProven } from "../proofs/headerProof.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { SILENCE_MS, Silences } from "./silences.ts";

/** Blocks over which an endpoint's own pace is taken. */
const SAMPLE_BLOCKS = 32n;
/** Blocks over which the chain's pace is taken, at least; and twice that, at most. */
const PACE_BLOCKS = 64;
/** Milliseconds between two blocks, at most: an endpoint may name any time. */
const LONGEST_INTERVAL_MS = 60_000;
/** See `freshMs`: usual times between two blocks, and milliseconds. */
const FRESH_INTERVALS = 3;
const FRESH_MS = 10_000;
/** Before an endpoint's pace is judged: usual times between two blocks, and milliseconds. */
const JUDGED_INTERVALS = 6;
const JUDGED_MS = 5_000;
/** Milliseconds for which an endpoint that was on time still is where it gives its height alone. */
const REMEMBERED_MS = 2 * SILENCE_MS;
/** An endpoint is slow when fewer than one in so many of the usual blocks came. */
const SLOWNESS = 4;

/** A newest block by the endpoint that is asked first. */
export interface Head {
  readonly number: BlockNumber;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly header: GivenBlock;
}

/** A newest block, and when it was heard of, in milliseconds of the monotonic clock. */
export interface Heard {
  readonly number: BlockNumber;
  readonly at: number;
}

/** The newest block of an endpoint; `isLate`: that it lacks the head says nothing of the chain. */
export interface Standing {
  readonly newest: BlockNumber;
  /** Undefined: it gave the number alone, in time. */
  readonly hash: Hex | undefined;
  readonly isLate: boolean;
}

/** A standing that was found, and when, in milliseconds of the monotonic clock. */
interface Found extends Standing {
  readonly at: number;
  /** Milliseconds between two blocks, of the chain or of the endpoint. */
  readonly interval: number;
}

/** The number of an endpoint's newest block; `isSaid`: by its word of now, not of before. */
export interface Height {
  readonly number: BlockNumber;
  readonly isSaid: boolean;
}

/** The newest block of an endpoint by its own word. */
interface Newest extends Heard {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly hash: Hex;
  /** Milliseconds between two blocks, of late. */
  readonly interval: number;
  /** The headers by which it tells all that. */
  readonly headers: readonly GivenBlock[];
}

export class Lateness {
  /** A clock that jumps is wrong before or afterwards: the time of the start counts on. */
  readonly #offset = Date.now() - performance.now();
  /** Of believed blocks: the pace is counted from the first; the second takes its place in time. */
  #marks: readonly [Heard, Heard] | undefined;
  #believed: Heard | undefined;
  /** The newest blocks of endpoints: what they had when their pace was last found to be right. */
  readonly #others = new Map<Endpoint, Heard>();
  /** The newest blocks of endpoints as they said last. */
  readonly #heights = new Map<Endpoint, Heard>();
  /** The standings of endpoints that were found last. */
  readonly #standings = new Map<Endpoint, Found>();
  readonly #noStanding = new Silences();
  readonly #noHeight = new Silences();

  /** Milliseconds between two blocks by what two endpoints had; undefined: too few are known. */
  get interval(): number | undefined {
    if (this.#believed === undefined || this.#marks === undefined) return undefined;
    const [first] = this.#marks;
    const blocks = this.#believed.number - first.number;
    return blocks >= PACE_BLOCKS ? (this.#believed.at - first.at) / blocks : undefined;
  }

  /** Counts a block towards the pace of the chain: two endpoints have it. */
  believe(heard: Heard): void {
    this.#marks ??= [heard, heard];
    if (this.#believed !== undefined && heard.number <= this.#believed.number) return;
    this.#believed = heard;
    const [first, second] = this.#marks;
    if (heard.number - first.number >= 2 * PACE_BLOCKS) this.#marks = [second, heard];
    else if (first === second && heard.number - first.number >= PACE_BLOCKS) {
      this.#marks = [first, heard];
    }
  }

  /** The standing of an endpoint beside `head`; undefined: it gives none in time. */
  async standingOf(endpoint: Endpoint, head: Head): Promise<Standing | undefined> {
    const isPaceKnown = this.interval !== undefined;
    const ask = () => newestOf(endpoint, isPaceKnown, this.#heights.get(endpoint)?.number);
    const newest = await this.#noStanding.answer(endpoint, ask);
    if (newest === undefined) return this.#lastStandingOf(endpoint);
    const isSlow = this.#isSlow(endpoint, newest);
    const isLate = isSlow || this.#isOld(newest, head) || isDoubtful(newest, head);
    const { number, hash, at } = newest;
    const interval = this.#intervalOf(newest);
    this.#standings.set(endpoint, { newest: number, hash, isLate, at, interval });
    return { newest: number, hash, isLate };
  }

  /** One slow answer makes no endpoint late that was on time, and goes on as the chain does. */
  async #lastStandingOf(endpoint: Endpoint): Promise<Standing | undefined> {
    const last = this.#standings.get(endpoint);
    if (last === undefined || last.isLate) return undefined;
    if (performance.now() - last.at > REMEMBERED_MS) return undefined;
    const height = await this.heightOf(endpoint);
    if (!height?.isSaid) return undefined;
    const ms = performance.now() - last.at;
    // The chain may have slowed: as much as an endpoint may that is not slow.
    const explained = (height.number - last.newest) * last.interval * SLOWNESS;
    if (ms - explained > freshMs(last.interval)) return undefined;
    return { newest: height.number, hash: undefined, isLate: false };
  }

  /**
   * The newest block of an endpoint, also of one that is passed over, for and against which nothing
   * is counted: by the time that it is well again, much may be made up. One that fell silent just
   * now has no more than what the pace of the chain gives it since. Undefined: it says none.
   */
  async heightOf(endpoint: Endpoint): Promise<Height | undefined> {
    const { client, probing, isFailing } = endpoint;
    const ask = () => (isFailing ? probing : client).getBlockNumber();
    const number = Number(await this.#noHeight.answer(endpoint, ask));
    if (!Number.isSafeInteger(number)) return this.#lastHeightOf(endpoint);
    this.#heights.set(endpoint, { number, at: performance.now() });
    return { number, isSaid: true };
  }

  #lastHeightOf(endpoint: Endpoint): Height | undefined {
    const last = this.#heights.get(endpoint);
    if (last === undefined) return undefined;
    const ms = performance.now() - last.at;
    const { interval } = this;
    const most = interval === undefined ? JUDGED_MS : JUDGED_INTERVALS * interval;
    if (ms >= Math.min(most, SILENCE_MS)) return undefined;
    return { number: last.number + (interval ? Math.floor(ms / interval) : 0), isSaid: false };
  }

  #intervalOf({ interval }: Newest): number {
    return Math.min(this.interval ?? interval, LONGEST_INTERVAL_MS);
  }

  /** True if blocks came after its newest one, as surely as clocks can tell. */
  #isOld(newest: Newest, head: Head): boolean {
    const now = Math.min(this.#offset + performance.now(), head.timestamp * 1000);
    return now - newest.time > freshMs(this.#intervalOf(newest));
  }

  /** True if far fewer blocks than usual came since its pace was last found to be right. */
  #isSlow(endpoint: Endpoint, newest: Newest): boolean {
    const before = this.#others.get(endpoint) ?? newest;
    const ms = newest.at - before.at;
    const interval = this.#intervalOf(newest);
    const blocks = newest.number - before.number;
    const isJudged = ms >= Math.max(JUDGED_MS, JUDGED_INTERVALS * interval);
    // Blocks of one second tell no interval.
    const isSlow = isJudged && (interval > 0 ? blocks * interval * SLOWNESS < ms : blocks <= 0);
    this.#others.set(endpoint, isJudged && !isSlow ? newest : before);
    return isSlow;
  }
}

/** Milliseconds that the newest block of an endpoint that is not late is old, at most. */
function freshMs(interval: number): number {
  return Math.max(FRESH_MS, FRESH_INTERVALS * interval);
}

/** True if headers of this chain prove their times, and those of the endpoint do not. */
function isDoubtful({ headers }: Newest, { header }: Head): boolean {
  return !headers.every(isProven) && isProven(header);
}

/**
 * `isPaceKnown`: of the chain, and an endpoint's own matters no more. `height`: its newest block as
 * it said last, so that both blocks are asked for at once.
 */
async function newestOf(
  { client }: Endpoint,
  isPaceKnown: boolean,
  height: BlockNumber | undefined,
): Promise<Newest> {
  const sampleOf = (newest: bigint) =>
    client.getBlock({ blockNumber: newest < SAMPLE_BLOCKS ? 0n : newest - SAMPLE_BLOCKS });
  const [block, asked] = await Promise.all([
    client.getBlock({ blockTag: "latest" }),
    isPaceKnown || height === undefined ? undefined : sampleOf(BigInt(height)),
  ]);
  const { number, timestamp } = block;
  const [at, time, hash] = [performance.now(), Number(timestamp) * 1000, block.hash as Hex];
  const heard = { number: Number(number), hash, at, time };
  const earlier = isPaceKnown ? block : (asked ?? (await sampleOf(number)));
  const blocks = number - earlier.number;
  if (blocks <= 0n) return { ...heard, interval: 0, headers: [block] };
  const interval = Number((timestamp - earlier.timestamp) * 1000n) / Number(blocks);
  return { ...heard, interval: Math.max(0, interval), headers: [block, earlier] };
}
