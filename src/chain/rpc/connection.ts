/**
 * One JSON-RPC connection, over HTTP or WebSocket. Errors name the endpoint by its origin alone:
 * the rest of a URL may hold a secret, and providers like to repeat it in what they answer.
 */
import { RpcRequestError } from "viem";
import { getHttpRpcClient } from "viem/utils";
import { shapeFault, withLowerHex } from "./answerShape.ts";
import { RpcRefusal } from "./errorKinds.ts";
import { causeOf, EndpointFailed, shortMessage } from "./errors.ts";

export interface RpcCall {
  readonly method: string;
  readonly params?: unknown;
}

/** To whom we speak stays the same as long as it is not `lost`. */
export interface Connection {
  /** Throws `RpcRefusal` for an answer that is an error, else `EndpointFailed`. */
  request(call: RpcCall): Promise<unknown>;
  /**
   * The results of calls that are asked at once, in their order: undefined for each that was not
   * answered with one. Throws as `request` does where none was.
   */
  requestAll(calls: readonly RpcCall[]): Promise<readonly unknown[]>;
  readonly lost: boolean;
  /**
   * Tells of each new head until the connection is lost or `signal` is aborted, and resolves then.
   * Undefined where the far end cannot speak first.
   */
  readonly watchHeads?: (onHead: () => void, signal: AbortSignal) => Promise<void>;
}

/** Many calls at once, each as a request of its own, as `Connection.requestAll`. */
export async function requestEach(
  { request }: Pick<Connection, "request">,
  calls: readonly RpcCall[],
): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(calls.map(request));
  const first = settled.find((one) => one.status === "rejected");
  if (first !== undefined && settled.every((one) => one.status === "rejected")) throw first.reason;
  return settled.map((one) => (one.status === "fulfilled" ? one.value : undefined));
}

/** The public name of an endpoint, and a function that takes the secret part out of a text. */
export interface PublicName {
  readonly origin: string;
  readonly redact: (text: string) => string;
}

/** Shorter parts of a URL than this are words such as "v3": no secrets. */
const SHORTEST_SECRET = 6;

export function publicName(url: string): PublicName {
  const { host, protocol, username, password, pathname, searchParams } = new URL(url);
  const origin = `${protocol}//${host}`;
  const parts = [username, password, ...pathname.split("/"), ...searchParams.values()];
  const secrets = parts
    .flatMap((part) => [part, decoded(part)])
    .filter((part) => part.length >= SHORTEST_SECRET);
  return {
    origin,
    redact: (text) =>
      secrets.reduce(
        (clean, secret) => clean.replaceAll(secret, "***"),
        text.replaceAll(url, origin),
      ),
  };
}

/** A part of a URL as people write it; one that is no proper encoding is as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

let lastId = Math.floor(Math.random() * 2 ** 30);

/**
 * The id of a request: the same for no two, on any connection or by a process before us. So an
 * endpoint that gives an old answer again is found out.
 */
export function nextId(): number {
  lastId += 1;
  return lastId;
}

/**
 * Bytes of an answer's body at most. The receipts of a block, which whoever pays for its gas can fill
 * with logs, are some 80 MB at the worst.
 */
const MOST_BYTES = 128 * 1024 * 1024;

/**
 * Lost after the first request that fails: behind the same URL there may then be another node.
 * Calls that are asked at once are one request, a batch of JSON-RPC 2.0.
 */
export function overHttp(url: string, name: PublicName, timeoutMs: number): Connection {
  const rpc = getHttpRpcClient(url, { maxResponseBodySize: MOST_BYTES });
  let lost = false;
  const withId = ({ method, params }: RpcCall): CallWithId => ({ id: nextId(), method, params });
  const post = async <T>(
    body: CallWithId | CallWithId[],
    read: (answer: unknown, status: number | undefined) => T,
  ): Promise<T> => {
    // The library's own timeout ends with the headers: an answer that never ends needs a signal.
    const signal = AbortSignal.timeout(timeoutMs);
    let status: number | undefined;
    const onResponse = (response: Response) => {
      status = response.status;
    };
    try {
      const rest = { timeout: 0, fetchOptions: { signal }, onResponse };
      return read(await rpc.request({ body, ...rest }), status);
    } catch (error) {
      if (error instanceof RpcRequestError) throw error;
      lost = true;
      throw new EndpointFailed(name.origin, name.redact(problemOf(error, signal, timeoutMs)), {
        timedOut: signal.aborted,
        undelivered: !signal.aborted && isUndelivered(error),
      });
    }
  };
  return {
    get lost() {
      return lost;
    },
    request: (call) => {
      const body = withId(call);
      return post(body, (answer, status) => resultOf(answer, call, name, { id: body.id, status }));
    },
    requestAll: (calls) => {
      const bodies = calls.map(withId);
      return post(bodies, (answer, status) => resultsOf(answer, bodies, name, status));
    },
  };
}

/** The facts known of an answer besides its body. */
export interface Envelope {
  /** The id of the request. */
  readonly id: number;
  /** The status of the HTTP answer; undefined over WebSocket. */
  readonly status?: number | undefined;
}

interface CallWithId extends RpcCall {
  readonly id: number;
}

interface RpcBody {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/**
 * The result in a JSON-RPC answer, its hex in lower case; throws the error in it as `RpcRefusal`,
 * and `Error` for an answer to another request, or one that is none. A server that could not or would
 * not read a request knows no id.
 */
export function resultOf(
  answer: unknown,
  call: RpcCall,
  name: PublicName,
  { id, status }: Envelope,
): unknown {
  const body = (answer ?? {}) as RpcBody;
  const isForNobody = body.id === undefined || body.id === null;
  const isError = body.error !== undefined && body.error !== null;
  if (isForNobody ? !isError : String(body.id) !== String(id)) {
    throw new Error(`It answered request ${String(body.id)} in place of ${id}.`);
  }
  if (isError) throw new RpcRefusal(call.method, name.origin, errorIn(body.error, name), status);
  if (body.result === undefined) {
    throw new Error("It answered with neither a result nor an error.");
  }
  const fault = shapeFault(call, body.result);
  if (fault !== undefined) throw new Error(name.redact(fault));
  return withLowerHex(body.result);
}

/** The results in the answer to a batch; throws the fault of the first where there are none. */
function resultsOf(
  answer: unknown,
  calls: readonly CallWithId[],
  name: PublicName,
  status: number | undefined,
): readonly unknown[] {
  // A server that takes no batch, or none so long, may answer the whole with one error.
  const answers: readonly (RpcBody | null)[] = Array.isArray(answer) ? answer : [answer];
  const byId = new Map(answers.map((one) => [String(one?.id ?? "none"), one]));
  let failure: unknown;
  const results = calls.map((call) => {
    try {
      const own = byId.get(String(call.id)) ?? byId.get("none");
      return resultOf(own, call, name, { id: call.id, status });
    } catch (error) {
      failure ??= error;
      return undefined;
    }
  });
  if (results.every((result) => result === undefined)) throw failure;
  return results;
}

/** Proxies put a bare text where an object belongs. */
function errorIn(error: unknown, { redact }: PublicName) {
  if (typeof error !== "object") return { code: 0, message: redact(String(error)) };
  const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
  return { code: Number(code ?? 0), message: redact(String(message ?? "no message")), data };
}

function problemOf(error: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (signal.aborted) return `no answer within ${timeoutMs} ms`;
  const { status } = error as { status?: number };
  if (status !== undefined) return `HTTP ${status}: ${shortMessage(error)}`;
  const deepest = causeOf(error, (cause) => (cause as { code?: unknown }).code !== undefined);
  return deepest instanceof Error ? deepest.message : shortMessage(error);
}

/** Errors of a connection that was never there. */
const NO_CONNECTION: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
/** A server that says so has passed nothing on; of 502 and 504 nobody knows. */
const UNAVAILABLE = 503;

/** Whether the request reached no node for sure. */
function isUndelivered(error: unknown): boolean {
  const { status } = error as { status?: number };
  if (status !== undefined) return status === UNAVAILABLE || (status >= 400 && status < 500);
  return (
    causeOf(error, (cause) => NO_CONNECTION.has((cause as { code?: unknown }).code)) !== undefined
  );
}
