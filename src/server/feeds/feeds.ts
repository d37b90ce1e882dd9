/** The channels that somebody listens to, flushed together: what is told is made once for all. */
import type { Address } from "../../base/hex.ts";
import type { ApiEvent, OperatorApi } from "../../operator/api/operatorApi.ts";
import { channelKey, type StreamChannel } from "../../wire/schemas/stream.ts";
import { toJson } from "../../wire/schemas/values.ts";
import type { Feed, Update } from "./feed.ts";
import { feedOf } from "./feedOf.ts";
import { OrdersFeed } from "./ordersFeed.ts";

/** Milliseconds for which what happens is gathered into one message. */
const FLUSH_MS = 20;
/** Milliseconds for which a channel that nobody hears is kept for who comes back. */
const IDLE_MS = 60_000;

/** Hears a message as the UTF-8 of its text, made once for all who hear it. */
export type Listener = (message: Buffer) => void;

interface Open {
  readonly channel: StreamChannel;
  readonly key: string;
  readonly feed: Feed;
  readonly listeners: Set<Listener>;
  idleSince: number;
}

export class Feeds {
  readonly #api: OperatorApi;
  readonly #open = new Map<string, Open>();
  readonly #touched = new Set<Address>();
  /** Clients with open channels, and how many. */
  readonly #clients = new Map<Address, number>();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(api: OperatorApi) {
    this.#api = api;
    this.#unsubscribe = api.subscribe(
      (event) => this.#hear(event),
      (client) => this.#clients.has(client),
    );
  }

  /**
   * Tells `listener` what there is, or what came after `after`, and then every change until the
   * function that this resolves with is called. Undefined where there is no such market. Rejects
   * with `FeedUnavailable` where the channel cannot begin now.
   */
  async listen(
    channel: StreamChannel,
    after: number | undefined,
    listener: Listener,
  ): Promise<(() => void) | undefined> {
    while (this.#api.whenWhole() !== undefined) await this.#api.whenWhole();
    const open = this.#openOf(channel);
    if (open === undefined) return undefined;
    const { feed, listeners } = open;
    // Messages that come while the first one is made follow it: none is lost between the two.
    const held: Buffer[] = [];
    let tell: Listener = (message) => void held.push(message);
    const told: Listener = (message) => tell(message);
    const stop = () => {
      listeners.delete(told);
      open.idleSince = performance.now();
    };
    const first = feed.first(after);
    listeners.add(told);
    try {
      const update = first instanceof Promise ? await first : first;
      if (update !== undefined) listener(messageOf(open, update));
    } catch (error) {
      stop();
      throw error;
    }
    for (const message of held) listener(message);
    tell = listener;
    return stop;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe();
    for (const { feed } of this.#open.values()) feed.close?.();
  }

  /** Tells everybody what came since the last time; later, while a record is half applied. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#api.whenWhole() !== undefined) {
      this.#timer = setTimeout(() => this.flush(), FLUSH_MS);
      return;
    }
    const now = performance.now();
    for (const open of this.#open.values()) {
      const { channel, feed, listeners, key, idleSince } = open;
      if (listeners.size === 0 && now - idleSince > IDLE_MS) {
        this.#open.delete(key);
        this.#count(channel, -1);
        feed.close?.();
        continue;
      }
      if ("client" in channel && !this.#touched.has(channel.client)) continue;
      for (let update = feed.next(); update !== undefined; update = feed.next()) {
        if (listeners.size === 0) continue;
        const message = messageOf(open, update);
        for (const listener of listeners) listener(message);
      }
    }
    this.#touched.clear();
  }

  #hear(event: ApiEvent): void {
    // A channel begins with all that there is.
    if (this.#open.size === 0) return;
    if (event.kind === "applied" || event.kind === "pendingDeposits") {
      for (const client of event.clients) this.#touched.add(client);
    }
    if (event.kind === "order") {
      const { owner } = event.order;
      const orders = this.#open.get(`orders:${owner}`)?.feed;
      if (orders instanceof OrdersFeed) orders.push(event.order);
      this.#touched.add(owner);
    }
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  #openOf(channel: StreamChannel): Open | undefined {
    const key = channelKey(channel);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    if ("base" in channel) {
      const { base, quote } = channel;
      if (this.#api.book(base, quote, { depth: 1 }) === undefined) return undefined;
    }
    const listeners = new Set<Listener>();
    const feed = feedOf(this.#api, channel);
    const open: Open = { channel, key, feed, listeners, idleSince: performance.now() };
    this.#open.set(key, open);
    this.#count(channel, 1);
    return open;
  }

  #count(channel: StreamChannel, change: 1 | -1): void {
    if (!("client" in channel)) return;
    const count = (this.#clients.get(channel.client) ?? 0) + change;
    if (count === 0) this.#clients.delete(channel.client);
    else this.#clients.set(channel.client, count);
  }
}

function messageOf({ channel, key }: Open, update: Update): Buffer {
  return Buffer.from(toJson({ kind: `${channel.name}Update`, channel: key, ...update }));
}
