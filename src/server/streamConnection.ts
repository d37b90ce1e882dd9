/** One connection of the stream: its requests, its channels, and how far behind it is. */
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Address } from "../base/hex.ts";
import type { OperatorApi } from "../operator/api/operatorApi.ts";
import { type Refusal, refuse } from "../protocol/refusals.ts";
import { parseJson } from "../wire/input.ts";
import { answerText } from "../wire/orderWriter.ts";
import { ORDER_ROUTES } from "../wire/routes/orders.ts";
import { channelKey, type StreamChannel } from "../wire/schemas/stream.ts";
import { toJson } from "../wire/schemas/values.ts";
import { errorBody } from "../wire/sentences.ts";
import { parseSession } from "../wire/session.ts";
import {
  parseStreamRequest,
  type RequestId,
  STREAM_WRITES,
  type StreamRequest,
  type StreamWriteName,
} from "../wire/stream.ts";
import { FeedUnavailable } from "./feeds/feed.ts";
import type { Feeds } from "./feeds/feeds.ts";
import { type Call, HANDLERS, type Handler } from "./handlers.ts";
import { type HintListener, type HintRequest, hintChannelOf } from "./hints.ts";
import { itemsOf, type RateKind } from "./rateLimits.ts";
import { textFrames } from "./textFrames.ts";

/** Unsent bytes at which a connection counts as too slow; at half of them it is told. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** Writes of one connection under way; while there are as many, no more are read from it. */
export const MAX_UNANSWERED = 1024;
/** WebSocket close code for "try again later". */
const TOO_SLOW = 1013;

type Write = Extract<StreamRequest, { readonly kind: StreamWriteName }>;
type Subscribe = Extract<StreamRequest, { readonly kind: "subscribe" }>;

/** The answer to a write; undefined: it is not there yet. */
interface Answer {
  text: string | undefined;
}

export interface ConnectionOptions {
  readonly api: OperatorApi;
  readonly feeds: Feeds;
  readonly socket: WebSocket;
  /** The connection below it, to which answers are written together. */
  readonly connection: Socket;
  /** Called when a request failed: the connection must end. */
  readonly onFailure: () => void;
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
  /** Of the writes that are under way, in their order. */
  readonly #unanswered: Answer[] = [];
  readonly #connection: Socket;
  readonly #onFailure: () => void;
  /** Answers that leave at the end of the tick. */
  #gathered: string[] = [];
  #gatheredLength = 0;
  readonly #flush = () => this.#sendGathered();

  constructor(options: ConnectionOptions, maxChannels: number) {
    const { api, feeds, socket, limit, onHints, connection, onFailure } = options;
    this.#connection = connection;
    this.#onFailure = onFailure;
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

  /** Throws where the connection must end. */
  receive(text: string): void {
    this.#receive(text);
    // The end of the connection may stand right behind a request that was refused.
    this.#sendGathered();
  }

  #receive(text: string): void {
    const json = parseJson(text);
    if (!json.ok) return this.#refuse(json.refusal);
    const kind = kindOf(json.value);
    const limited = this.#limit(kind, 1);
    const request = limited === undefined ? parseStreamRequest(json.value) : undefined;
    if (request?.ok) return this.#begin(request.value);
    const refusal = limited ?? request?.refusal;
    if (refusal === undefined) return;
    const refused = refusalText(refusal, idOf(json.value));
    if (kind === "read") this.send(refused);
    else this.#answerInTurn({ text: refused });
  }

  #begin(request: StreamRequest): void {
    switch (request.kind) {
      case "subscribe":
        void this.#subscribe(request).catch(this.#onFailure);
        return;
      case "unsubscribe":
        this.#channels.get(request.channel)?.();
        this.#channels.delete(request.channel);
        this.send(toJson({ kind: "answer", id: request.id, channel: request.channel }));
        return;
      case "subscribeClock":
      case "subscribeMarket":
      case "subscribeClient":
        this.#subscribeHints(request);
        return;
      default:
        this.#write(request);
    }
  }

  /** Tells it, unless it is too far behind: then it is closed. */
  send(message: string | Buffer): void {
    if (!this.#isKeepingUp()) return;
    this.#sendGathered();
    this.#socket.send(message, { binary: false });
  }

  /** The same of what leaves with all that is answered in this tick, as one packet. */
  #sendSoon(text: string): void {
    if (!this.#isKeepingUp()) return;
    if (this.#gathered.length === 0) process.nextTick(this.#flush);
    this.#gathered.push(text);
    this.#gatheredLength += text.length;
  }

  #sendGathered(): void {
    if (this.#gathered.length === 0) return;
    const texts = this.#gathered;
    this.#gathered = [];
    this.#gatheredLength = 0;
    // Nothing may come after the frame that closes it.
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#connection.write(textFrames(texts), "latin1");
  }

  /** Closes it once all that it was told before is sent. */
  close(code: number, reason: string): void {
    this.#sendGathered();
    this.#socket.close(code, reason);
  }

  #isKeepingUp(): boolean {
    const bufferedBytes = this.#socket.bufferedAmount + this.#gatheredLength;
    if (bufferedBytes > MAX_BUFFERED_BYTES) {
      this.close(TOO_SLOW, "too slow: reconnect and go on from what was seen");
      return false;
    }
    if (bufferedBytes < MAX_BUFFERED_BYTES / 4) this.#isWarned = false;
    if (bufferedBytes > MAX_BUFFERED_BYTES / 2 && !this.#isWarned) {
      this.#isWarned = true;
      this.#sendGathered();
      this.#socket.send(toJson({ kind: "slow", bufferedBytes }));
    }
    return true;
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
    const stop = await this.#listen(channel, after);
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

  /** Sends the answer, once it is there, after those of all writes before it. */
  #answerInTurn(answer: Answer): void {
    this.#unanswered.push(answer);
    if (this.#unanswered.length >= MAX_UNANSWERED) this.#socket.pause();
    this.#sendAnswers();
  }

  #sendAnswers(): void {
    let first = this.#unanswered[0]?.text;
    // A failure ended the connection, and with it every later answer.
    if (first === undefined || this.#socket.readyState !== this.#socket.OPEN) return;
    for (; first !== undefined; first = this.#unanswered[0]?.text) {
      this.#unanswered.shift();
      this.#sendSoon(first);
    }
    if (this.#unanswered.length < MAX_UNANSWERED && this.#socket.isPaused) this.#socket.resume();
  }

  /** Begins at once, so that many share a flush. */
  #write({ kind, id, body }: Write): void {
    const further = itemsOf(body) - 1;
    const limited = further > 0 ? this.#limit(rateOf(kind), further) : undefined;
    if (limited !== undefined) {
      this.#answerInTurn({ text: refusalText(limited, id) });
      return;
    }
    // Each body is that of the route whose name it has; the compiler cannot follow the pair.
    const call = { params: undefined, query: undefined, body } as Call<StreamWriteName>;
    const given = (HANDLERS[kind] as Handler<StreamWriteName>)(this.#api, call);
    const answer: Answer = { text: undefined };
    this.#answerInTurn(answer);
    const take = (outcome: Awaited<typeof given>) => {
      answer.text = outcome.ok
        ? writeText(kind, id, outcome.value)
        : refusalText(outcome.refusal, id);
      this.#sendAnswers();
    };
    if (given instanceof Promise) given.then(take).catch(this.#onFailure);
    else take(given);
  }

  async #listen(channel: StreamChannel, after: number | undefined) {
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
    this.send(refusalText(refusal, id));
  }
}

function refusalText(refusal: Refusal, id?: RequestId): string {
  return toJson({ kind: "refusal", id, ...errorBody(refusal) });
}

function writeText(kind: StreamWriteName, id: RequestId, answer: unknown): string {
  const text = answerText(kind, answer);
  return `{"kind":"answer","id":${JSON.stringify(id)},"${STREAM_WRITES[kind]}":${text}}`;
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
