/**
 * The connection to the chain: several endpoints behind one client (see endpoints/), and the one
 * way to ask it something.
 */
import { within } from "../../base/within.ts";
import { type AnyChainClient, createChainClient } from "../chainClient.ts";
import { asContractRefused } from "./contractRefusal.ts";
import { type Endpoint, SECOND_WORD_MS } from "./endpoint.ts";
import { isCallersError, kindOf } from "./errorKinds.ts";
import { ChainMismatch, causeOf, isUnanswered, RpcUnavailable } from "./errors.ts";
import { type FailoverOptions, type FailoverTransport, failover } from "./failover.ts";

export type ChainClient = AnyChainClient<FailoverTransport>;
export type RpcOptions = FailoverOptions;

/**
 * Does not yet talk to anybody. `urls`: best first, at least one. A view of a contract that one
 * endpoint refuses, or answers with what the contract cannot have said, is read from the others.
 */
export function connect(urls: readonly string[], options: RpcOptions = {}): ChainClient {
  const client = createChainClient(failover(urls, options));
  const { readContract: read } = client;
  type View = Parameters<typeof read>[0];
  const readContract = (view: View) =>
    read(view).catch((error) => readElsewhere(client.transport, view, error));
  return Object.assign(client, { readContract: readContract as typeof read });
}

/** Throws `error`, which is what came of the view so far, where no endpoint answers it in time. */
async function readElsewhere(
  { endpoints, demote, contradict }: ChainClient["transport"],
  view: Parameters<ChainClient["readContract"]>[0],
  error: unknown,
): Promise<unknown> {
  const all = endpoints();
  if (all.length < 2 || !isDoubtful(error)) throw error;
  const failed: { readonly endpoint: Endpoint; readonly isRefusal: boolean }[] = [];
  const reads = all.map(async (endpoint) => {
    try {
      return { answer: await endpoint.client.readContract(view) };
    } catch (reason) {
      const isRefusal = kindOf(reason) !== undefined;
      if (isDoubtful(reason)) failed.push({ endpoint, isRefusal });
      throw reason;
    }
  });
  const found = await within(
    SECOND_WORD_MS,
    Promise.any(reads).catch(() => undefined),
  );
  if (found === undefined) throw error;
  void Promise.allSettled(reads).then(() => {
    const what = `${view.functionName}, which another endpoint answers`;
    for (const { endpoint, isRefusal } of failed) {
      if (isRefusal) contradict(endpoint, `it refuses ${what}`);
      else demote(endpoint, `it garbles ${what}`);
    }
  });
  return found.answer;
}

/** An endpoint answered, and by its word alone the view has no result. */
function isDoubtful(error: unknown): boolean {
  return kindOf(error) === undefined ? !isUnanswered(error) : isCallersError(error);
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

/** The answer of one endpoint by itself. */
export interface Word<T> {
  /** The endpoint's scheme, host and port. */
  readonly origin: string;
  readonly answer: T;
}

/**
 * The words of all endpoints that answer in time, each asked by itself; `what` names the answer in
 * errors. Throws `RpcUnavailable` where none answers.
 */
export async function askEach<T extends {}>(
  client: ChainClient,
  what: string,
  question: (client: AnyChainClient) => Promise<T>,
): Promise<readonly Word<T>[]> {
  const all = client.transport.endpoints();
  const [first] = all;
  if (first === undefined || all.length === 1) {
    return [{ origin: first?.origin ?? "", answer: await ask(what, () => question(client)) }];
  }
  let failure: unknown;
  const words = await Promise.all(
    all.map(async ({ origin, client: one }) => {
      const asked = question(one).then(
        (answer): Word<T> => ({ origin, answer }),
        (error: unknown) => {
          failure = error;
          return undefined;
        },
      );
      return within(SECOND_WORD_MS, asked);
    }),
  );
  const found = words.filter((word) => word !== undefined);
  if (found.length === 0) throw new RpcUnavailable(`for ${what}`, failure);
  return found;
}
