/**
 * The connection to the chain: several endpoints behind one client (see failover.ts), and the one
 * way to ask it something.
 */
import { createPublicClient, type PublicClient } from "viem";
import { asContractRefused, ChainMismatch, causeOf, RpcUnavailable } from "./errors.ts";
import { type FailoverOptions, type FailoverTransport, failover } from "./failover.ts";

export type ChainClient = PublicClient<FailoverTransport>;
export type RpcOptions = FailoverOptions;

/** Does not yet talk to anybody. `urls`: best first, at least one. */
export function connect(urls: readonly string[], options: RpcOptions = {}): ChainClient {
  return createPublicClient({ transport: failover(urls, options), cacheTime: 0 });
}

/**
 * The chain that every endpoint serves. Throws `ChainMismatch` when they do not agree, and
 * `RpcUnavailable` when none answers; one that is down now does not matter.
 */
export async function readChainId(urls: readonly string[], options?: RpcOptions): Promise<number> {
  const answers = await Promise.allSettled(urls.map((url) => connect([url], options).getChainId()));
  const ids = new Set<number>();
  for (const answer of answers) if (answer.status === "fulfilled") ids.add(answer.value);
  const [id] = ids;
  if (id === undefined) {
    const failed = answers.find((answer) => answer.status === "rejected");
    throw new RpcUnavailable("for its chain id", failed?.reason);
  }
  if (ids.size > 1) throw new ChainMismatch([...ids]);
  return id;
}

/**
 * Asks the chain `question`; `what` names it in errors. Throws `ContractRefused` where a call
 * reverts, `ChainMismatch`, or `RpcUnavailable`.
 */
export async function ask<T>(what: string, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    const mismatch = causeOf(error, (cause) => cause instanceof ChainMismatch);
    throw mismatch ?? asContractRefused(error, what) ?? new RpcUnavailable(`for ${what}`, error);
  }
}
