/**
 * The stream of an exchange as one lasting thing: channels are subscribed to once, whatever becomes
 * of connections and operators. After a break each channel goes on from the last message that was
 * seen, at the same operator or another; a gap is mended by what the operator kept, or by a
 * snapshot. While it is open to the operator that leads, orders are written over it too.
 */
import type { Address } from "../../base/hex.ts";
import { sleep } from "../../base/sleep.ts";
import { type ChannelName, channelKey } from "../../wire/schemas/stream.ts";
import { OperatorUnreachable, type RefusedByOperator, type SocketWrite } from "../api.ts";
import { parseFields } from "../arguments.ts";
import { BadArgument } from "../checks/badArgument.ts";
import type { ExchangeFacts } from "../checks/exchangeFacts.ts";
import type { LatestOrders } from "../latestOrders.ts";
import type { Operators } from "../operators.ts";
import type { OrderStatus } from "../types.ts";
import { BookMirror, type MirroredBook } from "./bookMirror.ts";
import { type ChannelRequest, type ChannelUpdate, parseChannel, updateFault } from "./channels.ts";
import { StreamConnection } from "./streamConnection.ts";
import { Subscription } from "./subscription.ts";

/** The client whose stream it is: an `ExchangeClient`. */
export interface StreamSource {
  readonly address: Address;
  readonly api: Operators;
  readonly exchange: ExchangeFacts;
  readonly latest: LatestOrders;
  readonly orders: {
    /** Checks and keeps the signed fill of an order that was told. */
    keep(status: OrderStatus): Promise<OrderStatus>;
  };
  session(): Promise<string>;
}

export interface ExchangeStreamOptions {
  /** Milliseconds of silence after which an operator counts as gone; 60,000. */
  readonly silenceMs?: number;
  /**
   * Called with the operator's URL once every channel is open there, and with undefined when the
   * connection is gone.
   */
  readonly onConnection?: (url: string | undefined) => void;
}

export interface SubscribeOptions {
  /** Called once where the channel is refused for good: the subscription is over then. */
  readonly onRefused?: (error: RefusedByOperator) => void;
}

const DEFAULT_SILENCE_MS = 60_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5000;

export class ExchangeStream {
  readonly #client: StreamSource;
  readonly #options: ExchangeStreamOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #ending = new AbortController();
  #connection: StreamConnection | undefined;
  /**
   * Settled once the stream is over: resolves after `close`; rejects with what a listener threw, or
   * with `BadReceipt` where an operator's signature on a fill is wrong.
   */
  readonly closed: Promise<void>;

  /** Opens it: connects at once, and again after each break. Throws `BadArgument`. */
  constructor(client: StreamSource, options: ExchangeStreamOptions = {}) {
    parseFields("options", options, ["silenceMs", "onConnection"]);
    this.#client = client;
    this.#options = options;
    const release = client.api.writeOver((url) => this.#writeAt(url));
    this.closed = this.#run().finally(release);
    // A caller that does not wait for the end is not told of a failure.
    this.closed.catch(() => {});
  }

  /** The operator to which it is connected now. */
  get url(): string | undefined {
    return this.#connection?.url;
  }

  /**
   * Tells `listener` every message of a channel in order until the function that it returns is
   * called. A `snapshot` is everything: forget what was before; an `update` follows on the message
   * before. Throws `BadArgument`.
   */
  subscribe<Name extends ChannelName>(
    request: ChannelRequest & { readonly name: Name },
    listener: (update: ChannelUpdate<Name>) => void,
    { onRefused }: SubscribeOptions = {},
  ): () => void {
    const channel = parseChannel(this.#client.exchange, this.#client.address, request);
    if (typeof listener !== "function") {
      throw new BadArgument("listener", "It is no function", "Give one that takes a message.");
    }
    const key = keyOf(channel);
    const known = this.#subscriptions.get(key);
    const subscription = known ?? new Subscription(channel, key);
    const entry = { listener: listener as (update: ChannelUpdate) => void, onRefused };
    subscription.listeners.add(entry);
    this.#subscriptions.set(key, subscription);
    // A later listener of a channel wants the snapshot too: the channel begins anew for all.
    if (known !== undefined) subscription.sequence = undefined;
    this.#connection?.subscribe(subscription);
    return () => {
      subscription.listeners.delete(entry);
      if (subscription.listeners.size > 0 || this.#subscriptions.get(key) !== subscription) return;
      this.#subscriptions.delete(key);
      this.#connection?.unsubscribe(subscription);
    };
  }

  /** Tells `listener` the whole book of a market whenever it is another. */
  subscribeBook(
    market: string,
    listener: (book: MirroredBook) => void,
    options: SubscribeOptions = {},
  ): () => void {
    const mirror = new BookMirror();
    const take = (update: ChannelUpdate<"book">) => {
      if (mirror.take(update)) return listener(mirror.book());
      if (update.type === "update") return this.#connection?.repair(update.channel);
      throw new OperatorUnreachable(this.url ?? "The operator", "a book that is crossed");
    };
    return this.subscribe({ name: "book", market }, take, options);
  }

  /** Ends every subscription and the connection. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.closed;
  }

  #writeAt(url: string): SocketWrite | undefined {
    const connection = this.#connection;
    return connection?.url === url && connection.isOpen ? connection.write : undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const { api } = this.#client;
    const { onConnection, silenceMs = DEFAULT_SILENCE_MS } = this.#options;
    let pauseMs = FIRST_PAUSE_MS;
    let url = api.url;
    while (!signal.aborted) {
      const began = performance.now();
      const connection = new StreamConnection({
        url,
        silenceMs,
        session: () => this.#client.session(),
        subscriptions: this.#subscriptions,
        accept: (one, update) => this.#accept(one, update),
        onLeader: (leader) => api.prefer(leader),
        leader: () => api.url,
        onReady: () => onConnection?.(url),
        onRefused: (one, error) => this.#refused(one, error),
      });
      this.#connection = connection;
      try {
        await connection.run(signal);
      } catch (error) {
        if (!(error instanceof OperatorUnreachable)) throw error;
      } finally {
        this.#connection = undefined;
      }
      onConnection?.(undefined);
      // The operator that was named as the leader meanwhile, else the next.
      url = api.url === url ? api.after(url) : api.url;
      const lasted = performance.now() - began > LONGEST_PAUSE_MS;
      if (connection.wasReady && lasted) pauseMs = FIRST_PAUSE_MS;
      await sleep(pauseMs, signal).catch(() => {});
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /** Checks a message that is next in its channel, and tells it. Throws where it is wrong. */
  async #accept(subscription: Subscription, update: ChannelUpdate): Promise<void> {
    const { exchange, orders } = this.#client;
    const fault = updateFault(exchange, subscription.channel, update);
    if (fault !== undefined) throw new OperatorUnreachable(this.url ?? "The operator", fault);
    if (update.kind === "ordersUpdate") {
      for (const order of update.data) await orders.keep(order);
    }
    for (const { listener } of subscription.listeners) listener(update);
  }

  #refused(subscription: Subscription, error: RefusedByOperator): void {
    this.#subscriptions.delete(subscription.key);
    for (const { onRefused } of subscription.listeners) onRefused?.(error);
  }
}

function keyOf(channel: Parameters<typeof updateFault>[1]): string {
  return channelKey("client" in channel ? { ...channel, session: "" } : channel);
}
