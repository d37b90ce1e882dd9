/** False answers of an endpoint about contracts, and about an operator's account. */
import type { Hex } from "../../src/base/hex.ts";
import type { Block } from "../chain/block.ts";
import { asDone, encodeRevert } from "../chain/mediatorAbi.ts";
import { Revert } from "../chain/terms.ts";
import type { EndpointFault } from "./endpointFaults.ts";
import { asManaged } from "./managerLies.ts";
import { RpcError } from "./rpcNode.ts";

/** One question to an endpoint that lies. */
export interface Question {
  /** The newest block that the endpoint has. */
  readonly head: Block;
  readonly method: string;
  readonly params: readonly unknown[];
  readonly answer: () => unknown;
}

type Has = (fault: EndpointFault) => boolean;

/** Nonces that a key is said to have used beyond its own. */
const NONCES_AHEAD = 2;

/** The false answer; undefined: the question is answered truly. Throws `RpcError`. */
export function lieOf(has: Has, question: Question): unknown {
  const { method, params, answer } = question;
  switch (method) {
    case "eth_estimateGas":
      if (has("trialsRefused")) throw refusal();
      return undefined;
    case "eth_call":
      return viewBy(has, (params[0] as { readonly data: Hex }).data, answer);
    case "eth_getTransactionCount":
      if (has("noncesBehind")) return "0x0";
      return has("noncesAhead") ? hex(Number(answer()) + NONCES_AHEAD) : undefined;
    case "eth_getBalance":
      return has("balanceEmptied") ? "0x0" : undefined;
    case "eth_getTransactionReceipt":
      if (has("receiptsHidden")) return null;
      return has("receiptsInvented") ? (answer() ?? inventedReceipt(question)) : undefined;
    default:
      return undefined;
  }
}

function viewBy(has: Has, data: Hex, answer: () => unknown): unknown {
  if (has("viewsRefused")) throw refusal();
  if (has("viewsGarbled")) return "0x01";
  return (has("dutiesHidden") ? asDone(data, answer() as Hex) : undefined) ?? asManaged(has, data);
}

function refusal(): RpcError {
  const revert = new Revert("Halted", 1n);
  return new RpcError(3, `execution reverted: ${revert.errorName}`, encodeRevert(revert));
}

function inventedReceipt({ head, params }: Question) {
  return {
    transactionHash: params[0],
    blockHash: head.hash,
    blockNumber: hex(head.number),
    transactionIndex: "0x0",
    status: "0x1",
    logs: [],
    gasUsed: hex(100_000),
    cumulativeGasUsed: hex(100_000),
    effectiveGasPrice: hex(10 ** 9),
  };
}

function hex(value: number): Hex {
  return `0x${value.toString(16)}`;
}
