/** Offers a signed transaction to the chain's nodes, and makes sense of what they say. */
import { keccak256 } from "viem";
import type { Hex } from "../../base/hex.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { type FeeFloor, feeFloorOf, kindOf } from "../rpc/errorKinds.ts";
import { causeOf, EndpointFailed } from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { RpcErrorKind } from "../rpc/wording.ts";

export type BroadcastOutcome =
  /**
   * A node has it, may have it, or will not need it: what is mined will tell. `refusal`: what those
   * said that did answer.
   */
  | { readonly kind: "out"; readonly refusal?: unknown }
  /** Nodes hold a dearer one with this nonce, or take none below `floor`. */
  | { readonly kind: "underpriced"; readonly floor: FeeFloor }
  /** `as`: the most telling of what the nodes said; undefined: none gave an answer. */
  | { readonly kind: "failed"; readonly error: unknown; readonly as: RpcErrorKind | undefined };

/** Says that a node has it, or that its nonce is used. */
const ARRIVED: ReadonlySet<RpcErrorKind | undefined> = new Set(["known", "nonceTooLow"] as const);
/** Of several refusals the first of these is what somebody can do something about. */
const MOST_TELLING: readonly RpcErrorKind[] = ["funds", "badTransaction", "nonceTooHigh"];

/** Offers a transaction to every endpoint: one that keeps it to itself must not be its only way. */
export async function broadcast(client: ChainClient, raw: Hex): Promise<BroadcastOutcome> {
  const endpoints = client.transport.endpoints();
  const offers = endpoints.map(({ client: node }) =>
    node.sendRawTransaction({ serializedTransaction: raw }).catch((error: unknown) => {
      if (!ARRIVED.has(kindOf(error))) throw error;
    }),
  );
  try {
    await Promise.any(offers);
    return { kind: "out" };
  } catch (all) {
    return judge((all as AggregateError).errors as unknown[], endpoints, keccak256(raw));
  }
}

/** None took it, as far as their words are known. */
async function judge(
  errors: readonly unknown[],
  endpoints: readonly Endpoint[],
  hash: Hex,
): Promise<BroadcastOutcome> {
  const kinds = errors.map(kindOf);
  // Our limit is below what blocks cost now; that may fall before the deadline.
  if (kinds.includes("belowBaseFee")) return { kind: "out" };
  if (kinds.includes("underpriced")) return { kind: "underpriced", floor: highestFloor(errors) };
  const told = MOST_TELLING.map((kind) => kinds.indexOf(kind)).find((at) => at >= 0);
  const refusal = errors[told ?? kinds.findIndex((kind) => kind !== undefined)];
  // The transaction may have arrived, and the answer been lost.
  if (errors.some(mayHaveArrived) && kindOf(refusal) !== "funds") return { kind: "out", refusal };
  // Words that nobody knows, or a node that mines at once and answers with what came of it.
  if (await isKnown(endpoints, hash)) return { kind: "out", refusal };
  return { kind: "failed", error: refusal ?? errors[0], as: kindOf(refusal) };
}

/** Whether an endpoint perhaps took the request, and its answer was lost. */
function mayHaveArrived(error: unknown): boolean {
  const failure = causeOf(error, (cause) => cause instanceof EndpointFailed);
  return failure instanceof EndpointFailed && !failure.undelivered;
}

function highestFloor(errors: readonly unknown[]): FeeFloor {
  const floors = errors.map(feeFloorOf);
  const highest = (of: (floor: FeeFloor) => bigint) =>
    floors.map(of).reduce((a, b) => (a > b ? a : b), 0n);
  return { tip: highest(({ tip }) => tip), fee: highest(({ fee }) => fee) };
}

/** Whether any endpoint has it, in a pool or in a block. */
async function isKnown(endpoints: readonly Endpoint[], hash: Hex): Promise<boolean> {
  const polls = endpoints.flatMap(({ client }) => [
    client.getTransaction({ hash }),
    client.getTransactionReceipt({ hash }),
  ]);
  return Promise.any(polls).then(
    () => true,
    () => false,
  );
}
