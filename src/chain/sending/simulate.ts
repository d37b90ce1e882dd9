/** Tries a call before it is sent: what the contract refuses would only cost gas. */
import type { Address } from "../../base/hex.ts";
import {
  asContractRefused,
  ContractRefused,
  InsufficientFunds,
  isInsufficientFunds,
  RpcUnavailable,
} from "../errors.ts";
import type { ChainClient } from "../rpc.ts";
import type { Call } from "../send.ts";

/** A fifth more than estimated: state may move between estimate and block. */
const GAS_MARGIN_PERCENT = 120n;

/**
 * Runs the call; gives the gas limit to send it with. On the latest block first: what is pending
 * may be replaced, and an estimate on top of it be too low. What is refused there may be allowed in
 * the block to come, as at the boundary of a quarter. Throws `ContractRefused`,
 * `InsufficientFunds`, or `RpcUnavailable`.
 */
export async function simulate(client: ChainClient, from: Address, call: Call): Promise<bigint> {
  try {
    return await estimate(client, from, call, "latest");
  } catch (error) {
    if (!(error instanceof ContractRefused)) throw error;
    return await estimate(client, from, call, "pending");
  }
}

async function estimate(
  client: ChainClient,
  from: Address,
  call: Call,
  blockTag: "latest" | "pending",
): Promise<bigint> {
  const { to, data, value = 0n } = call;
  try {
    const gas = await client.estimateGas({ account: from, blockTag, to, data, value });
    return (gas * GAS_MARGIN_PERCENT) / 100n;
  } catch (error) {
    const refused = asContractRefused(error, call.what);
    if (refused !== undefined) throw refused;
    if (isInsufficientFunds(error)) throw new InsufficientFunds(call.what, from, error);
    throw new RpcUnavailable(`a trial of ${call.what}`, error);
  }
}
