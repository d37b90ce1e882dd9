/** Calls of owners, decoded from their calldata; those of a single manager; and claimable bonds. */
import { type Abi, type AbiFunction, decodeFunctionData, encodeFunctionData } from "viem";
import type { Address, Hex } from "../../base/hex.ts";
import { mediatorAbi } from "../abi/mediator.ts";
import { mutableOperatorManagerAbi } from "../abi/mutableOperatorManager.ts";
import { roundRobinOperatorManagerAbi } from "../abi/roundRobinOperatorManager.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import type { ApprovedOperator } from "./roundRobinManager.ts";

/** A call by its function's name, with each argument as text. */
export interface DecodedCall {
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  readonly values: readonly string[];
}

const ABIS: readonly Abi[] = [mediatorAbi, roundRobinOperatorManagerAbi, mutableOperatorManagerAbi];

/** Of a call of Mediator or manager. Throws where neither has such a function. */
export function decodeCall(data: Hex): DecodedCall {
  for (const abi of ABIS) {
    const selected = abi.filter((item): item is AbiFunction => item.type === "function");
    let called: { functionName: string; args?: readonly unknown[] | undefined };
    try {
      called = decodeFunctionData({ abi: selected, data });
    } catch {
      continue;
    }
    const { functionName: name, args = [] } = called;
    const inputs = selected.find((item) => item.name === name)?.inputs ?? [];
    return {
      name,
      inputs: inputs.map((one) => ({ name: one.name ?? "", type: one.type })),
      values: args.map(String),
    };
  }
  throw new Error(`No contract of ours has the function ${data.slice(0, 10)}.`);
}

/** Of a manager with one operator, in whose place it puts this one. */
export function encodeSetOperator({ address, name, endpoint }: ApprovedOperator): Hex {
  const args = [address, name, endpoint] as const;
  return encodeFunctionData({ abi: mutableOperatorManagerAbi, functionName: "setOperator", args });
}

/** Bonds that `account` may claim, in wei. Throws `RpcUnavailable`. */
export function readClaimableBonds(
  client: ChainClient,
  mediator: Address,
  account: Address,
): Promise<bigint> {
  const at = { address: mediator, abi: mediatorAbi } as const;
  return ask("the bonds that may be claimed", () =>
    client.readContract({ ...at, functionName: "claimableBonds", args: [account] }),
  );
}
