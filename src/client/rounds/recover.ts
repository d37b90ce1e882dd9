/**
 * Getting everything out of a HALTED Mediator: withdrawals old enough, balances, deposits, bonds.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import {
  encodeConfirmWithdrawal,
  encodeRecoverBalance,
  encodeRecoverDeposits,
  encodeRefundBond,
  encodeRefundWithdrawalBond,
} from "../../chain/contracts/mediatorCalls.ts";
import { readDeposits, readDisputeRounds } from "../../chain/contracts/pastEvents.ts";
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

/**
 * Takes out all that is this client's, and says what it was. Safe to call again: what was taken is
 * passed over. Throws `NotHalted` while the exchange lives.
 */
export async function recover(client: ChainClientSide): Promise<Recovered[]> {
  const clock = await parseClient(client).reader.clock();
  if (!clock.halted) {
    throw new QuarterdeckError({
      code: "NotHalted",
      message: "The Mediator is not HALTED: nothing is to be recovered.",
      hint: "Withdraw as usual.",
    });
  }
  const done: Recovered[] = [];
  for (const token of await client.reader.tokenSet(clock.round + 1)) {
    done.push(...(await recoverToken(client, token, clock.round)));
  }
  done.push(...(await refundBonds(client)));
  return done;
}

async function recoverToken(
  client: ChainClientSide,
  token: Address,
  halt: Round,
): Promise<Recovered[]> {
  const { reader, address } = client;
  const done: Recovered[] = [];
  const request = await reader.withdrawal(address, token);
  if (request !== undefined && !isVoid(request.round, halt)) {
    await client.send("an old withdrawal", encodeConfirmWithdrawal(address, token));
    done.push({ what: "withdrawal", token, amount: request.amount });
  }
  const { withdrawalBond } = client.constants;
  if (request !== undefined && isVoid(request.round, halt) && withdrawalBond > 0n) {
    await client.send("refund of a bond", encodeRefundWithdrawalBond(address, token));
    done.push({ what: "bond", round: request.round, amount: withdrawalBond });
  }
  const { commitRound, depositRounds } = recoveryPlan(halt);
  const taken = await reader.recovered(address, token);
  let deposits = 0n;
  for (const round of depositRounds) {
    deposits += (await reader.clientFlow(address, token, round)).deposits;
  }
  if (deposits > 0n && !taken.deposits) {
    await client.send("recovery of deposits", encodeRecoverDeposits(address, token));
    done.push({ what: "deposits", token, amount: deposits });
  }
  if (commitRound === undefined) return done;
  if ((await reader.commitment(commitRound, token)) === undefined) return done;
  const outcome = await recoverBalance(client, token, commitRound, taken.balance);
  return outcome === undefined ? done : [...done, outcome];
}

/**
 * `taken`, in base units, is what anybody recovered for this client already. The sum may be less
 * than the client's balance, where a dishonest operator gave it a second, smaller leaf and that was
 * shown first.
 */
async function recoverBalance(
  client: ChainClientSide,
  token: Address,
  round: Round,
  taken: Amount,
): Promise<Recovered | undefined> {
  const kept = (await client.evidence.proofs(round)).find((one) => one.token === token);
  const proof = kept?.proof ?? (await askForProof(client, token, round));
  if (proof === undefined) {
    if (taken > 0n || !(await hadLeaf(client, round))) return undefined;
    return { what: "missingProof", token, round };
  }
  if (proof.balance <= taken) return undefined;
  await client.send("recovery of a balance", encodeRecoverBalance(client.address, token, proof));
  return { what: "balance", token, amount: proof.balance - taken };
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

async function refundBonds(client: ChainClientSide): Promise<Recovered[]> {
  const { reader, address, constants } = client;
  if (constants.disputeBond === 0n) return [];
  const done: Recovered[] = [];
  for (const round of await readDisputeRounds(reader, address, constants.schedule.genesisBlock)) {
    const opened = await reader.dispute(address, round);
    // A delegate's bond is the delegate's.
    if (!opened?.open || opened.delegate !== undefined) continue;
    await client.send("refund of a bond", encodeRefundBond(address, round));
    done.push({ what: "bond", round, amount: constants.disputeBond });
  }
  return done;
}
