/**
 * One JSON-RPC connection, over HTTP or WebSocket. Errors name the endpoint by its origin alone:
 * the rest of a URL may hold a secret, and providers like to repeat it in what they answer.
 */
import { RpcRequestError } from "viem";
import { getHttpRpcClient } from "viem/utils";
import { causeOf, EndpointFailed, shortMessage } from "../errors.ts";

export interface RpcCall {
  readonly method: string;
  readonly params?: unknown;
}

/** To whom we speak stays the same as long as it is not `lost`. */
export interface Connection {
  /** Throws viem's `RpcRequestError` for an answer that is an error, else `EndpointFailed`. */
  request(call: RpcCall): Promise<unknown>;
  readonly lost: boolean;
  /**
   * Tells of each new head until the connection is lost or `signal` is aborted, and resolves then.
   * Undefined where the far end cannot speak first.
   */
  readonly watchHeads?: (onHead: () => void, signal: AbortSignal) => Promise<void>;
}

/** What may be said of an endpoint, and how to take out of a text what may not. */
export interface PublicName {
  readonly origin: string;
  readonly redact: (text: string) => string;
}

/** Shorter parts of a URL than this are words such as "v3": no secrets. */
const SHORTEST_SECRET = 6;

export function publicName(url: string): PublicName {
  const { origin, username, password, pathname, searchParams } = new URL(url);
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

/** As people write it; one that is no proper encoding is as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Lost after the first request that fails: behind the same URL there may then be another node. */
export function overHttp(url: string, name: PublicName, timeoutMs: number): Connection {
  const rpc = getHttpRpcClient(url);
  let lost = false;
  return {
    get lost() {
      return lost;
    },
    request: async (call) => {
      // The library's own timeout ends with the headers: an answer that never ends needs a signal.
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const body = { method: call.method, params: call.params };
        const answer = await rpc.request({ body, timeout: 0, fetchOptions: { signal } });
        return resultOf(answer, call, name);
      } catch (error) {
        if (error instanceof RpcRequestError) throw error;
        lost = true;
        throw new EndpointFailed(name.origin, name.redact(problemOf(error, signal, timeoutMs)), {
          timedOut: signal.aborted,
        });
      }
    },
  };
}

/** The result in a JSON-RPC answer; throws the error in it. */
export function resultOf(answer: unknown, { method }: RpcCall, name: PublicName): unknown {
  const { result, error } = (answer ?? {}) as {
    result?: unknown;
    error?: { code: number; message?: unknown; data?: unknown };
  };
  if (error !== undefined && error !== null) {
    const message = name.redact(String(error.message ?? "no message"));
    const { code, data } = error;
    throw new RpcRequestError({
      body: { method },
      error: { code, message, data },
      url: name.origin,
    });
  }
  if (result === undefined) throw new Error("It answered with neither a result nor an error.");
  return result;
}

function problemOf(error: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (signal.aborted) return `no answer within ${timeoutMs} ms`;
  const { status } = error as { status?: number };
  if (status !== undefined) return `HTTP ${status}: ${shortMessage(error)}`;
  const deepest = causeOf(error, (cause) => (cause as { code?: unknown }).code !== undefined);
  return deepest instanceof Error ? deepest.message : shortMessage(error);
}
