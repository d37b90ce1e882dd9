/** One connection of the stream: its requests, its channels, and how far behind it is. */
import type { WebSocket } from "ws";
import type { Address } from "../base/hex.ts";
import type { OperatorApi } from "../operator/api/operatorApi.ts";
import { type Refusal, refuse } from "../protocol/refusals.ts";
import { parseInput, parseJson } from "../wire/input.ts";
import { ORDER_ROUTES } from "../wire/routes/orders.ts";
import { channelKey, type StreamChannel } from "../wire/schemas/stream.ts";
import { toJson } from "../wire/schemas/values.ts";
import { errorBody } from "../wire/sentences.ts";
import { parseSession } from "../wire/session.ts";
import {
  type RequestId,
  STREAM_WRITES,
  type StreamRequest,
  type StreamWriteName,
  streamRequest,
} from "../wire/stream.ts";
import { FeedUnavailable } from "./feeds/feed.ts";
import type { Feeds } from "./feeds/feeds.ts";
import { type Call, HANDLERS, type Handler } from "./handlers.ts";
import { type HintListener, type HintRequest, hintChannelOf } from "./hints.ts";
import { itemsOf, type RateKind } from "./rateLimits.ts";

/** Unsent bytes at which a connection counts as too slow; at half of them it is told. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** WebSocket close code for "try again later". */
const TOO_SLOW = 1013;

type Write = Extract<StreamRequest, { readonly kind: StreamWriteName }>;
type Subscribe = Extract<StreamRequest, { readonly kind: "subscribe" }>;

export interface ConnectionOptions {
  readonly api: OperatorApi;
  readonly feeds: Feeds;
  readonly socket: WebSocket;
  /** Called when this connection begins to hear hints of a channel. */
  readonly onHints: (channel: string) => void;
  /** Takes `weight` requests from the limit of the connection's address. */
  readonly limit: (kind: RateKind, weight: number) => Refusal | undefined;
}

export class StreamConnection implements HintListener {
  readonly #api: OperatorApi;
  readonly #feeds: Feeds;
  readonly #socket: WebSocket;
  readonly #limit: ConnectionOptions["limit"];
  readonly #onHints: ConnectionOptions["onHints"];
  readonly #maxChannels: number;
  readonly #hints = new Set<string>();
  /** By the channel's word: what ends it; undefined while it begins. */
  readonly #channels = new Map<string, (() => void) | undefined>();
  /** Clients whose dead-man switches move as long as this connection lives. */
  readonly #attending = new Map<Address, () => void>();
  #isWarned = false;
  /** Settled once every write before is answered. */
  #answered: Promise<void> = Promise.resolve();

  constructor({ api, feeds, socket, limit, onHints }: ConnectionOptions, maxChannels: number) {
    this.#limit = limit;
    this.#onHints = onHints;
    this.#api = api;
    this.#feeds = feeds;
    this.#socket = socket;
    this.#maxChannels = maxChannels;
  }

  hears(channel: string): boolean {
    return this.#hints.has(channel);
  }

  /** Channels of whose hints this connection hears. */
  get hints(): ReadonlySet<string> {
    return this.#hints;
  }

  async receive(text: string): Promise<void> {
    const json = parseJson(text);
    if (!json.ok) return this.#refuse(json.refusal);
    const kind = kindOf(json.value);
    const refuse = (refusal: Refusal) => {
      const tell = () => this.#refuse(refusal, idOf(json.value));
      return kind === "read" ? tell() : this.#inTurn(async () => tell);
    };
    const limited = this.#limit(kind, 1);
    if (limited !== undefined) return refuse(limited);
    const request = parseInput(streamRequest, json.value, "message");
    if (!request.ok) return refuse(request.refusal);
    const { value } = request;
    switch (value.kind) {
      case "subscribe":
        return this.#subscribe(value);
      case "unsubscribe":
        this.#channels.get(value.channel)?.();
        this.#channels.delete(value.channel);
        return this.send(toJson({ kind: "answer", id: value.id, channel: value.channel }));
      case "subscribeClock":
      case "subscribeMarket":
      case "subscribeClient":
        return this.#subscribeHints(value);
      default:
        return this.#inTurn(() => this.#write(value));
    }
  }

  /** Tells it, unless it is too far behind: then it is closed. */
  send(message: string | Buffer): void {
    const { bufferedAmount } = this.#socket;
    if (bufferedAmount > MAX_BUFFERED_BYTES) {
      this.#socket.close(TOO_SLOW, "too slow: reconnect and go on from what was seen");
      return;
    }
    if (bufferedAmount < MAX_BUFFERED_BYTES / 4) this.#isWarned = false;
    if (bufferedAmount > MAX_BUFFERED_BYTES / 2 && !this.#isWarned) {
      this.#isWarned = true;
      this.#socket.send(toJson({ kind: "slow", bufferedBytes: bufferedAmount }));
    }
    this.#socket.send(message, { binary: false });
  }

  /** To be called once it is closed. */
  end(): void {
    for (const stop of this.#channels.values()) stop?.();
    this.#channels.clear();
    for (const leave of this.#attending.values()) leave();
    this.#attending.clear();
  }

  #attend(client: Address): void {
    if (!this.#attending.has(client)) this.#attending.set(client, this.#api.attend(client));
  }

  async #subscribe({ id, channel, after }: Subscribe): Promise<void> {
    const denied = this.#denied(channel);
    if (denied !== undefined) return this.#refuse(denied, id);
    const key = channelKey(channel);
    if (this.#isFull(key)) return this.#refuse(tooMany(this.#maxChannels), id);
    // A second subscription begins anew.
    this.#channels.get(key)?.();
    this.#channels.set(key, undefined);
    if ("client" in channel) this.#attend(channel.client);
    this.send(toJson({ kind: "answer", id, channel: key }));
    const stop = await this.#begin(channel, after);
    if (stop instanceof FeedUnavailable) {
      this.#channels.delete(key);
      return this.#refuse(stop.refusal, id);
    }
    if (stop === undefined) {
      this.#channels.delete(key);
      const what = "base" in channel ? `market ${channel.base}/${channel.quote}` : key;
      return this.#refuse(refuse("NotFound", { what }), id);
    }
    // The subscription may have ended, or begun anew, meanwhile.
    if (this.#channels.has(key) && this.#channels.get(key) === undefined) {
      this.#channels.set(key, stop);
    } else stop();
  }

  /** Begins a write at once, so that many share a flush, and answers in the order of requests. */
  async #inTurn(begin: () => Promise<() => void>): Promise<void> {
    const answer = begin();
    const turn = this.#answered.then(async () => (await answer)());
    // A failure ends the connection, and with it every later answer.
    this.#answered = turn;
    this.#answered.catch(() => {});
    return turn;
  }

  /** Gives the function that tells the answer. */
  async #write({ kind, id, body }: Write): Promise<() => void> {
    const further = itemsOf(body) - 1;
    const limited = further > 0 ? this.#limit(rateOf(kind), further) : undefined;
    if (limited !== undefined) return () => this.#refuse(limited, id);
    // Each body is that of the route whose name it has; the compiler cannot follow the pair.
    const call = { params: undefined, query: undefined, body } as Call<StreamWriteName>;
    const answer = await (HANDLERS[kind] as Handler<StreamWriteName>)(this.#api, call);
    if (!answer.ok) return () => this.#refuse(answer.refusal, id);
    const text = toJson({ kind: "answer", id, [STREAM_WRITES[kind]]: answer.value });
    return () => this.send(text);
  }

  async #begin(channel: StreamChannel, after: number | undefined) {
    try {
      return await this.#feeds.listen(channel, after, (message) => this.send(message));
    } catch (error) {
      if (error instanceof FeedUnavailable) return error;
      throw error;
    }
  }

  #subscribeHints(request: HintRequest): void {
    const denied = this.#deniedHints(request);
    if (denied !== undefined) return this.#refuse(denied);
    const channel = hintChannelOf(request);
    if (this.#isFull(channel)) return this.#refuse(tooMany(this.#maxChannels));
    if (!this.#hints.has(channel)) this.#onHints(channel);
    this.#hints.add(channel);
    if (request.kind === "subscribeClient") this.#attend(request.client);
    this.send(toJson({ kind: "subscribed", to: channel }));
    if (request.kind === "subscribeClock") {
      this.send(toJson({ kind: "clock", clock: this.#api.clock() }));
    }
  }

  #deniedHints(request: HintRequest): Refusal | undefined {
    if (request.kind === "subscribeClock") return undefined;
    if (request.kind === "subscribeClient") return this.#unauthorized(request);
    const { base, quote } = request.market;
    const isKnown = this.#api.book(base, quote, { depth: 1 }) !== undefined;
    return isKnown ? undefined : refuse("NotFound", { what: `market ${base}/${quote}` });
  }

  #denied(channel: StreamChannel): Refusal | undefined {
    return "client" in channel ? this.#unauthorized(channel) : undefined;
  }

  #unauthorized({ client, session }: { client: Address; session: string }): Refusal | undefined {
    const outcome = parseSession(session);
    if (!outcome.ok) return refuse("Unauthorized", { problem: outcome.problem });
    return this.#api.authorize(client, outcome.value.session, outcome.value.signature);
  }

  #isFull(channel: string): boolean {
    const isKnown = this.#hints.has(channel) || this.#channels.has(channel);
    return !isKnown && this.#hints.size + this.#channels.size >= this.#maxChannels;
  }

  #refuse(refusal: Refusal, id?: RequestId): void {
    this.send(toJson({ kind: "refusal", id, ...errorBody(refusal) }));
  }
}

function tooMany(most: number): Refusal {
  const problem = `A connection holds at most ${most} channels.`;
  return refuse("BadInput", { field: "message.kind", problem, hint: "Open a second connection." });
}

function isWrite(kind: unknown): kind is StreamWriteName {
  return typeof kind === "string" && Object.hasOwn(STREAM_WRITES, kind);
}

function rateOf(kind: StreamWriteName): RateKind {
  return ORDER_ROUTES[kind].rate;
}

/** From which limit a request takes. */
function kindOf(value: unknown): RateKind {
  const kind = (value as { readonly kind?: unknown } | null)?.kind;
  return isWrite(kind) ? rateOf(kind) : "read";
}

/** The id of a request that is malformed otherwise. */
function idOf(value: unknown): RequestId | undefined {
  const id = (value as { readonly id?: unknown } | null)?.id;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}
