/**
 * The operators of one exchange, as a client sees them: any of them answers a read, one takes
 * writes, and which one that is changes. Nothing depends on whom is asked: what they answer is held
 * against the chain and the client's own evidence.
 */
import type { Address } from "../base/hex.ts";
import { sleep } from "../base/sleep.ts";
import type { MediatorReader } from "../chain/contracts/mediator.ts";
import { SlotReader } from "../chain/contracts/roundRobinManager.ts";
import type { Answer, Body, RouteName } from "../wire/routes/routes.ts";
import type { StreamWriteName } from "../wire/stream.ts";
import {
  Api,
  type CallOptions,
  OperatorUnreachable,
  RefusedByOperator,
  type SocketWrite,
  TIMEOUT_MS,
} from "./api.ts";
import type { OrderStatus } from "./types.ts";

export interface OperatorsOptions {
  /** HTTP addresses, at least one; those that are none are passed over. */
  readonly urls: readonly string[];
  /** Milliseconds for which a question is asked again; 0: each known operator is asked once. */
  readonly retryTimeoutMs?: number;
  /** Where approved operators serve now: asked for when none of the known ones is of use. */
  readonly readUrls?: () => Promise<readonly string[]>;
}

export interface RetryPolicy {
  /** Milliseconds, in place of the client's general timeout. */
  readonly retryTimeoutMs?: number;
  /** Whether another operator, or the same later, may answer a request that failed so. */
  readonly isElsewhere?: (error: unknown) => boolean;
}

const DEFAULT_RETRY_TIMEOUT_MS = 15_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 400;
/** An operator that does not answer leaves the others this share of the retry timeout. */
const TRIES_PER_TIMEOUT = 3;
/** Where there are others, one that gives no answer for so long is passed over. */
const HANGING_MS = 2500;
/** Operators remembered: the 88 that a manager can approve, and some that were approved before. */
const MAX_KNOWN = 128;
/** Beyond so many nobody is remembered whom an operator names: a liar would leave no room. */
const MAX_NAMED = 32;

export class Operators {
  /** Base URLs, in the order in which they were learnt. */
  readonly #known: string[] = [];
  readonly #retryTimeoutMs: number;
  readonly #readUrls: OperatorsOptions["readUrls"];
  #current: string;
  #reading: Promise<void> | undefined;
  #socketAt: (url: string) => SocketWrite | undefined = () => undefined;

  /** Throws `OperatorUnreachable` where no URL is of use. */
  constructor({ urls, retryTimeoutMs = DEFAULT_RETRY_TIMEOUT_MS, readUrls }: OperatorsOptions) {
    this.#retryTimeoutMs = retryTimeoutMs;
    this.#readUrls = readUrls;
    this.learn(urls);
    const [first] = this.#known;
    if (first === undefined) throw new OperatorUnreachable(urls.join(", "), "no http address");
    this.#current = first;
  }

  /** The operator that answered last, which is asked first. */
  get url(): string {
    return this.#current;
  }

  get known(): readonly string[] {
    return this.#known;
  }

  /** Takes over what are http or https URLs, and are not known yet. */
  learn(urls: readonly string[]): void {
    for (const url of urls.map(baseUrl)) {
      if (url === undefined || this.#known.includes(url)) continue;
      if (this.#known.length < MAX_KNOWN) this.#known.push(url);
    }
  }

  /** Is asked first from now on, as one that is said to lead. */
  prefer(url: string): void {
    const base = baseUrl(url);
    if (base === undefined) return;
    if (this.#known.length < MAX_NAMED) this.learn([base]);
    this.#current = base;
  }

  /**
   * From now on writes go over the stream that `socketAt` gives for an operator; over HTTP where it
   * gives none, and again once the function that this returns is called.
   */
  writeOver(socketAt: (url: string) => SocketWrite | undefined): () => void {
    this.#socketAt = socketAt;
    return () => {
      // A later stream stays.
      if (this.#socketAt === socketAt) this.#socketAt = () => undefined;
    };
  }

  /** The operator to ask after `url`, when that one does not answer. */
  after(url: string): string {
    return this.#known[(this.#known.indexOf(url) + 1) % this.#known.length] ?? url;
  }

  /** Asks operators until one answers. Throws as `ask` does. */
  call<Name extends RouteName>(
    name: Name,
    options: CallOptions<Name> = {},
    manner: RetryPolicy = {},
  ): Promise<Answer<Name>> {
    return this.ask((api) => api.call(name, options), manner);
  }

  /**
   * Puts `question` to one operator after the other until it is answered: to the leader that one
   * names, else to the next. Everybody is asked once before anybody is asked again, and then after
   * a pause. Throws what is no matter of whom is asked, and in the end the last answer, or the last
   * failure where nobody gave any.
   */
  async ask<T>(question: (api: Api) => Promise<T>, manner: RetryPolicy = {}): Promise<T> {
    const { retryTimeoutMs = this.#retryTimeoutMs, isElsewhere = isAnsweredElsewhere } = manner;
    const began = performance.now();
    const leftMs = () => retryTimeoutMs - (performance.now() - began);
    const share = retryTimeoutMs === 0 ? TIMEOUT_MS : Math.ceil(retryTimeoutMs / TRIES_PER_TIMEOUT);
    const timeoutMs = this.#known.length > 1 ? Math.min(share, HANGING_MS) : share;
    const asked = new Set<string>();
    let pauseMs = FIRST_PAUSE_MS;
    let last: unknown;
    let url: string | undefined = this.#current;
    for (;;) {
      asked.add(url);
      try {
        const answer = await question(
          new Api(url, Math.min(timeoutMs, TIMEOUT_MS), this.#socketAt(url)),
        );
        this.prefer(url);
        return answer;
      } catch (error) {
        if (!isElsewhere(error)) {
          if (error instanceof RefusedByOperator) this.prefer(url);
          throw error;
        }
        if (error instanceof RefusedByOperator || !(last instanceof RefusedByOperator))
          last = error;
        url = this.#next(error, asked);
        if (retryTimeoutMs > 0 && leftMs() <= 0) throw last;
        if (url !== undefined) continue;
        if (leftMs() <= pauseMs) throw last;
      }
      this.#readAgain();
      await sleep(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      asked.clear();
      url = this.#current;
    }
  }

  /**
   * Undefined once each was asked. Operators that a liar names cost no more than one question each.
   */
  #next(error: unknown, asked: ReadonlySet<string>): string | undefined {
    const named = error instanceof RefusedByOperator ? baseUrl(error.leader ?? "") : undefined;
    if (named !== undefined && !asked.has(named) && asked.size < MAX_NAMED) return named;
    return this.#known.find((url) => !asked.has(url));
  }

  /** In the background: the next round of questions has it, and nobody waits for the chain. */
  #readAgain(): void {
    if (this.#readUrls === undefined) return;
    this.#reading ??= this.#readUrls()
      .then((urls) => this.learn(urls))
      // The caller gets the operators' answers; that the chain gave none is no news to it.
      .catch(() => {})
      .finally(() => {
        this.#reading = undefined;
      });
  }
}

/** True if no operator answered, or one that takes no writes now. */
export function isAnsweredElsewhere(error: unknown): boolean {
  if (error instanceof OperatorUnreachable) return true;
  if (!(error instanceof RefusedByOperator)) return false;
  return error.code === "NotLeader" || error.code === "NotReady";
}

export interface Write<Name extends "placeOrder" | "cancelOrder"> {
  readonly name: Name;
  readonly body: Body<Name>;
  /** The order as that operator shows it; undefined if it shows none. */
  readonly read: (api: Api) => Promise<OrderStatus | undefined>;
  /** Whether an answer is about this order: one about another answers nothing. */
  readonly isAbout: (status: OrderStatus) => boolean;
  /** Whether the write is what made the order as it is. */
  readonly isDone: (status: OrderStatus) => boolean;
}

/**
 * Writes so that it counts once, whatever becomes of the answer: the same signed body is sent again
 * until somebody answers it; a refusal that an earlier try may have caused is held against the
 * order's state at whoever refused. Resolves once it is durable. Throws `RefusedByOperator` when it was not taken, and
 * `OperatorUnreachable` when that is not known: then the same write may be sent again.
 */
export async function writeOnce<Name extends "placeOrder" | "cancelOrder">(
  operators: Operators,
  { name, body, read, isAbout, isDone }: Write<Name>,
): Promise<OrderStatus> {
  // Whether a try was left without an answer, so that it may have been taken; and how it failed.
  let isOpen = false;
  let openError: OperatorUnreachable | undefined;
  const attempt = async (api: Api): Promise<OrderStatus> => {
    try {
      const answer = (await api.call(name, { body })) as OrderStatus;
      if (isAbout(answer)) return answer;
      throw new OperatorUnreachable(api.url, "it answers about another order");
    } catch (error) {
      if (isAnsweredElsewhere(error) || !(error instanceof RefusedByOperator)) {
        isOpen ||= leavesOpen(error);
        if (error instanceof OperatorUnreachable && error.mayHaveArrived) openError ??= error;
        throw error;
      }
      // A write that is refused as a duplicate may be this very order, sent by an earlier call.
      if (!isOpen && error.code !== "DuplicateOrderId") throw error;
      if (isUnsigned(error)) throw error;
      const status = await readAfter(error, () => read(api));
      if (status !== undefined && isDone(status)) return status;
      throw error;
    }
  };
  const isUnsettled = (error: unknown) =>
    isOpen && error instanceof RefusedByOperator && error.act === "retry" && !isUnsigned(error);
  const isElsewhere = (error: unknown) => isAnsweredElsewhere(error) || isUnsettled(error);
  try {
    return await operators.ask(attempt, { isElsewhere });
  } catch (error) {
    // Another that was never reached hides nothing of a try that may have arrived.
    if (error instanceof OperatorUnreachable) throw openError ?? error;
    if (!isUnsettled(error)) throw error;
    const { code } = error as RefusedByOperator;
    throw new OperatorUnreachable(operators.url, `${code}, and an earlier try is open`, error);
  }
}

/** An answer to a write, and whether a try before it was left without one. */
export interface WriteAnswer<Name extends StreamWriteName> {
  readonly answer: Answer<Name>;
  readonly wasOpen: boolean;
}

/**
 * Sends a write that operators answer the same when it comes again (several orders, replace, cancel
 * all, the switch) until one answers. Throws as `writeOnce` does: `OperatorUnreachable` wherever a
 * try may have been taken and nobody said so.
 */
export async function writeAgain<Name extends StreamWriteName>(
  operators: Operators,
  name: Name,
  body: Body<Name>,
): Promise<WriteAnswer<Name>> {
  let wasOpen = false;
  let openError: OperatorUnreachable | undefined;
  const attempt = async (api: Api): Promise<Answer<Name>> => {
    try {
      return await api.call(name, { body });
    } catch (error) {
      wasOpen ||= leavesOpen(error);
      if (error instanceof OperatorUnreachable && error.mayHaveArrived) openError ??= error;
      throw error;
    }
  };
  const isUnsettled = (error: unknown) =>
    wasOpen && error instanceof RefusedByOperator && error.act === "retry";
  const isElsewhere = (error: unknown) => isAnsweredElsewhere(error) || isUnsettled(error);
  try {
    return { answer: await operators.ask(attempt, { isElsewhere }), wasOpen };
  } catch (error) {
    if (error instanceof OperatorUnreachable) throw openError ?? error;
    if (!isUnsettled(error)) throw error;
    const { code } = error as RefusedByOperator;
    throw new OperatorUnreachable(operators.url, `${code}, and an earlier try is open`, error);
  }
}

/** The write was taken, and its state cannot be given now. */
function isUnsigned(error: RefusedByOperator): boolean {
  return error.code === "FillUnsigned";
}

/** An operator that lost the lead meanwhile answers `NotLeader` too, and may have kept it. */
function leavesOpen(error: unknown): boolean {
  if (error instanceof OperatorUnreachable) return error.mayHaveArrived;
  return error instanceof RefusedByOperator && error.code === "NotLeader";
}

/** A state that cannot be read settles nothing: that is no refusal of the write. */
async function readAfter<T>(refusal: RefusedByOperator, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof RefusedByOperator) || isUnsigned(error)) throw error;
    throw new OperatorUnreachable("The operator", `${refusal.code}, then ${error.code}`, error);
  }
}

/** Where the manager's approved operators serve, as they say on chain. Throws `RpcUnavailable`. */
export async function readOperatorUrls(
  reader: MediatorReader,
  manager: Address,
): Promise<readonly string[]> {
  const slotReader = new SlotReader(reader.client, manager);
  if (await slotReader.hasSlots()) {
    return (await slotReader.slots()).operators.map(({ endpoint }) => endpoint);
  }
  const operator = await reader.operator(manager);
  return operator === undefined ? [] : [operator.uri];
}

/** Undefined for what is no http address. Without a slash at the end, query or fragment. */
function baseUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, origin, pathname } = new URL(text);
  const isHttp = protocol === "http:" || protocol === "https:";
  if (!isHttp || username !== "" || password !== "") return undefined;
  return origin + pathname.replace(/\/+$/, "");
}

export function requireLength(url: string, items: readonly unknown[], length: number): void {
  if (items.length === length) return;
  throw new OperatorUnreachable(url, `it answers about ${items.length} of ${length} orders`);
}

export function anotherOrder(url: string): OperatorUnreachable {
  return new OperatorUnreachable(url, "it answers about another order");
}
