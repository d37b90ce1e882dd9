/**
 * Listens to the exchange's events (wire/stream.ts) at one operator after the other. Events arrive
 * once or not at all: after each break the caller gets a gap event, and reads the state over HTTP.
 * An event older than an answer that came first is dropped.
 */
import type { Address } from "../../base/hex.ts";
import { sleep } from "../../base/sleep.ts";
import { parseInput, parseJson } from "../../wire/input.ts";
import { toJson } from "../../wire/schemas/values.ts";
import {
  STREAM_PATH,
  type StreamEvent,
  type StreamRequest,
  streamEvent,
} from "../../wire/stream.ts";
import { OperatorUnreachable, RefusedByOperator, TIMEOUT_MS } from "../api.ts";
import { parseAddressArgument, parseCount, parseFields, parseMethods } from "../arguments.ts";
import { BadArgument } from "../checks/badArgument.ts";
import type { LatestOrders } from "../latestOrders.ts";
import type { Operators } from "../operators.ts";

/** The channels heard besides the clock, which always is. */
export type Channel =
  | { readonly kind: "market"; readonly base: Address; readonly quote: Address }
  /** `session`: the client's header (session.ts), asked for at each connection. */
  | {
      readonly kind: "client";
      readonly client: Address;
      readonly session: () => Promise<string>;
    };

export interface StreamOptions {
  readonly operators: Operators;
  readonly channels: readonly Channel[];
  /**
   * The known states of orders: the client's own (`ExchangeClient.latest`), so that answers count.
   */
  readonly latest: LatestOrders;
  readonly onEvent: (event: StreamEvent) => void;
  /**
   * From now on events of every channel arrive, and earlier ones may be missing: read the state.
   * Sent at the first connection too.
   */
  readonly onGap: (url: string) => void;
  /**
   * Whether only the operator that leads is listened to, as a cancel on disconnect wants it
   * (`OrderWriter.cancelAfter`): where another is named, the connection moves there.
   */
  readonly atLeader?: boolean;
  /** Milliseconds of silence after which an operator counts as gone; 60,000. Blocks make events. */
  readonly silenceMs?: number;
}

const DEFAULT_SILENCE_MS = 60_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5000;

/**
 * Listens until `signal` is aborted. Throws `RefusedByOperator` when a channel is refused for good:
 * there is no such market, or the session is not the client's.
 */
export async function listen(options: StreamOptions, signal: AbortSignal): Promise<void> {
  parseListening(options, signal);
  const { operators } = options;
  let pauseMs = FIRST_PAUSE_MS;
  let url = operators.url;
  while (!signal.aborted) {
    const connection = new Connection(url, options, signal);
    const began = performance.now();
    try {
      await connection.run();
    } catch (error) {
      const isRetried = error instanceof RefusedByOperator && error.act === "retry";
      if (!isRetried && !(error instanceof OperatorUnreachable)) throw error;
    }
    // The operator that was named as the leader meanwhile, else the next.
    url = operators.url === url ? operators.after(url) : operators.url;
    // An operator that accepts and ends at once would be asked twenty times a second, by all its
    // clients.
    const lasted = performance.now() - began > LONGEST_PAUSE_MS;
    if (connection.wasComplete && lasted) pauseMs = FIRST_PAUSE_MS;
    await sleep(pauseMs, signal).catch(() => {});
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

/** Throws `BadArgument`. */
function parseListening(options: unknown, signal: unknown): void {
  const known = ["operators", "channels", "latest", "onEvent", "onGap", "silenceMs", "atLeader"];
  const given = parseFields("options", options, known);
  parseMethods("options.operators", given["operators"], ["call", "after", "prefer"]);
  parseMethods("options.latest", given["latest"], ["take", "of"]);
  parseMethods("options", given, ["onEvent", "onGap"]);
  if (given["silenceMs"] !== undefined) parseCount("options.silenceMs", given["silenceMs"], 1);
  if (!(signal instanceof AbortSignal)) {
    throw new BadArgument("signal", "It is no AbortSignal", "Give that of an AbortController.");
  }
  if (!Array.isArray(given["channels"])) {
    throw new BadArgument("options.channels", "It is no list", "Give one; it may be empty.");
  }
  for (const [index, channel] of given["channels"].entries()) {
    parseChannel(`options.channels.${index}`, channel);
  }
}

function parseChannel(field: string, value: unknown): void {
  const fields = ["kind", "base", "quote", "client", "session"];
  const given = parseFields(field, value, fields);
  if (given["kind"] === "market") {
    for (const name of ["base", "quote"]) parseAddressArgument(`${field}.${name}`, given[name]);
    return;
  }
  if (given["kind"] !== "client") {
    const hint = 'Write "market" or "client".';
    throw new BadArgument(`${field}.kind`, "It is no kind of channel", hint);
  }
  parseAddressArgument(`${field}.client`, given["client"]);
  parseMethods(field, given, ["session"]);
}

/** One WebSocket from its opening to its end. */
class Connection {
  readonly #url: string;
  readonly #options: StreamOptions;
  readonly #signal: AbortSignal;
  /** Channels that are not confirmed yet. */
  #waitingFor: number;

  constructor(url: string, options: StreamOptions, signal: AbortSignal) {
    this.#url = url;
    this.#options = options;
    this.#signal = signal;
    this.#waitingFor = options.channels.length + 1;
  }

  /** Whether every channel was heard. */
  get wasComplete(): boolean {
    return this.#waitingFor === 0;
  }

  /** Resolves when the signal is aborted; rejects when the connection is over. */
  async run(): Promise<void> {
    const { channels, silenceMs = DEFAULT_SILENCE_MS } = this.#options;
    const requests = await Promise.all([{ kind: "subscribeClock" as const }, ...channels.map(ask)]);
    if (this.#signal.aborted) return;
    const socket = new WebSocket(this.#url.replace(/^http/, "ws") + STREAM_PATH);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (why: string) => reject(new OperatorUnreachable(this.#url, why));
    let silence = setTimeout(fail, Math.min(silenceMs, TIMEOUT_MS), "no first word");
    const ending = new AbortController();
    const { signal } = ending;
    this.#signal.addEventListener("abort", () => resolve(), { signal });
    socket.addEventListener("open", () => {
      for (const request of requests) socket.send(toJson(request));
    });
    const take = ({ data }: MessageEvent) => {
      clearTimeout(silence);
      silence = setTimeout(fail, silenceMs, "silence");
      try {
        this.#hear(String(data));
      } catch (error) {
        reject(error);
      }
    };
    socket.addEventListener("message", take, { signal });
    socket.addEventListener("error", () => fail("the stream failed"));
    socket.addEventListener("close", ({ code }) => fail(`the stream closed with ${code}`));
    try {
      await promise;
    } finally {
      ending.abort();
      clearTimeout(silence);
      socket.close();
    }
  }

  /** Throws what ends the connection, and what the caller's listeners throw. */
  #hear(text: string): void {
    const { operators, latest, onEvent, onGap, atLeader } = this.#options;
    const json = parseJson(text);
    const event = json.ok ? parseInput(streamEvent, json.value, "event") : json;
    if (!event.ok) throw new OperatorUnreachable(this.#url, `${event.refusal.field} of the stream`);
    const { value } = event;
    if (value.kind === "refusal") {
      const { code, act, message } = value.error;
      throw new RefusedByOperator(code, act, message);
    }
    if (value.kind === "leader" && value.url !== null) {
      operators.prefer(value.url);
      const isElsewhere = atLeader === true && operators.url !== this.#url;
      if (isElsewhere) throw new OperatorUnreachable(this.#url, "another operator leads");
    }
    if (value.kind === "subscribed") {
      if (--this.#waitingFor === 0) onGap(this.#url);
      return;
    }
    if (value.kind === "order" && latest.take(value.order) !== value.order) return;
    onEvent(value);
  }
}

async function ask(channel: Channel): Promise<StreamRequest> {
  if (channel.kind === "market") {
    const { base, quote } = channel;
    return { kind: "subscribeMarket", market: { base, quote } };
  }
  const { client, session } = channel;
  return { kind: "subscribeClient", client, session: await session() };
}
