/** False answers of an endpoint about contracts. */
import type { Hex } from "../../src/base/hex.ts";
import { asDone, encodeRevert } from "../chain/mediatorAbi.ts";
import { Revert } from "../chain/terms.ts";
import type { EndpointFault } from "./endpointFaults.ts";
import { RpcError } from "./rpcNode.ts";

/** One question to an endpoint that lies. */
export interface Question {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly answer: () => unknown;
}

/** The false answer; undefined: the question is answered truly. Throws `RpcError`. */
export function lieOf(
  has: (fault: EndpointFault) => boolean,
  { method, params, answer }: Question,
): unknown {
  switch (method) {
    case "eth_estimateGas":
      if (has("trialsRefused")) throw refusal();
      return undefined;
    case "eth_call":
      return viewBy(has, (params[0] as { readonly data: Hex }).data, answer);
    default:
      return undefined;
  }
}

function viewBy(has: (fault: EndpointFault) => boolean, data: Hex, answer: () => unknown): unknown {
  if (has("viewsRefused")) throw refusal();
  if (has("viewsGarbled")) return "0x01";
  return has("dutiesHidden") ? asDone(data, answer() as Hex) : undefined;
}

function refusal(): RpcError {
  const revert = new Revert("Halted", 1n);
  return new RpcError(3, `execution reverted: ${revert.errorName}`, encodeRevert(revert));
}
