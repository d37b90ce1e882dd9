/** One WebSocket of an `ExchangeStream` from its opening to its end. */
import { parseInput, parseJson } from "../../wire/input.ts";
import { toJson } from "../../wire/schemas/values.ts";
import { STREAM_PATH, type StreamEvent, streamEvent } from "../../wire/stream.ts";
import { OperatorUnreachable, RefusedByOperator, type SocketWrite, TIMEOUT_MS } from "../api.ts";
import type { ChannelUpdate } from "./channels.ts";
import type { Subscription } from "./subscription.ts";

export interface StreamConnectionOptions {
  readonly url: string;
  readonly silenceMs: number;
  readonly session: () => Promise<string>;
  /** By their keys: those of the whole stream. */
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  /** Tells a message that is next in its channel. Rejects with what ends the connection. */
  readonly accept: (subscription: Subscription, update: ChannelUpdate) => Promise<void>;
  readonly onLeader: (url: string) => void;
  /** The operator that is asked first now. */
  readonly leader: () => string;
  /** Every channel is open. */
  readonly onReady: () => void;
  /** A channel is refused for good. */
  readonly onRefused: (subscription: Subscription, error: RefusedByOperator) => void;
}

interface OpenWrite {
  readonly take: (message: Readonly<Record<string, unknown>>) => void;
  readonly fail: (error: OperatorUnreachable) => void;
}

export class StreamConnection {
  readonly #options: StreamConnectionOptions;
  readonly #writes = new Map<number, OpenWrite>();
  /** Of each request for a channel: which. */
  readonly #requests = new Map<number, Subscription>();
  /** Requests for channels that are not answered yet. */
  readonly #opening = new Set<number>();
  readonly #ended = Promise.withResolvers<void>();
  #socket: WebSocket | undefined;
  #session = "";
  #lastId = 0;
  /** Messages are taken one after the other, in their order. */
  #taken: Promise<void> = Promise.resolve();
  #wasReady = false;

  constructor(options: StreamConnectionOptions) {
    this.#options = options;
    this.#ended.promise.catch(() => {});
  }

  get url(): string {
    return this.#options.url;
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Whether every channel was open once. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Resolves when `signal` is aborted; rejects when the connection is over. */
  async run(signal: AbortSignal): Promise<void> {
    const { url, silenceMs, subscriptions } = this.#options;
    this.#session = await this.#options.session();
    if (signal.aborted) return;
    const socket = new WebSocket(url.replace(/^http/, "ws") + STREAM_PATH);
    this.#socket = socket;
    const fail = (why: string) => this.#ended.reject(new OperatorUnreachable(url, why));
    let silence = setTimeout(fail, Math.min(silenceMs, TIMEOUT_MS), "no first word");
    const ending = new AbortController();
    const until = { signal: ending.signal };
    signal.addEventListener("abort", () => this.#ended.resolve(), until);
    socket.addEventListener("open", () => this.#begin(), until);
    const hear = ({ data }: MessageEvent) => {
      clearTimeout(silence);
      silence = setTimeout(fail, silenceMs, "silence");
      this.#taken = this.#taken.then(() => this.#take(String(data)));
      this.#taken.catch((error: unknown) => this.#ended.reject(error));
    };
    socket.addEventListener("message", hear, until);
    socket.addEventListener("error", () => fail("the stream failed"));
    socket.addEventListener("close", ({ code }) => fail(`the stream closed with ${code}`));
    try {
      await this.#ended.promise;
    } finally {
      ending.abort();
      clearTimeout(silence);
      socket.close();
      for (const one of subscriptions.values()) one.disconnected();
      const error = new OperatorUnreachable(url, "the stream ended");
      for (const { fail: failed } of this.#writes.values()) failed(error);
      this.#writes.clear();
    }
  }

  subscribe(subscription: Subscription): void {
    if (!this.isOpen) return;
    const id = ++this.#lastId;
    const { channel, sequence } = subscription;
    const whole = "client" in channel ? { ...channel, session: this.#session } : channel;
    for (const [known, one] of this.#requests) if (one === subscription) this.#forget(known);
    this.#requests.set(id, subscription);
    this.#opening.add(id);
    subscription.asked(id);
    this.#send({ kind: "subscribe", id, channel: whole, after: sequence });
  }

  unsubscribe({ key }: Subscription): void {
    if (this.isOpen) this.#send({ kind: "unsubscribe", id: ++this.#lastId, channel: key });
  }

  /** Asks for the whole of a channel whose messages do not fit together. */
  repair(key: string): void {
    const subscription = this.#options.subscriptions.get(key);
    if (subscription === undefined) return;
    subscription.sequence = undefined;
    this.#mend(subscription);
  }

  readonly write: SocketWrite = (name, body, timeoutMs) => {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Readonly<Record<string, unknown>>>();
    const { url } = this.#options;
    const timer = setTimeout(
      () => reject(new OperatorUnreachable(url, "no answer over the stream")),
      timeoutMs,
    );
    this.#writes.set(id, { take: resolve, fail: reject });
    this.#send({ kind: name, id, body });
    return promise.finally(() => {
      clearTimeout(timer);
      this.#writes.delete(id);
    });
  };

  #begin(): void {
    // Blocks, and who leads.
    this.#send({ kind: "subscribeClock" });
    for (const one of this.#options.subscriptions.values()) this.subscribe(one);
  }

  #send(request: object): void {
    this.#socket?.send(toJson(request));
  }

  async #take(text: string): Promise<void> {
    const { url } = this.#options;
    const json = parseJson(text);
    if (!json.ok) throw new OperatorUnreachable(url, "a message that is no JSON");
    const message = json.value as Readonly<Record<string, unknown>>;
    const open = this.#writes.get(Number(message["id"]));
    // The answer to a write is parsed as the route's is.
    if (open !== undefined) return open.take(message);
    const event = parseInput(streamEvent, json.value, "event");
    if (!event.ok) throw new OperatorUnreachable(url, `${event.refusal.field} of the stream`);
    await this.#hear(event.value);
  }

  /** Throws what ends the connection. */
  async #hear(event: StreamEvent): Promise<void> {
    switch (event.kind) {
      case "answer":
        return this.#opened(Number(event.id));
      case "refusal":
        return this.#refused(event);
      case "subscribed":
        return this.#checkReady();
      case "leader":
        if (event.url === null) return;
        this.#options.onLeader(event.url);
        if (this.#options.leader() === this.url) return;
        throw new OperatorUnreachable(this.url, "another operator leads");
      default:
        if ("channel" in event) await this.#hearUpdate(event);
    }
  }

  async #hearUpdate(update: ChannelUpdate): Promise<void> {
    const subscription = this.#options.subscriptions.get(update.channel);
    if (subscription === undefined) return;
    const verdict = subscription.judge(update);
    if (verdict === "gap") this.#mend(subscription);
    if (verdict !== "next") return;
    await this.#options.accept(subscription, update);
    subscription.told(update);
  }

  #mend(subscription: Subscription): void {
    if (!subscription.isWorthRepair()) {
      throw new OperatorUnreachable(this.url, `the channel ${subscription.key} has gaps`);
    }
    this.subscribe(subscription);
  }

  #opened(id: number): void {
    this.#opening.delete(id);
    this.#requests.get(id)?.answered(id);
    this.#checkReady();
  }

  #forget(id: number): void {
    this.#requests.delete(id);
    this.#opening.delete(id);
  }

  #checkReady(): void {
    if (this.#wasReady || this.#opening.size > 0) return;
    this.#wasReady = true;
    this.#options.onReady();
  }

  #refused({ id, error }: Extract<StreamEvent, { readonly kind: "refusal" }>): void {
    const { code, act, message } = error;
    const subscription = this.#requests.get(Number(id));
    if (subscription === undefined || act === "retry") {
      throw new OperatorUnreachable(this.url, `${code}: ${message}`);
    }
    this.#forget(Number(id));
    this.#options.onRefused(subscription, new RefusedByOperator(code, act, message));
    this.#checkReady();
  }
}
