/** Calls an operator by the route table. What it answers is parsed as strictly as what we send. */
import { QuarterdeckError } from "../base/errors.ts";
import { parseInput } from "../wire/input.ts";
import { type Answer, type Body, ROUTES, type Route, type RouteName } from "../wire/routes.ts";
import type { ErrorBody } from "../wire/sentences.ts";
import { toJson } from "../wire/shapes.ts";

/** The operator said no: `code` and `act` as in protocol/refusals.ts. */
export class RefusedByOperator extends QuarterdeckError {
  override readonly name = "RefusedByOperator";
  readonly act: string;

  constructor(code: string, act: string, message: string) {
    super({ code, message, mend: act === "retry" ? "Try again." : "" });
    this.act = act;
  }
}

/** No usable answer came: the operator is down, or speaks another language. Retry or dispute. */
export class OperatorUnreachable extends QuarterdeckError {
  override readonly name = "OperatorUnreachable";

  constructor(url: string, problem: string, cause?: unknown) {
    super({
      code: "OperatorUnreachable",
      message: `${url} gave no usable answer (${problem}).`,
      mend: "Try again; if it stays so, audit on chain and open a dispute.",
      cause,
    });
  }
}

export interface CallOptions<Name extends RouteName> {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: Body<Name>;
  /** Authorization header, see wire/session.ts. */
  readonly session?: string;
}

const TIMEOUT_MS = 10_000;

export class Api {
  readonly url: string;

  constructor(url: string) {
    this.url = url.replace(/\/$/, "");
  }

  /** Throws `RefusedByOperator` or `OperatorUnreachable`. */
  async call<Name extends RouteName>(
    name: Name,
    options: CallOptions<Name> = {},
  ): Promise<Answer<Name>> {
    const route: Route = ROUTES[name];
    const url = this.url + pathOf(route.path, options.params) + queryOf(options.query);
    const { status, text } = await request(url, route.method, options);
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw new OperatorUnreachable(url, `status ${status}, and no JSON`, error);
    }
    if (status !== 200) throw refusalOf(json, url, status);
    const answer = parseInput(route.answer, json, "answer");
    if (answer.ok) return answer.value as Answer<Name>;
    throw new OperatorUnreachable(url, `${answer.refusal.field}: ${answer.refusal.problem}`);
  }
}

async function request<Name extends RouteName>(
  url: string,
  method: string,
  { body, session }: CallOptions<Name>,
): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        "content-type": "application/json",
        ...(session !== undefined && { authorization: session }),
      },
      ...(body !== undefined && { body: toJson(body) }),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new OperatorUnreachable(
      url,
      cause instanceof Error ? cause.message : String(cause),
      error,
    );
  }
}

function refusalOf(json: unknown, url: string, status: number): QuarterdeckError {
  const error = (json as Partial<ErrorBody> | null)?.error;
  if (typeof error?.code !== "string") return new OperatorUnreachable(url, `status ${status}`);
  return new RefusedByOperator(error.code, String(error.act), String(error.message));
}

function pathOf(path: string, params: CallOptions<RouteName>["params"] = {}): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

function queryOf(query: CallOptions<RouteName>["query"] = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return "";
  return `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}
