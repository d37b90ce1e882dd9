/**
 * Heads that leap: further ahead of the last one than the chain's pace explains, or the first of
 * all. Others are asked then. Where none is as far, and one is not late by its newest block's
 * time, the leap is refused: blocks that an endpoint makes up can be compared with no other's.
 * That time is held against this machine's clock, which may be wrong. So an endpoint refuses
 * nothing either, whatever the clock says, once its own blocks were seen to come too slowly.
 * Heads that come at their pace are nobody's to refuse: an endpoint that stands still or trails
 * holds nothing up.
 */
import { within } from "../../base/within.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { type Endpoint, SECOND_WORD_MS } from "../rpc/endpoint.ts";
import { EndpointsDisagree } from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";

/** Blocks over which the time between two is taken. */
const SAMPLE_BLOCKS = 32n;
/** Blocks over which our own pace is taken, at least; and twice that, at most. */
const PACE_BLOCKS = 64;
/** Times the usual pace at which blocks may come. */
const MOST_PACE = 2;

/** Usual times between two blocks after which an endpoint's pace is judged. */
const JUDGED_INTERVALS = 3;

/** A newest block, and when it was heard of, in milliseconds of the monotonic clock. */
interface Heard {
  readonly number: BlockNumber;
  readonly at: number;
}

export interface LeapsOptions {
  readonly client: ChainClient;
  readonly confirmations: number;
}

export class Leaps {
  readonly #options: LeapsOptions;
  /** The newest block so far. */
  #last: Heard | undefined;
  /** The pace is counted from the first; the second takes its place in time. */
  #marks: readonly [Heard, Heard] | undefined;
  /** The newest blocks of others: what they had when their pace was last found to be right. */
  readonly #others = new Map<Endpoint, Heard>();

  constructor(options: LeapsOptions) {
    this.#options = options;
  }

  /** Throws `EndpointsDisagree`, and passes over `source`, where its leap is refused. */
  async check(source: Endpoint, number: BlockNumber): Promise<void> {
    const at = performance.now();
    if (this.#isLeap({ number, at })) await this.#requireAnother(source, number);
    this.#note({ number, at });
  }

  /** Blocks that may come at once. */
  get #slack(): number {
    return Math.max(1, this.#options.confirmations);
  }

  #isLeap({ number, at }: Heard): boolean {
    if (this.#last === undefined || this.#marks === undefined) return true;
    const [first] = this.#marks;
    const [blocks, ms] = [this.#last.number - first.number, this.#last.at - first.at];
    // Without a pace yet, none but what may come at once is explained.
    const usual = ms === 0 ? 0 : (blocks / ms) * (at - this.#last.at);
    return number - this.#last.number > this.#slack + MOST_PACE * usual;
  }

  #note(heard: Heard): void {
    this.#marks ??= [heard, heard];
    if (this.#last !== undefined && heard.number <= this.#last.number) return;
    this.#last = heard;
    const [first, second] = this.#marks;
    if (heard.number - first.number >= 2 * PACE_BLOCKS) this.#marks = [second, heard];
    else if (first === second && heard.number - first.number >= PACE_BLOCKS) {
      this.#marks = [first, heard];
    }
  }

  /** True if fewer than half of its usual blocks came since it was first asked. */
  #isSlow(endpoint: Endpoint, newest: Newest | undefined): boolean {
    if (newest === undefined) return false;
    const heard: Heard = { number: newest.number, at: performance.now() };
    const before = this.#others.get(endpoint) ?? heard;
    const ms = heard.at - before.at;
    const isJudged = newest.interval > 0 && ms >= JUDGED_INTERVALS * newest.interval;
    const isSlow = isJudged && (heard.number - before.number) * newest.interval < ms / 2;
    this.#others.set(endpoint, isJudged && !isSlow ? heard : before);
    return isSlow;
  }

  async #requireAnother(source: Endpoint, number: BlockNumber): Promise<void> {
    const { transport } = this.#options.client;
    const others = transport.endpoints().filter((endpoint) => endpoint !== source);
    const answers = await Promise.all(
      others.map((one) =>
        within(
          SECOND_WORD_MS,
          newestOf(one).catch(() => undefined),
        ),
      ),
    );
    if (answers.some((one) => one !== undefined && one.number >= number - this.#slack)) return;
    const slow = others.map((one, i) => this.#isSlow(one, answers[i]));
    const index = answers.findIndex(
      (one, i) => one !== undefined && !isLate(one, number) && !slow[i],
    );
    const [other, newest] = [others[index], answers[index]];
    if (other === undefined || newest === undefined) return;
    transport.suspend(source, `no other endpoint has its newest block ${number}`);
    throw new EndpointsDisagree("the newest block", [
      { origin: source.origin, says: `${number}` },
      { origin: other.origin, says: `${newest.number}` },
    ]);
  }
}

/** The newest block of an endpoint. */
interface Newest {
  readonly number: BlockNumber;
  /** Milliseconds by this machine's clock. */
  readonly age: number;
  /** Milliseconds between two blocks, of late. */
  readonly interval: number;
}

/** True if its age explains half of the blocks that are missing up to `number`, at least. */
function isLate({ number: newest, age, interval }: Newest, number: BlockNumber): boolean {
  return age > ((number - newest) * interval) / 2;
}

async function newestOf({ client }: Endpoint): Promise<Newest> {
  const { number, timestamp } = await client.getBlock({ blockTag: "latest" });
  const age = Date.now() - Number(timestamp) * 1000;
  const blocks = number < SAMPLE_BLOCKS ? number : SAMPLE_BLOCKS;
  if (blocks === 0n) return { number: 0, age, interval: 0 };
  const earlier = await client.getBlock({ blockNumber: number - blocks });
  const interval = Number((timestamp - earlier.timestamp) * 1000n) / Number(blocks);
  return { number: Number(number), age, interval };
}
