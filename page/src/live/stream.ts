/**
 * The connection to an operator's stream (src/wire/stream.ts). Messages wait for the next picture,
 * and are read together then. Where the connection breaks, the next operator is tried, and each
 * channel goes on from the last sequence that it saw.
 */
import { batch, type Signal, signal } from "@preact/signals";
import { parseInput, parseJson } from "../../../src/wire/input.ts";
import { channelKey, type StreamChannel } from "../../../src/wire/schemas/stream.ts";
import { toJson } from "../../../src/wire/schemas/values.ts";
import { STREAM_PATH, type StreamEvent, streamEvent } from "../../../src/wire/stream.ts";
import { onNextFrame } from "./frames.ts";

export type ChannelUpdate = Extract<StreamEvent, { readonly previous: number | null }>;
export type UpdateOf<Name extends StreamChannel["name"]> = Extract<
  ChannelUpdate,
  { readonly kind: `${Name}Update` }
>;

/** `since`: milliseconds of the last word, from when on everything shown is old. */
export type LinkState =
  | { readonly kind: "opening" }
  | { readonly kind: "live"; readonly url: string }
  | { readonly kind: "stale"; readonly since: number; readonly why: string };

interface Subscription {
  /** With the client's session as of now. */
  readonly open: () => StreamChannel | Promise<StreamChannel>;
  readonly take: (update: ChannelUpdate) => void;
  /** Called once after all updates of one picture were taken. */
  readonly settle: () => void;
  sequence: number | undefined;
  touched: boolean;
}

/** Milliseconds of silence after which an operator counts as gone: each block makes a message. */
const SILENCE_MS = 60_000;
const FIRST_WORD_MS = 5000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

export interface StreamOptions {
  /** Operators' HTTP addresses, the preferred first. */
  readonly urls: () => readonly string[];
  /** Events that belong to no channel: refusals, the leader's name. */
  readonly onEvent: (event: StreamEvent) => void;
}

export class Stream {
  readonly state: Signal<LinkState>;
  readonly #options: StreamOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #schedule = onNextFrame(() => this.#drain());
  #queue: string[] = [];
  #socket: WebSocket | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #tries = 0;
  #lastWord = Date.now();
  #nextId = 1;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.state = signal<LinkState>({ kind: "opening" });
  }

  start(): void {
    this.#connect();
  }

  /** Hears a channel until the function that it gives is called. */
  subscribe<Name extends StreamChannel["name"]>(
    key: string,
    open: Subscription["open"],
    take: (update: UpdateOf<Name>) => void,
    settle: () => void = () => {},
  ): () => void {
    const subscription: Subscription = {
      open,
      take: take as Subscription["take"],
      settle,
      sequence: undefined,
      touched: false,
    };
    this.#subscriptions.set(key, subscription);
    void this.#ask(key, subscription);
    return () => {
      if (this.#subscriptions.get(key) !== subscription) return;
      this.#subscriptions.delete(key);
      this.#send({ kind: "unsubscribe", id: this.#nextId++, channel: key });
    };
  }

  #connect(): void {
    const urls = this.#options.urls();
    const url = urls[this.#tries++ % urls.length] as string;
    const socket = new WebSocket(url.replace(/^http/, "ws") + STREAM_PATH);
    this.#socket = socket;
    const isCurrent = () => this.#socket === socket;
    this.#watch(FIRST_WORD_MS, socket);
    socket.addEventListener("open", () => {
      if (!isCurrent()) return;
      // The leader's name is told with the clock's hints.
      this.#send({ kind: "subscribeClock" });
      for (const [key, subscription] of this.#subscriptions) void this.#ask(key, subscription);
    });
    socket.addEventListener("message", ({ data }) => {
      if (!isCurrent()) return;
      this.#lastWord = Date.now();
      this.#pauseMs = FIRST_PAUSE_MS;
      if (this.state.value.kind !== "live" || this.state.value.url !== url) {
        this.#tries -= 1;
        this.state.value = { kind: "live", url };
      }
      this.#watch(SILENCE_MS, socket);
      this.#queue.push(String(data));
      this.#schedule();
    });
    const over = (why: string) => () => {
      if (isCurrent()) this.#lost(why);
    };
    socket.addEventListener("error", over("the connection failed"));
    socket.addEventListener("close", over("the connection was closed"));
  }

  /** Ends a connection on which nothing is said for `ms`. */
  #watch(ms: number, socket: WebSocket): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.#socket === socket) this.#lost("the operator says nothing");
    }, ms);
  }

  #lost(why: string): void {
    const socket = this.#socket;
    this.#socket = undefined;
    clearTimeout(this.#silence);
    socket?.close();
    if (this.state.value.kind === "live") this.#tries += 1;
    this.state.value = { kind: "stale", since: this.#lastWord, why };
    setTimeout(() => this.#connect(), this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  async #ask(key: string, subscription: Subscription): Promise<void> {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const socket = this.#socket;
    const opened = subscription.open();
    const channel = opened instanceof Promise ? await opened.catch(() => undefined) : opened;
    const isCurrent = this.#subscriptions.get(key) === subscription && this.#socket === socket;
    if (channel === undefined || !isCurrent) return;
    const { sequence: after } = subscription;
    this.#send({ kind: "subscribe", id: this.#nextId++, channel, after });
  }

  #send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(toJson(message));
  }

  #drain(): void {
    const texts = this.#queue;
    this.#queue = [];
    batch(() => {
      for (const text of texts) this.#hear(text);
      for (const subscription of this.#subscriptions.values()) {
        if (!subscription.touched) continue;
        subscription.touched = false;
        subscription.settle();
      }
    });
  }

  #hear(text: string): void {
    const json = parseJson(text);
    const event = json.ok ? parseInput(streamEvent, json.value, "event") : json;
    if (!event.ok) return this.#lost("the operator speaks another language");
    const { value } = event;
    if (!("previous" in value)) return this.#options.onEvent(value);
    const subscription = this.#subscriptions.get(value.channel);
    if (subscription === undefined) return;
    const isGap = value.type === "update" && value.previous !== (subscription.sequence ?? null);
    if (isGap) {
      subscription.sequence = undefined;
      void this.#ask(value.channel, subscription);
      return;
    }
    subscription.sequence = value.sequence;
    subscription.touched = true;
    subscription.take(value);
  }
}

export { channelKey };
