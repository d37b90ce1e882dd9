/** Reads of the Mediator that tests alone need. */
import { toAddress, ZERO_ADDRESS } from "../../base/address.ts";
import type { Address } from "../../base/hex.ts";
import type { Round } from "../../protocol/units.ts";
import { mediatorAbi } from "../abi/mediator.ts";
import type { MediatorReader } from "./mediator.ts";

/** Wei that `account` may claim: bonds of disputes it answered, and its own that came back. */
export function readClaimableBonds(
  { client, mediator }: MediatorReader,
  account: Address,
): Promise<bigint> {
  const at = { address: mediator, abi: mediatorAbi } as const;
  return client.readContract({ ...at, functionName: "claimableBonds", args: [account] });
}

/** The key besides the client's own that may sign its orders of `round`; undefined: none. */
export async function readTradingKey(
  reader: MediatorReader,
  client: Address,
  round: Round,
): Promise<Address | undefined> {
  const at = { address: reader.mediator, abi: mediatorAbi } as const;
  const args = [client, BigInt(round)] as const;
  const key = await reader.client.readContract({ ...at, functionName: "tradingKey", args });
  return key === ZERO_ADDRESS ? undefined : toAddress(key);
}
