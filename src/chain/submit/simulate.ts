/** Tries a call before it is sent: what the contract refuses would only cost gas. */
import type { Address } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { asContractRefused } from "../rpc/contractRefusal.ts";
import { kindOf } from "../rpc/errorKinds.ts";
import { ContractRefused, InsufficientFunds, RpcUnavailable } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import type { Call } from "./call.ts";

/** A fifth more than estimated: state may move between estimate and block. */
const GAS_MARGIN_PERCENT = 120n;
/**
 * Refusals that hang on the block's number, so that the next block may lift them: of a quarter, a
 * slot, a halt. Whatever else is refused is so for what has happened, and an endpoint that did not
 * hear of that is not to be asked again.
 */
const TIME_DEPENDENT_ERRORS = new Set([
  ...["NotOperator", "WrongSlot", "OutsideWindow", "WithdrawalNotDue", "NotHalted"],
  ...["NoStanding", "TokenNotInRound"],
]);

/**
 * Runs the call; gives the gas limit to send it with. On the newest block first, and on none before
 * `notBefore`, which endpoints that lag do not know: they would try what is done already. What is
 * pending may be replaced, and an estimate on top of it be too low, so it is tried there only if
 * the block to come may allow it. Throws `ContractRefused`, `InsufficientFunds`, or
 * `RpcUnavailable`.
 */
export async function simulate(
  client: ChainClient,
  from: Address,
  call: Call,
  notBefore: BlockNumber,
): Promise<bigint> {
  const newest = await ask("its head", () => client.getBlockNumber());
  const blockNumber = newest < notBefore ? BigInt(notBefore) : newest;
  try {
    return await estimate(client, from, call, { blockNumber });
  } catch (error) {
    if (!(error instanceof ContractRefused && TIME_DEPENDENT_ERRORS.has(error.errorName)))
      throw error;
    return await estimate(client, from, call, { blockTag: "pending" });
  }
}

async function estimate(
  client: ChainClient,
  from: Address,
  call: Call,
  on: { readonly blockNumber: bigint } | { readonly blockTag: "pending" },
): Promise<bigint> {
  const { to, data, value = 0n } = call;
  try {
    const gas = await client.estimateGas({ account: from, ...on, to, data, value });
    return (gas * GAS_MARGIN_PERCENT) / 100n;
  } catch (error) {
    const refused = asContractRefused(error, call.what);
    if (refused !== undefined) throw refused;
    if (kindOf(error) === "funds") throw new InsufficientFunds(call.what, from, error);
    throw new RpcUnavailable(`a trial of ${call.what}`, error);
  }
}
