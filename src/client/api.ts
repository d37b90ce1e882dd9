/** Calls an operator by the route table. The answer is parsed as strictly as our own requests. */
import { clause, messageOf, QuarterdeckError } from "../base/errors.ts";
import { parseInput } from "../wire/input.ts";
import {
  type Answer,
  type Body,
  ROUTES,
  type Route,
  type RouteName,
} from "../wire/routes/routes.ts";
import type { ErrorBody } from "../wire/schemas/error.ts";
import type { Placement } from "../wire/schemas/terms.ts";
import { toJson } from "../wire/schemas/values.ts";
import { STREAM_WRITES, type StreamWriteName } from "../wire/stream.ts";

/** The operator said no: `code` and `act` as in protocol/refusals.ts. */
export class RefusedByOperator extends QuarterdeckError {
  override readonly name = "RefusedByOperator";
  readonly act: string;
  /** The base URL of the operator that takes writes, from a `NotLeader`, as far as it is known. */
  readonly leader: string | undefined;

  /** `message` ends with what to do next: sentences of operators do. */
  constructor(code: string, act: string, message: string, leader?: string) {
    super({ code, message, hint: "" });
    this.act = act;
    this.leader = leader;
  }
}

/** No usable answer came: the operator is down, or speaks another language. Retry or dispute. */
export class OperatorUnreachable extends QuarterdeckError {
  override readonly name = "OperatorUnreachable";
  /** Whether the request may have arrived all the same. */
  readonly mayHaveArrived: boolean;
  /**
   * The orders of a write of which it is not known whether they were taken. `orders.placeMany` with
   * them settles that, and places nothing twice.
   */
  readonly signedOrders: readonly Placement[];

  constructor(
    url: string,
    problem: string,
    cause?: unknown,
    signedOrders: readonly Placement[] = [],
  ) {
    const isOpen = signedOrders.length > 0;
    super({
      code: "OperatorUnreachable",
      message: `${url} gave no usable answer (${clause(problem)}).`,
      hint: isOpen
        ? "Whether the order was taken is not known: place what this error holds again."
        : "Try again; if it stays so, audit on chain and open a dispute.",
      cause,
    });
    this.mayHaveArrived = !isUnconnected(cause);
    this.signedOrders = signedOrders;
    this.#url = url;
    this.#problem = problem;
  }

  readonly #url: string;
  readonly #problem: string;

  /** The one of them, where it is one: `placeOrder` settles it. */
  get signedOrder(): Placement | undefined {
    return this.signedOrders.length === 1 ? this.signedOrders[0] : undefined;
  }

  /** The same, about those orders. */
  about(signedOrders: readonly Placement[]): OperatorUnreachable {
    return new OperatorUnreachable(this.#url, this.#problem, this.cause, signedOrders);
  }
}

/** Failures before there is a connection. */
const UNCONNECTED = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"];

function isUnconnected(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return false;
  if (cause instanceof AggregateError) return cause.errors.every(hasUnconnectedCode);
  // Ports that fetch never connects to.
  return hasUnconnectedCode(cause) || cause.message === "bad port";
}

function hasUnconnectedCode(error: unknown): boolean {
  return UNCONNECTED.includes(String((error as NodeJS.ErrnoException).code));
}

export interface CallOptions<Name extends RouteName> {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: Body<Name>;
  /** Authorization header, see wire/session.ts. */
  readonly session?: string;
}

export const TIMEOUT_MS = 10_000;

/**
 * Sends a write over a stream that is open to one operator, and gives the message that answers it.
 * Throws `OperatorUnreachable`.
 */
export type SocketWrite = (
  name: StreamWriteName,
  body: unknown,
  timeoutMs: number,
) => Promise<Readonly<Record<string, unknown>>>;

/** One operator. */
export class Api {
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #socket: SocketWrite | undefined;

  /** `timeoutMs`: for the whole of an answer. `socket`: takes writes in place of HTTP. */
  constructor(url: string, timeoutMs = TIMEOUT_MS, socket?: SocketWrite) {
    this.url = url.replace(/\/$/, "");
    this.#timeoutMs = timeoutMs;
    this.#socket = socket;
  }

  /** Throws `RefusedByOperator` or `OperatorUnreachable`. */
  async call<Name extends RouteName>(
    name: Name,
    options: CallOptions<Name> = {},
  ): Promise<Answer<Name>> {
    const route: Route = ROUTES[name];
    if (this.#socket !== undefined && isWrite(name)) {
      const message = await this.#socket(name, options.body, this.#timeoutMs);
      const refusal = refusalOf(message);
      if (refusal !== undefined) throw refusal;
      return this.#parse(name, message[STREAM_WRITES[name]]);
    }
    const path = pathOf(route.path, options.params) + queryOf(options.query);
    const url = this.url + path;
    const { status, text, location } = await request(url, route.method, this.#timeoutMs, options);
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      if (location === undefined) {
        throw new OperatorUnreachable(url, `status ${status}, and no JSON`, error);
      }
    }
    if (status !== 200) {
      const refusal = refusalOf(json);
      if (refusal !== undefined) throw refusal;
      if (location !== undefined) throw sentTo(location, url, path);
      throw new OperatorUnreachable(url, `status ${status}`);
    }
    return this.#parse(name, json);
  }

  #parse<Name extends RouteName>(name: Name, json: unknown): Answer<Name> {
    const route: Route = ROUTES[name];
    const answer = parseInput(route.answer, json, "answer");
    if (answer.ok) return answer.value as Answer<Name>;
    throw new OperatorUnreachable(this.url, `${answer.refusal.field}: ${answer.refusal.problem}`);
  }
}

function isWrite(name: RouteName): name is StreamWriteName {
  return Object.hasOwn(STREAM_WRITES, name);
}

interface Response {
  readonly status: number;
  readonly text: string;
  /** The target of a redirection that keeps method and body. */
  readonly location: string | undefined;
}

async function request<Name extends RouteName>(
  url: string,
  method: string,
  timeoutMs: number,
  { body, session }: CallOptions<Name>,
): Promise<Response> {
  try {
    const response = await fetch(url, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      // Followed automatically, the authorization would be dropped, and loops repeated blindly.
      redirect: "manual",
      headers: {
        "content-type": "application/json",
        ...(session !== undefined && { authorization: session }),
      },
      ...(body !== undefined && { body: toJson(body) }),
    });
    const { status, headers } = response;
    const location = status === 307 || status === 308 ? headers.get("location") : null;
    return { status, text: await response.text(), location: location ?? undefined };
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new OperatorUnreachable(url, messageOf(cause), error);
  }
}

/** Undefined where it is none of our words. */
function refusalOf(json: unknown): RefusedByOperator | undefined {
  const error = (json as Partial<ErrorBody> | null | undefined)?.error;
  if (typeof error?.code !== "string") return undefined;
  const { code, values } = error;
  const leader = values?.code === "NotLeader" ? values.leader : undefined;
  const known = typeof leader === "string" ? leader : undefined;
  return new RefusedByOperator(code, String(error.act), String(error.message), known);
}

/** The answer of a proxy that knows the leader by itself: a redirection without our words. */
function sentTo(location: string, url: string, path: string): QuarterdeckError {
  if (!URL.canParse(location, url)) return new OperatorUnreachable(url, "a bad redirection");
  const { href } = new URL(location, url);
  const leader = href.endsWith(path) ? href.slice(0, -path.length) : href;
  return new RefusedByOperator(
    "NotLeader",
    "retry",
    `${url} sends to ${leader}. Ask there.`,
    leader,
  );
}

function pathOf(path: string, params: CallOptions<RouteName>["params"] = {}): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

function queryOf(query: CallOptions<RouteName>["query"] = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return "";
  return `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}
