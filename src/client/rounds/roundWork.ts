/**
 * The work of a client in each round, as one call: keep what disputes published, audit, dispute in
 * time, confirm what is ripe, and recover once the Mediator is HALTED. Nothing is remembered: the
 * chain and the evidence say what was done, so it may be called at any time, again, and from a
 * program that was just started.
 */
import type { Address } from "../../base/hex.ts";
import type { ChainClock } from "../../chain/contracts/mediator.ts";
import { encodeConfirmWithdrawal } from "../../chain/contracts/mediatorCalls.ts";
import { firstBlockOf } from "../../protocol/rounds.ts";
import type { Amount, BlockNumber, Round } from "../../protocol/units.ts";
import { confirmable, firstPayableBlock } from "../../protocol/withdrawalRule.ts";
import type { AuditFault, AuditReport } from "../audit.ts";
import { dispute, type OpenedDispute } from "../dispute.ts";
import type { ChainClientSide } from "../types.ts";
import { collectAnswers } from "./exitClient.ts";
import { type Recovered, recover } from "./recover.ts";

export interface RoundReport {
  readonly block: BlockNumber;
  readonly round: Round;
  /** Of the last commit; undefined where there is none yet, or the Mediator is HALTED. */
  readonly audit: AuditReport | undefined;
  /** The dispute that this call opened. */
  readonly disputed: OpenedDispute | undefined;
  /** Withdrawals that this call paid out, in base units. */
  readonly confirmed: readonly { readonly token: Address; readonly amount: Amount }[];
  /** Sums that this call took out of a HALTED Mediator; undefined while it lives. */
  readonly recovered: readonly Recovered[] | undefined;
  /** Block at which to call again at the latest; undefined: everything is out. */
  readonly nextBlock: BlockNumber | undefined;
}

/**
 * Faults that an operator which is only slow or down would cause too: they are disputed when the
 * round is about to end, all others at once.
 */
const MAY_STILL_COME: ReadonlySet<AuditFault["kind"]> = new Set([
  "noProof",
  "noOpening",
  "noFills",
]);
/** The quarter of a round from which on nobody waits any more. */
const LAST_QUARTER = 3;

/** Throws what its parts throw: call it again. */
export async function roundWork(client: ChainClientSide): Promise<RoundReport> {
  const { reader, constants } = client;
  const clock = await reader.clock();
  const { block, round, quarter } = clock;
  await collectAnswers(client);
  if (clock.halted) {
    const recovered = await recover(client);
    const idle = { audit: undefined, disputed: undefined, confirmed: [] };
    return { block, round, ...idle, recovered, nextBlock: undefined };
  }
  const report = clock.committedRound > 0 ? await client.audit() : undefined;
  const [opening] = await Promise.allSettled([disputeIfDue(client, clock, report)]);
  // Payable withdrawals are paid also where no dispute can be opened.
  const { confirmed, nextPayable } = await confirmRipe(client, clock);
  if (opening.status === "rejected") throw opening.reason;
  const disputed = opening.value;
  // The round is to be looked at when its commit is due, and before it ends.
  const { schedule } = constants;
  const next = [
    firstBlockOf(schedule, round, LAST_QUARTER),
    firstBlockOf(schedule, round + 1, 1),
    ...(quarter === 0 ? [firstBlockOf(schedule, round, 1)] : []),
    ...nextPayable,
  ].filter((one) => one > block);
  const nextBlock = Math.min(...next);
  return { block, round, audit: report, disputed, confirmed, recovered: undefined, nextBlock };
}

/** A client has one dispute a round, and it is about the round before. */
async function disputeIfDue(
  client: ChainClientSide,
  { round, quarter }: ChainClock,
  report: AuditReport | undefined,
): Promise<OpenedDispute | undefined> {
  if (report === undefined || report.round !== round || report.faults.length === 0)
    return undefined;
  const isUrgent = report.faults.some(({ kind }) => !MAY_STILL_COME.has(kind));
  if (!isUrgent && quarter < LAST_QUARTER) return undefined;
  if ((await client.reader.dispute(client.address, round)) !== undefined) return undefined;
  return dispute(client);
}

async function confirmRipe(client: ChainClientSide, clock: ChainClock) {
  const { reader, address, constants } = client;
  const confirmed: { token: Address; amount: Amount }[] = [];
  const nextPayable: BlockNumber[] = [];
  for (const token of await reader.tokenSet(clock.round + 1)) {
    const request = await reader.withdrawal(address, token);
    if (request === undefined) continue;
    if (confirmable(request.round, clock)) {
      await client.send("a withdrawal that is ripe", encodeConfirmWithdrawal(address, token));
      confirmed.push({ token, amount: request.amount });
    } else {
      nextPayable.push(firstPayableBlock(constants.schedule, request.round));
    }
  }
  return { confirmed, nextPayable };
}
