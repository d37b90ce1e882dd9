/**
 * The messages of one channel of the stream. All its subscribers are told the same, so a message is
 * made once for each flush; a later subscriber is told the whole up to the last flush, and then the
 * same as all.
 */
import type { Refusal } from "../../protocol/refusals.ts";

export interface Update {
  readonly type: "snapshot" | "update";
  /** Up to which this message is; see wire/schemas/stream.ts. */
  readonly sequence: number;
  readonly previous: number | null;
  readonly data: unknown;
}

/** The channel cannot begin now: its first message cannot be made. */
export class FeedUnavailable extends Error {
  override readonly name = "FeedUnavailable";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}

export interface Feed {
  /**
   * For a new subscriber: what came after the sequence that it has seen, or everything there is.
   * Undefined: nothing came.
   */
  first(after: number | undefined): Update | undefined | Promise<Update | undefined>;
  /** The news since the last flush; undefined: none. */
  next(): Update | undefined;
  /** To be called once nobody hears it any more. */
  close?(): void;
}

/** Tells a value as a whole whenever it is another. */
export class StateFeed implements Feed {
  readonly #read: () => unknown;
  readonly #sequence: () => number;
  readonly #textOf: (value: unknown) => string;
  readonly #stop: (() => void) | undefined;
  #text: string;
  #last: Update;

  /**
   * `sequence`: of the value as it is now. `textOf`: what must change for it to be another. `stop`:
   * called once nobody hears it any more.
   */
  constructor(
    read: () => unknown,
    sequence: () => number,
    textOf: (value: unknown) => string,
    stop?: () => void,
  ) {
    this.#stop = stop;
    this.#read = read;
    this.#sequence = sequence;
    this.#textOf = textOf;
    const data = read();
    this.#text = textOf(data);
    this.#last = { type: "snapshot", sequence: sequence(), previous: null, data };
  }

  first(): Update {
    return { ...this.#last, previous: null };
  }

  next(): Update | undefined {
    const data = this.#read();
    const text = this.#textOf(data);
    if (text === this.#text) return undefined;
    const previous = this.#last.sequence;
    this.#text = text;
    this.#last = { type: "snapshot", sequence: this.#sequence(), previous, data };
    return this.#last;
  }

  close(): void {
    this.#stop?.();
  }
}

/** Where a list that only grows is read. */
export interface Growing<T> {
  /** Of those after the sequence, the first `limit`, oldest first. */
  after(sequence: number, limit: number): readonly T[];
  /** Newest first. */
  newest(limit: number): readonly T[];
  sequenceOf(item: T): number;
}

/** Items of a snapshot: who wants more reads them over HTTP. */
const SNAPSHOT_ITEMS = 100;
/** Most items of one message; who has missed more begins anew. */
const MOST_ITEMS = 500;

/** Tells what a list that only grows has got. */
export class GrowingFeed<T> implements Feed {
  readonly #list: Growing<T>;
  #last: number;

  constructor(list: Growing<T>) {
    this.#list = list;
    const [newest] = list.newest(1);
    this.#last = newest === undefined ? 0 : list.sequenceOf(newest);
  }

  first(after: number | undefined): Update | undefined {
    const sequence = this.#last;
    const told = (items: readonly T[]) =>
      items.filter((item) => this.#list.sequenceOf(item) <= sequence);
    const missed = after === undefined ? undefined : this.#list.after(after, MOST_ITEMS);
    if (after !== undefined && after <= sequence && missed && missed.length < MOST_ITEMS) {
      const data = told(missed);
      if (data.length === 0) return undefined;
      return { type: "update", sequence, previous: after, data };
    }
    const data = told([...this.#list.newest(SNAPSHOT_ITEMS)].reverse());
    return { type: "snapshot", sequence, previous: null, data };
  }

  next(): Update | undefined {
    const data = this.#list.after(this.#last, MOST_ITEMS);
    const newest = data.at(-1);
    if (newest === undefined) return undefined;
    const previous = this.#last;
    this.#last = this.#list.sequenceOf(newest);
    return { type: "update", sequence: this.#last, previous, data };
  }
}
