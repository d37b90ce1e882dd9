/** Answers that an endpoint makes up: of views of the contracts, and of an operator's account. */
import { encodeFunctionResult } from "viem";
import { ZERO_ADDRESS } from "../../src/base/address.ts";
import type { Hex } from "../../src/base/hex.ts";
import { asDone, decodeCall, encodeRevert } from "../chain/mediatorAbi.ts";
import { Revert } from "../chain/terms.ts";
import type { EndpointFault } from "./endpointFaults.ts";
import { hex, RpcError } from "./rpcNode.ts";

/** Blocks after the head in which transactions are said to be mined that are not. */
const FAR_BLOCKS = 1000;
/** Added to the next nonce, by the endpoint's words; the last: nothing was ever sent. */
const FALSE_NONCES: readonly ((nonce: number) => number)[] = [
  (nonce) => nonce + 3,
  (nonce) => nonce + 1000,
  () => 0,
];

/** One question to an endpoint that lies. */
export interface Question {
  readonly method: string;
  readonly params: readonly unknown[];
  /** The newest block of the endpoint. */
  readonly head: number;
  /** A number of the endpoint's, which always lies in the same way. */
  readonly words: number;
  readonly answer: () => unknown;
}

/** The false answer; undefined: the question is answered truly. Throws `RpcError`. */
export function lieOf(
  has: (fault: EndpointFault) => boolean,
  { method, params, head, words, answer }: Question,
): unknown {
  switch (method) {
    case "eth_estimateGas":
      if (has("trialsRefused")) throw refusal();
      return undefined;
    case "eth_call":
      return viewBy(has, (params[0] as { readonly data: Hex }).data, answer);
    case "eth_getTransactionReceipt":
      return has("receiptsInvented")
        ? (answer() ?? inventedReceipt(params[0] as Hex, head))
        : undefined;
    case "eth_getTransactionCount": {
      if (!has("noncesInvented")) return undefined;
      const change = FALSE_NONCES[words % FALSE_NONCES.length] as (nonce: number) => number;
      return hex(change(Number(answer())));
    }
    case "eth_getBalance":
      return has("balancesHidden") ? "0x0" : undefined;
    default:
      return undefined;
  }
}

function viewBy(has: (fault: EndpointFault) => boolean, data: Hex, answer: () => unknown): unknown {
  if (has("viewsRefused")) throw refusal();
  if (has("viewsGarbled")) return "0x01";
  if (has("dutiesHidden")) return asDone(data, answer() as Hex);
  return has("slotsHidden") ? withoutOperators(data) : undefined;
}

function refusal(): RpcError {
  const revert = new Revert("Halted", 1n);
  return new RpcError(3, `execution reverted: ${revert.errorName}`, encodeRevert(revert));
}

/** Of a manager's view: as if nobody were an operator, and a commit took many. */
function withoutOperators(data: Hex): Hex | undefined {
  const results: Readonly<Record<string, unknown>> = {
    count: 0n,
    operator: ZERO_ADDRESS,
    forecast: ZERO_ADDRESS,
    claims: [0n, 2n ** 88n - 1n],
    slotInfo: [7n, 1n, 2n ** 40n, 120],
    isRegistered: false,
    commitQuorum: 88n,
  };
  const decoded = decodeCall(data);
  const name = decoded?.call.functionName as string | undefined;
  if (decoded === undefined || name === undefined || !Object.hasOwn(results, name)) {
    return undefined;
  }
  return encodeFunctionResult({
    abi: decoded.abi as typeof COUNT,
    functionName: name as "count",
    result: results[name] as bigint,
  });
}

/** Of a view that gives one number: the types of others pass through no name. */
const COUNT = [
  {
    type: "function",
    name: "count",
    stateMutability: "view",
    inputs: [],
    outputs: [{ type: "uint256" }],
  },
] as const;

function inventedReceipt(transactionHash: Hex, head: number): unknown {
  return {
    transactionHash,
    blockHash: `0x${"5e".repeat(32)}`,
    blockNumber: hex(head + FAR_BLOCKS),
    status: "0x1",
    logs: [],
    logsBloom: `0x${"00".repeat(256)}`,
    transactionIndex: "0x0",
    gasUsed: hex(150_000),
    cumulativeGasUsed: hex(150_000),
    type: "0x2",
    effectiveGasPrice: hex(10n ** 9n),
  };
}
