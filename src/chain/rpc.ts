/**
 * The connection to the chain: several endpoints behind one client, the best that answers first.
 */
import { createPublicClient, fallback, http, type PublicClient } from "viem";
import { QuarterdeckError } from "../base/errors.ts";
import { RpcUnavailable } from "./errors.ts";

export type ChainClient = PublicClient;

export interface RpcOptions {
  /** Milliseconds that one request may take. */
  readonly timeoutMs?: number;
  /** Tries of one request on one endpoint, with growing pauses, before the next is asked. */
  readonly retries?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_RETRIES = 2;

/** Does not yet talk to anybody. `urls`: best first. */
export function connect(urls: readonly string[], options: RpcOptions = {}): ChainClient {
  const transports = urls.map((url) =>
    http(url, {
      timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      retryCount: options.retries ?? DEFAULT_RETRIES,
    }),
  );
  return createPublicClient({ transport: fallback(transports), cacheTime: 0 });
}

/**
 * The chain that every endpoint serves. Throws `ChainMismatch` when they do not agree, and
 * `RpcUnavailable` when none answers; one that is down now does not matter.
 */
export async function readChainId(urls: readonly string[], options?: RpcOptions): Promise<number> {
  const answers = await Promise.allSettled(urls.map((url) => connect([url], options).getChainId()));
  const ids = new Map<number, string>();
  answers.forEach((answer, i) => {
    if (answer.status === "fulfilled") ids.set(answer.value, urls[i] as string);
  });
  const [first, second] = [...ids.keys()];
  if (first === undefined) {
    const failed = answers.find((answer) => answer.status === "rejected");
    throw new RpcUnavailable("for its chain id", failed?.reason);
  }
  if (second === undefined) return first;
  throw new QuarterdeckError({
    code: "ChainMismatch",
    message: `The endpoints serve different chains: ${[...ids.keys()].join(", ")}.`,
    mend: "Configure endpoints of one chain only.",
  });
}
