/**
 * Getting everything out, one step at a time: the round's work, and a request for each balance that
 * is proven. The chain and the evidence say what was done, so a program that ends in the middle is
 * started again, and nothing is asked for twice.
 */
import type { Address } from "../../base/hex.ts";
import { encodeInitiateWithdrawal } from "../../chain/contracts/mediatorCalls.ts";
import { ContractRefused } from "../../chain/rpc/errors.ts";
import type { Amount, Round } from "../../protocol/units.ts";
import type { ChainClientSide } from "../types.ts";
import { type ExitPlan, exitPlan, provenOpening } from "./exitPlan.ts";
import { type RoundReport, roundWork } from "./roundWork.ts";

export interface ExitReport extends RoundReport {
  /** Requests that this step made, in base units: each is paid two rounds later. */
  readonly requested: readonly { readonly token: Address; readonly amount: Amount }[];
  /** The sums still in, as the chain shows them after this step. */
  readonly left: ExitPlan;
  /** Nothing is left that could be got out. */
  readonly isDone: boolean;
}

/**
 * One step: all that can be done now. Call it again at `nextBlock` until `isDone`. Throws what its parts throw:
 * call it again. A request takes the withdrawal's bond, in wei, which comes back with the payment.
 */
export async function exitStep(client: ChainClientSide): Promise<ExitReport> {
  const work = await roundWork(client);
  const requested = work.recovered === undefined ? await requestAll(client) : [];
  const left = await exitPlan(client);
  const isDone = left.items.every(({ fromBlock, amount }) => {
    // After a halt nobody has to show a proof any more: what is missing may come, or not.
    return left.halted && fromBlock === undefined && amount === undefined;
  });
  return { ...work, requested, left, isDone };
}

async function requestAll(client: ChainClientSide) {
  const { reader, address, constants } = client;
  const { round } = await reader.clock();
  const requested: { token: Address; amount: Amount }[] = [];
  for (const token of await reader.tokenSet(round + 1)) {
    const proof = await provenOpening(client, token, round);
    if (proof === undefined || proof.balance === 0n) continue;
    if ((await reader.withdrawal(address, token)) !== undefined) continue;
    const { requested: asked } = await reader.clientFlow(address, token, round);
    // Orders bind what they may sell: a request beyond it is cancelled, and its bond is lost.
    const bound = await boundByOrders(client, token, round);
    if (asked + bound >= proof.balance) continue;
    const amount = proof.balance - asked - bound;
    const data = encodeInitiateWithdrawal(token, amount, address, proof);
    try {
      await client.send("request of a withdrawal", data, constants.withdrawalBond);
      requested.push({ token, amount });
    } catch (error) {
      // A round that ended meanwhile wants another proof.
      if (!(error instanceof ContractRefused)) throw error;
    }
  }
  return requested;
}

/**
 * The sum that the kept orders of a round and the one before may sell of a token, which is evidence against
 * a request of that round, whatever became of them (docs/protocol.md section 4).
 */
async function boundByOrders(
  { evidence }: ChainClientSide,
  token: Address,
  round: Round,
): Promise<Amount> {
  let bound = 0n;
  for (const at of [round - 1, round]) {
    for (const { signed } of await evidence.orders(at)) {
      if (signed.order.sellToken === token) bound += signed.order.sellAmount;
    }
  }
  return bound;
}
