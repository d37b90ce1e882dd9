/**
 * Getting everything out, one step at a time: the round's work, and a request for each balance that
 * is proven. The chain and the evidence say what was done, so a program that ends in the middle is
 * started again, and nothing is asked for twice.
 */
import type { Address } from "../../base/hex.ts";
import { encodeInitiateWithdrawal } from "../../chain/contracts/mediatorCalls.ts";
import { ContractRefused } from "../../chain/rpc/errors.ts";
import { covers } from "../../protocol/statementRule.ts";
import type { Amount, Round, SignedStatement, Statement } from "../../protocol/units.ts";
import { lastCountersigned, type OrderEvidence } from "../evidence/evidence.ts";
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
 * One step: all that can be done now. Call it again at `nextBlock` until `isDone`. Throws what its
 * parts throw: call it again. A request takes the withdrawal's bond, in wei, which comes back with
 * the payment.
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
    const { bound, statements } = await boundByOrders(client, token, round);
    const free = proof.balance - asked - (bound > 0n ? bound : 0n);
    if (free <= 0n) continue;
    const data = encodeInitiateWithdrawal(token, free, address, proof, statements);
    try {
      await client.send("request of a withdrawal", data, constants.withdrawalBond);
      requested.push({ token, amount: free });
    } catch (error) {
      // A round that ended meanwhile wants another proof.
      if (!(error instanceof ContractRefused)) throw error;
    }
  }
  return requested;
}

/**
 * The most that a request of `round` can be told to leave in (docs/protocol.md section 10): by the
 * kept orders of this round and the one before, and by the statements that stand for some of them.
 * `statements`: those that the request presents, so that no older ones can be told.
 */
async function boundByOrders({ evidence }: ChainClientSide, token: Address, round: Round) {
  let bound = 0n;
  const statements: SignedStatement[] = [];
  for (const at of [round - 1, round]) {
    const orders = await evidence.orders(at);
    const signed = await evidence.statements(at);
    const last = lastCountersigned(signed);
    if (last !== undefined) {
      statements.push({ statement: last.statement, signature: last.countersignature });
    }
    // The operator may answer with any that the client signed since.
    const from = last === undefined ? 0n : last.statement.watermark;
    const later = signed.filter(({ statement }) => statement.watermark >= from);
    const sums = later.map(({ statement }) => soldBy(statement, token, orders));
    bound += most(last === undefined ? [...sums, soldBy(undefined, token, orders)] : sums);
  }
  return { bound, statements };
}

/** The sum sold less that bought by a statement, and all that other orders may sell. */
function soldBy(
  statement: Statement | undefined,
  token: Address,
  orders: readonly OrderEvidence[],
): bigint {
  const index = statement?.tokens.indexOf(token) ?? -1;
  const sold = index < 0 ? 0n : (statement?.sold[index] ?? 0n);
  const bought = index < 0 ? 0n : (statement?.bought[index] ?? 0n);
  return orders
    .map(({ signed }) => signed.order)
    .filter(({ id }) => statement === undefined || !covers(statement, id))
    .filter(({ sellToken }) => sellToken === token)
    .reduce((sum, { sellAmount }) => sum + sellAmount, sold - bought);
}

function most(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (b > a ? b : a));
}
