/** The newest block of the chain: by the healthiest endpoint, as far as others bear it out. */
import type { BlockNumber } from "../../protocol/units.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { failureToTell } from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { Head, Lateness } from "./lateness.ts";
import { Leaps } from "./leaps.ts";
import { Survey } from "./survey.ts";

export interface HeadPollOptions {
  readonly client: ChainClient;
  readonly confirmations: number;
  readonly lateness: Lateness;
}

/** News of a head, for an operator. */
export interface HeadEvent {
  readonly kind: "head";
  /** The newest block that others bear out. */
  readonly number: BlockNumber;
  /** The newest block that any endpoint named, as far as they were asked, at or after `number`. */
  readonly newest: BlockNumber;
  /** Seconds since 1970. */
  readonly timestamp: number;
  /** Wei for a unit of gas; 0 on a chain without. */
  readonly baseFee: bigint;
}

export interface Polled {
  readonly source: Endpoint;
  readonly event: HeadEvent;
  readonly head: Head;
}

export class HeadPoll {
  readonly #client: ChainClient;
  readonly #survey: Survey;
  readonly #leaps: Leaps;
  /** The newest block of the last poll. */
  #last: BlockNumber = -1;

  constructor(options: HeadPollOptions) {
    this.#client = options.client;
    this.#survey = new Survey(options);
    this.#leaps = new Leaps(options);
  }

  /**
   * `onSource` is called with the endpoint whose block it is; `ordered` gives the endpoints in the
   * order of being asked. Throws `EndpointsDisagree` where the block leaps ahead of all others, and
   * what the last endpoint said where none answers.
   */
  async poll(
    onSource: (source: Endpoint) => void = () => {},
    ordered = () => this.#client.transport.endpoints(),
  ): Promise<Polled> {
    await this.#survey.poll(this.#last);
    const polled = await this.#newest(ordered());
    onSource(polled.source);
    this.#last = polled.head.number;
    const newest = await this.#leaps.check(polled.source, polled.head);
    return { ...polled, event: { ...polled.event, newest } };
  }

  async #newest(endpoints: readonly Endpoint[]): Promise<Polled> {
    let failure: unknown;
    for (const source of endpoints) {
      try {
        const header = await source.client.getBlock({ blockTag: "latest" });
        const [number, timestamp] = [Number(header.number), Number(header.timestamp)];
        const baseFee = header.baseFeePerGas ?? 0n;
        const event = { kind: "head", number, newest: number, timestamp, baseFee } as const;
        return { source, event, head: { number, timestamp, header } };
      } catch (error) {
        failure = failureToTell(failure, error);
      }
    }
    throw failure;
  }
}
