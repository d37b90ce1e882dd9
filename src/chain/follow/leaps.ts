/**
 * Heads that leap: further ahead of the last one than the chain's pace explains, or the first of
 * all. Others are asked then, and at times in any case, so that nobody gets ahead by small steps.
 * Where none is as far, and one keeps pace, the leap is refused: blocks that an endpoint makes up
 * can be compared with no other's. An endpoint that stands still or trails holds nothing up.
 */
import type { BlockNumber } from "../../protocol/units.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { EndpointsDisagree } from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { Head, Heard, Lateness } from "./lateness.ts";

/** Lag of an endpoint that is well, at least: machines behind one URL are not all as far. */
const NORMAL_LAG_BLOCKS = 3;
const NORMAL_LAG_MS = 5000;
/** Times the usual pace at which blocks may come. */
const MOST_PACE = 2;
/** Blocks after which others are asked, however they came. */
const MOST_UNASKED = 32;

export interface LeapsOptions {
  readonly client: ChainClient;
  readonly confirmations: number;
  readonly lateness: Lateness;
}

export class Leaps {
  readonly #options: LeapsOptions;
  /** The newest block so far. */
  #last: Heard | undefined;
  /** The newest block about which others were asked. */
  #asked: BlockNumber | undefined;

  constructor(options: LeapsOptions) {
    this.#options = options;
  }

  /**
   * The newest block that any endpoint named now, at or after `head`: nobody may bear it out.
   * Throws `EndpointsDisagree`, and passes over `source`, where its leap is refused.
   */
  async check(source: Endpoint, head: Head): Promise<BlockNumber> {
    const heard = { number: head.number, at: performance.now() };
    let newest = head.number;
    if (this.#isLeap(heard)) {
      const others = await this.#newestOfOthers(source, head);
      const borneOut = this.#borneOut(others, head);
      if (borneOut !== undefined) this.#options.lateness.believe({ ...heard, number: borneOut });
      this.#asked = head.number;
      newest = Math.max(newest, others);
    }
    this.#last = heard;
    return newest;
  }

  /** Blocks that may come at once, and by which one that is well may trail. */
  get #slack(): number {
    const { confirmations, lateness } = this.#options;
    const inTime = lateness.interval ? Math.ceil(NORMAL_LAG_MS / lateness.interval) : 0;
    return Math.max(NORMAL_LAG_BLOCKS, confirmations, inTime);
  }

  #isLeap({ number, at }: Heard): boolean {
    if (this.#last === undefined || this.#asked === undefined) return true;
    const unasked = number - this.#asked;
    if (unasked >= MOST_UNASKED || unasked < -this.#slack) return true;
    // Without a pace yet, none but what may come at once is explained.
    const { interval } = this.#options.lateness;
    const usual = interval ? (at - this.#last.at) / interval : 0;
    return number - this.#last.number > this.#slack + MOST_PACE * usual;
  }

  /** The newest block of the chain by two endpoints; undefined where none bears it out. */
  #borneOut(others: BlockNumber, head: Head): BlockNumber | undefined {
    if (others < head.number - this.#slack) return undefined;
    // An endpoint that catches up, or makes as if, tells nothing of the chain's pace.
    return others <= head.number + NORMAL_LAG_BLOCKS ? Math.min(others, head.number) : undefined;
  }

  /** 0 where none answers. Throws `EndpointsDisagree` where one contradicts. */
  async #newestOfOthers(source: Endpoint, head: Head): Promise<BlockNumber> {
    const { client, lateness } = this.#options;
    const others = client.transport.endpoints().filter((endpoint) => endpoint !== source);
    const standings = await Promise.all(others.map((one) => lateness.standingOf(one, head)));
    const newest = Math.max(0, ...standings.map((one) => one?.newest ?? 0));
    if (newest >= head.number - this.#slack) return newest;
    const index = standings.findIndex((one) => one !== undefined && !one.isLate);
    const [other, standing] = [others[index], standings[index]];
    if (other === undefined || standing === undefined) return newest;
    const problem = `no other endpoint has its newest block ${head.number}`;
    client.transport.suspend(source, problem);
    throw new EndpointsDisagree("the newest block", [
      { origin: source.origin, says: `${head.number}` },
      { origin: other.origin, says: `${standing.newest}` },
    ]);
  }
}
