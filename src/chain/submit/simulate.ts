/** Simulates a call before it is sent: one that the contract refuses only costs gas. */
import type { Address } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { asContractRefused } from "../rpc/contractRefusal.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { kindOf } from "../rpc/errorKinds.ts";
import { ContractRefused, InsufficientFunds, RpcUnavailable } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import type { Call } from "./call.ts";

/** A fifth more than the estimate: state may move between estimate and block. */
const GAS_MARGIN_PERCENT = 120n;
/**
 * Errors that depend on the block number, so that the next block may lift them: of a quarter, a
 * slot, a halt. Any other error depends on what has happened, and must not be tried on an endpoint
 * that does not know that yet.
 */
const TIME_DEPENDENT_ERRORS = new Set([
  "NotOperator",
  "WrongSlot",
  "OutsideWindow",
  "WithdrawalNotDue",
  "NotHalted",
  "NoStanding",
  "TokenNotInRound",
]);

/**
 * Runs the call; gives the gas limit to send it with. The newest block comes first, and none before
 * `notBefore`, which lagging endpoints do not know: there the call may not be done yet. Pending
 * transactions may be replaced, and an estimate on top of them be too low, so the pending block is
 * used only where the next block may allow the call. Throws `ContractRefused`, `InsufficientFunds`,
 * or `RpcUnavailable`.
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

type Trial = Parameters<ChainClient["estimateGas"]>[0] & { readonly account: Address };
type TrialBlock = { readonly blockNumber: bigint } | { readonly blockTag: "pending" };

async function estimate(
  client: ChainClient,
  from: Address,
  call: Call,
  on: TrialBlock,
): Promise<bigint> {
  const { to, data, value = 0n } = call;
  const trial: Trial = { account: from, ...on, to, data, value };
  try {
    return withMargin(await client.estimateGas(trial));
  } catch (error) {
    const refused = asContractRefused(error, call.what);
    if (refused !== undefined) {
      const gas = await takenElsewhere(client, call.what, trial);
      if (gas === undefined) throw refused;
      return withMargin(gas);
    }
    if (kindOf(error) === "funds") throw new InsufficientFunds(call.what, from, error);
    throw new RpcUnavailable(`a trial of ${call.what}`, error);
  }
}

/**
 * The estimate of the first endpoint that takes the call on the same block; undefined: none does.
 * Endpoints that refuse it nevertheless are passed over: a duty may not wait for a false word, and
 * a call that is sent in vain costs gas alone.
 */
async function takenElsewhere(
  { transport }: ChainClient,
  what: string,
  trial: Trial,
): Promise<bigint | undefined> {
  const all = transport.endpoints();
  if (all.length < 2) return undefined;
  const refusing: Endpoint[] = [];
  for (const endpoint of all) {
    try {
      const gas = await endpoint.client.estimateGas(trial);
      const problem = `it refuses ${what}, which another endpoint takes`;
      for (const one of refusing) transport.demote(one, problem);
      return gas;
    } catch (error) {
      if (asContractRefused(error, what) !== undefined) refusing.push(endpoint);
    }
  }
  return undefined;
}

function withMargin(gas: bigint): bigint {
  return (gas * GAS_MARGIN_PERCENT) / 100n;
}
