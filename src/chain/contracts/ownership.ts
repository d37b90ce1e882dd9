/** Owners of a contract: the present, and the offered one (OpenZeppelin's Ownable2Step). */
import { encodeFunctionData } from "viem";
import { toAddress, ZERO_ADDRESS } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { mediatorAbi as abi } from "../abi/mediator.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";

export interface Owners {
  readonly owner: Address;
  /** The account that may accept it; undefined: none. */
  readonly pending: Address | undefined;
}

/** Of a Mediator or a manager. Throws `RpcUnavailable`. */
export async function readOwners(client: ChainClient, address: Address): Promise<Owners> {
  const at = { address, abi } as const;
  const [owner, pending] = await ask("a contract's owner", () =>
    Promise.all([
      client.readContract({ ...at, functionName: "owner" }),
      client.readContract({ ...at, functionName: "pendingOwner" }),
    ]),
  );
  const offered = pending === ZERO_ADDRESS ? undefined : toAddress(pending);
  return { owner: toAddress(owner), pending: offered };
}

/** Sent by who is offered it. */
export function encodeAcceptOwnership(): Hex {
  return encodeFunctionData({ abi, functionName: "acceptOwnership" });
}
