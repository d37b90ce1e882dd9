/**
 * The connection to the chain: several endpoints behind one client (see endpoints/), and the one
 * way to ask it something.
 */
import { type AnyChainClient, createChainClient } from "../chainClient.ts";
import { asContractRefused } from "./contractRefusal.ts";
import { ChainMismatch, causeOf, RpcUnavailable } from "./errors.ts";
import { type FailoverOptions, type FailoverTransport, failover } from "./failover.ts";

export type ChainClient = AnyChainClient<FailoverTransport>;
export type RpcOptions = FailoverOptions;

/** Does not yet talk to anybody. `urls`: best first, at least one. */
export function connect(urls: readonly string[], options: RpcOptions = {}): ChainClient {
  return createChainClient(failover(urls, options));
}

/**
 * The chain that every endpoint serves: each is asked. Throws `ChainMismatch`, which names them,
 * when they do not agree or serve another than `options.chainId`, and `RpcUnavailable` when none
 * answers; one that is down now does not matter.
 */
export async function readChainId(
  urls: readonly string[],
  { chainId: expected, ...options }: RpcOptions = {},
): Promise<number> {
  const answers = await Promise.allSettled(
    urls.map(async (url) => {
      const client = connect([url], options);
      const origin = client.transport.endpoints()[0]?.origin ?? "";
      return { origin, chainId: await client.getChainId() };
    }),
  );
  const served = answers.filter((one) => one.status === "fulfilled").map(({ value }) => value);
  const [first] = served;
  if (first === undefined) {
    const failed = answers.find((answer) => answer.status === "rejected");
    throw new RpcUnavailable("for its chain id", failed?.reason);
  }
  if (served.some(({ chainId }) => chainId !== first.chainId)) throw new ChainMismatch(served);
  if (expected !== undefined && first.chainId !== expected) {
    throw new ChainMismatch(served, expected);
  }
  return first.chainId;
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
