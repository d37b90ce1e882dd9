/**
 * Heads that leap: further ahead than the chain's pace explains of the last one that others bore
 * out, or the first of all. Others are asked then, and at times in any case, so that nobody gets
 * ahead by small steps. Where none is as far, and one keeps pace, the leap is refused: blocks that
 * an endpoint makes up can be compared with no other's. An endpoint that stands still or trails
 * holds nothing up.
 */
import type { BlockNumber } from "../../protocol/units.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { EndpointsDisagree } from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { Head, Heard, Lateness } from "./lateness.ts";

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
  /** The newest block about which others were asked. */
  #asked: Heard | undefined;

  constructor(options: LeapsOptions) {
    this.#options = options;
  }

  /** Throws `EndpointsDisagree`, and passes over `source`, where its leap is refused. */
  async check(source: Endpoint, head: Head): Promise<void> {
    const heard = { number: head.number, at: performance.now() };
    if (!this.#isLeap(heard)) return;
    const isBorneOut = await this.#isBorneOut(source, head);
    if (isBorneOut) this.#options.lateness.believe(heard);
    this.#asked = heard;
  }

  /** Blocks that may come at once. */
  get #slack(): number {
    return Math.max(1, this.#options.confirmations);
  }

  #isLeap({ number, at }: Heard): boolean {
    if (this.#asked === undefined) return true;
    const blocks = number - this.#asked.number;
    if (blocks >= MOST_UNASKED) return true;
    // Without a pace yet, none but what may come at once is explained.
    const { interval } = this.#options.lateness;
    const usual = interval ? (at - this.#asked.at) / interval : 0;
    return blocks > this.#slack + MOST_PACE * usual;
  }

  /** False where no other can tell. Throws `EndpointsDisagree` where one contradicts. */
  async #isBorneOut(source: Endpoint, head: Head): Promise<boolean> {
    const { client, lateness } = this.#options;
    const others = client.transport.endpoints().filter((endpoint) => endpoint !== source);
    const standings = await Promise.all(others.map((one) => lateness.standingOf(one, head)));
    const leastOf: BlockNumber = head.number - this.#slack;
    if (standings.some((one) => one !== undefined && one.newest >= leastOf)) return true;
    const index = standings.findIndex((one) => one !== undefined && !one.isLate);
    const [other, standing] = [others[index], standings[index]];
    if (other === undefined || standing === undefined) return false;
    const problem = `no other endpoint has its newest block ${head.number}`;
    client.transport.suspend(source, problem);
    throw new EndpointsDisagree("the newest block", [
      { origin: source.origin, says: `${head.number}` },
      { origin: other.origin, says: `${standing.newest}` },
    ]);
  }
}
