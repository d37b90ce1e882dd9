/**
 * Getting everything out of a HALTED Mediator: withdrawals old enough, balances, deposits, bonds.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import {
  encodeConfirmWithdrawal,
  encodeRecoverBalance,
  encodeRecoverDeposits,
  encodeRefundBond,
  encodeRefundWithdrawalBond,
} from "../../chain/contracts/mediatorCalls.ts";
import { readDeposits, readDisputeRounds } from "../../chain/follow/pastEvents.ts";
import { isVoid, recoveryPlan } from "../../protocol/recoverRule.ts";
import type { Amount, BalanceProof, Round } from "../../protocol/units.ts";
import { parseClient } from "../arguments.ts";
import type { ChainClientSide } from "../types.ts";

/** The sums taken out, and the reason for any that could not be. Amounts in base units. */
export type Recovered =
  | {
      readonly what: "balance" | "deposits" | "withdrawal";
      readonly token: Address;
      readonly amount: Amount;
    }
  /** Wei; `round`: of the dispute, or of the request that the halt made void. */
  | { readonly what: "bond"; readonly round: Round; readonly amount: Amount }
  | { readonly what: "missingProof"; readonly token: Address; readonly round: Round };

/** One transaction that takes a sum out, or the reason why there is none. */
export interface RecoveryStep {
  readonly outcome: Recovered;
  /** Undefined: nothing can be sent without the proof that is missing. */
  readonly call: { readonly what: string; readonly data: Hex } | undefined;
}

/**
 * Takes out all that is this client's, and says what it was. Safe to call again: what was taken is
 * passed over. Throws `NotHalted` while the exchange lives.
 */
export async function recover(client: ChainClientSide): Promise<Recovered[]> {
  const steps = await planRecovery(client);
  for (const { call } of steps) {
    if (call !== undefined) await client.send(call.what, call.data);
  }
  return steps.map(({ outcome }) => outcome);
}

/** All that `recover` would send now, in its order; sends nothing. Throws `NotHalted`. */
export async function planRecovery(client: ChainClientSide): Promise<RecoveryStep[]> {
  const clock = await parseClient(client).reader.clock();
  if (!clock.halted) {
    throw new QuarterdeckError({
      code: "NotHalted",
      message: "The Mediator is not HALTED: nothing is to be recovered.",
      hint: "Withdraw as usual.",
    });
  }
  const steps: RecoveryStep[] = [];
  for (const token of await client.reader.tokenSet(clock.round + 1)) {
    steps.push(...(await stepsOf(client, token, clock.round)));
  }
  return [...steps, ...(await bondSteps(client))];
}

async function stepsOf(
  client: ChainClientSide,
  token: Address,
  halt: Round,
): Promise<RecoveryStep[]> {
  const { reader, address } = client;
  const steps: RecoveryStep[] = [];
  const request = await reader.withdrawal(address, token);
  if (request !== undefined && !isVoid(request.round, halt)) {
    const { amount } = request;
    const data = encodeConfirmWithdrawal(address, token);
    const outcome = { what: "withdrawal", token, amount } as const;
    steps.push({ outcome, call: { what: "an old withdrawal", data } });
  }
  const { withdrawalBond } = client.constants;
  if (request !== undefined && isVoid(request.round, halt) && withdrawalBond > 0n) {
    const data = encodeRefundWithdrawalBond(address, token);
    const outcome = { what: "bond", round: request.round, amount: withdrawalBond } as const;
    steps.push({ outcome, call: { what: "refund of a bond", data } });
  }
  const { commitRound, depositRounds } = recoveryPlan(halt);
  const taken = await reader.recovered(address, token);
  let deposits = 0n;
  for (const round of depositRounds) {
    deposits += (await reader.clientFlow(address, token, round)).deposits;
  }
  if (deposits > 0n && !taken.deposits) {
    const data = encodeRecoverDeposits(address, token);
    const outcome = { what: "deposits", token, amount: deposits } as const;
    steps.push({ outcome, call: { what: "recovery of deposits", data } });
  }
  if (commitRound === undefined) return steps;
  if ((await reader.commitment(commitRound, token)) === undefined) return steps;
  const step = await balanceStep(client, token, commitRound, taken.balance);
  return step === undefined ? steps : [...steps, step];
}

/**
 * `taken`, in base units, is what anybody recovered for this client already. The sum may be less
 * than the client's balance, where a dishonest operator gave it a second, smaller leaf and that was
 * shown first.
 */
async function balanceStep(
  client: ChainClientSide,
  token: Address,
  round: Round,
  taken: Amount,
): Promise<RecoveryStep | undefined> {
  const kept = (await client.evidence.proofs(round)).find((one) => one.token === token);
  const proof = kept?.proof ?? (await askForProof(client, token, round));
  if (proof === undefined) {
    if (taken > 0n || !(await hadLeaf(client, round))) return undefined;
    return { outcome: { what: "missingProof", token, round }, call: undefined };
  }
  if (proof.balance <= taken) return undefined;
  const data = encodeRecoverBalance(client.address, token, proof);
  const outcome = { what: "balance", token, amount: proof.balance - taken } as const;
  return { outcome, call: { what: "recovery of a balance", data } };
}

async function askForProof(
  client: ChainClientSide,
  token: Address,
  round: Round,
): Promise<BalanceProof | undefined> {
  try {
    return await client.provenBalance(token, round);
  } catch (error) {
    if (error instanceof QuarterdeckError && error.code === "NoProof") return undefined;
    throw error;
  }
}

/** A client that deposited before a round is in the trees of that round. */
async function hadLeaf({ reader, address, constants }: ChainClientSide, round: Round) {
  const deposits = await readDeposits(reader, address, constants.schedule.genesisBlock);
  return deposits.some((deposit) => deposit.round < round);
}

async function bondSteps({ reader, address, constants }: ChainClientSide): Promise<RecoveryStep[]> {
  const { disputeBond: amount, schedule } = constants;
  if (amount === 0n) return [];
  const steps: RecoveryStep[] = [];
  for (const round of await readDisputeRounds(reader, address, schedule.genesisBlock)) {
    const opened = await reader.dispute(address, round);
    // A delegate's bond is the delegate's.
    if (!opened?.open || opened.delegate !== undefined) continue;
    const call = { what: "refund of a bond", data: encodeRefundBond(address, round) };
    steps.push({ outcome: { what: "bond", round, amount }, call });
  }
  return steps;
}
