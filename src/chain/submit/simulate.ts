/** Simulates a call before it is sent: one that the contract refuses only costs gas. */
import type { Address } from "../../base/hex.ts";
import { within } from "../../base/within.ts";
import { MAX_MINED_AHEAD_BLOCKS } from "../../protocol/tolerances.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { asContractRefused } from "../rpc/contractRefusal.ts";
import { type Endpoint, SECOND_WORD_MS } from "../rpc/endpoint.ts";
import { isCallersError, kindOf } from "../rpc/errorKinds.ts";
import { ContractRefused, InsufficientFunds, RpcUnavailable } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import type { Call } from "./call.ts";

/** Times that the refusal of one call is overruled. */
const MOST_OVERRULED = 2;
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
 * `notBefore`, which lagging endpoints do not know: there the call may not be done yet. One further
 * away than `MAX_MINED_AHEAD_BLOCKS` was made up, and does not count. Pending transactions may be
 * replaced, and an estimate on top of them be too low, so the pending block is used only where the
 * next block may allow the call.
 * Throws `ContractRefused`, `InsufficientFunds`, or `RpcUnavailable`.
 */
export async function simulate(
  client: ChainClient,
  from: Address,
  call: Call,
  notBefore: BlockNumber,
): Promise<bigint> {
  const newest = await ask("its head", () => client.getBlockNumber());
  const isLate = newest < notBefore && notBefore <= Number(newest) + MAX_MINED_AHEAD_BLOCKS;
  let trial = trialOf(from, call, { blockNumber: isLate ? BigInt(notBefore) : newest });
  let result = await estimate(client, call.what, trial);
  if (result instanceof ContractRefused && TIME_DEPENDENT_ERRORS.has(result.errorName)) {
    trial = trialOf(from, call, { blockTag: "pending" });
    result = await estimate(client, call.what, trial);
  }
  if (typeof result !== "bigint") {
    const gas = await takenElsewhere(client, call.what, trial);
    if (gas === undefined) throw result;
    result = gas;
  }
  return (result * GAS_MARGIN_PERCENT) / 100n;
}

type Trial = Parameters<ChainClient["estimateGas"]>[0] & { readonly account: Address };
type TrialBlock = { readonly blockNumber: bigint } | { readonly blockTag: "pending" };

function trialOf(from: Address, { to, data, value = 0n }: Call, on: TrialBlock): Trial {
  return { account: from, ...on, to, data, value };
}

/** The gas that the call takes, or what an endpoint has against it. Throws `RpcUnavailable`. */
async function estimate(
  client: ChainClient,
  what: string,
  trial: Trial,
): Promise<bigint | ContractRefused | InsufficientFunds | RpcUnavailable> {
  try {
    return await client.estimateGas(trial);
  } catch (error) {
    const refused = asContractRefused(error, what);
    if (refused !== undefined) return refused;
    if (kindOf(error) === "funds") return new InsufficientFunds(what, trial.account, error);
    const unavailable = new RpcUnavailable(`a trial of ${what}`, error);
    if (isCallersError(error)) return unavailable;
    throw unavailable;
  }
}

/** Calls whose refusal was overruled already, and how often. */
const overruled = new WeakMap<ChainClient["transport"], Map<string, number>>();

/**
 * The estimate of an endpoint that takes the call on the same block; undefined: none does in time.
 * Those that refuse it are passed over: a duty may not wait for a false word. One that takes what
 * the contract refuses has it sent in vain, which costs gas: so this is done for each call
 * `MOST_OVERRULED` times only.
 */
async function takenElsewhere(
  { transport }: ChainClient,
  what: string,
  trial: Trial,
): Promise<bigint | undefined> {
  const all = transport.endpoints();
  const times = overruled.get(transport) ?? new Map<string, number>();
  const before = times.get(what) ?? 0;
  if (all.length < 2 || before >= MOST_OVERRULED) return undefined;
  const refusing: Endpoint[] = [];
  const trials = all.map(async (endpoint) => {
    try {
      return await endpoint.client.estimateGas(trial);
    } catch (error) {
      if (isCallersError(error)) refusing.push(endpoint);
      throw error;
    }
  });
  const gas = await within(
    SECOND_WORD_MS,
    Promise.any(trials).catch(() => undefined),
  );
  if (gas === undefined) return undefined;
  overruled.set(transport, times.set(what, before + 1));
  // The call need not wait for those that are slow to refuse it.
  void Promise.allSettled(trials).then(() => {
    const problem = `it refuses ${what}, which another endpoint takes`;
    for (const one of refusing) transport.contradict(one, problem);
  });
  return gas;
}
