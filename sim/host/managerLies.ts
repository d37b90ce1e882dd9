/** False answers of an endpoint about the operator manager: its slots, its list and its quorum. */
import { encodeFunctionResult } from "viem";
import type { Address, Hex } from "../../src/base/hex.ts";
import { roundRobinOperatorManagerAbi } from "../../src/chain/abi/roundRobinOperatorManager.ts";
import { decodeCall } from "../chain/mediatorAbi.ts";
import type { EndpointFault } from "./endpointFaults.ts";

const STRANGER: Address = "0x000000000000000000000000000000000000dEaD";
const FALSE_QUORUM = 3n;

/** By fault the views that it changes, with what they give. */
const ANSWERS: Readonly<Partial<Record<EndpointFault, Readonly<Record<string, unknown>>>>> = {
  slotsMoved: {
    operator: STRANGER,
    forecast: STRANGER,
    amIOperator: false,
    claims: [0n, 0n],
  },
  listEmptied: { count: 0n, isRegistered: false, wasOperator: false },
  quorumRaised: { commitQuorum: FALSE_QUORUM },
};

/** The answer to a view of the manager; undefined: it is answered truly. */
export function asManaged(has: (fault: EndpointFault) => boolean, data: Hex): Hex | undefined {
  const name = decodeCall(data)?.call.functionName as string | undefined;
  if (name === undefined) return undefined;
  for (const [fault, answers] of Object.entries(ANSWERS)) {
    if (!Object.hasOwn(answers, name) || !has(fault as EndpointFault)) continue;
    const functionName = name as "operator";
    const abi = roundRobinOperatorManagerAbi;
    return encodeFunctionResult({ abi, functionName, result: answers[name] as Address });
  }
  return undefined;
}
