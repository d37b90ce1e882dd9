/** One channel as a client follows it: which message comes next, and what is done about a gap. */
import type { RefusedByOperator } from "../api.ts";
import type { ChannelUpdate, KnownChannel } from "./channels.ts";

export interface SubscriptionListener {
  readonly listener: (update: ChannelUpdate) => void;
  readonly onRefused: ((error: RefusedByOperator) => void) | undefined;
}

/** The fate of a message: told, passed over, or answered by subscribing anew. */
export type Verdict = "next" | "drop" | "gap";

/** Repairs in a row after which the operator is given up: it never tells what is missing. */
const MOST_REPAIRS = 5;

export class Subscription {
  readonly channel: KnownChannel;
  /** The word by which messages name the channel. */
  readonly key: string;
  readonly listeners = new Set<SubscriptionListener>();
  /** Of the last message that was told; undefined: everything is wanted anew. */
  sequence: number | undefined;
  /** Id of the request that is not answered yet: messages before its answer are passed over. */
  #openRequest: number | undefined;
  #repairs = 0;

  constructor(channel: KnownChannel, key: string) {
    this.channel = channel;
    this.key = key;
  }

  /** A request to subscribe was sent. */
  asked(id: number): void {
    this.#openRequest = id;
  }

  /** True if `id` is the request that it waits for. */
  answered(id: number): boolean {
    const isThis = this.#openRequest === id;
    if (isThis) this.#openRequest = undefined;
    return isThis;
  }

  /** Forgets the connection: messages of the next one follow on its own request. */
  disconnected(): void {
    this.#openRequest = undefined;
    this.#repairs = 0;
  }

  judge({ type, previous }: ChannelUpdate): Verdict {
    if (this.#openRequest !== undefined) return "drop";
    const isNext =
      type === "snapshot" || (this.sequence !== undefined && previous === this.sequence);
    return isNext ? "next" : "gap";
  }

  /** A message was told. */
  told({ sequence }: ChannelUpdate): void {
    this.sequence = sequence;
    this.#repairs = 0;
  }

  /** A gap was found: true if it is worth another request to this operator. */
  isWorthRepair(): boolean {
    this.#repairs += 1;
    // Messages that were kept did not follow on the last one seen: a snapshot does.
    if (this.#repairs > 1) this.sequence = undefined;
    return this.#repairs <= MOST_REPAIRS;
  }
}
