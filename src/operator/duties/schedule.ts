/**
 * How long the owed duties take at best, and whether they can still be done in time; also those
 * that wait for something. Pure. docs/protocol.md sections 2, 4 and 6.
 */
import { MOST_IN_FLIGHT } from "../../chain/submit/submitter.ts";
import type { State } from "../../exchange/model/state.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { transactionsToAnswer } from "./answerDispute.ts";
import { type ChainView, type Duty, type DutyId, dutyId, owedDuties } from "./duties.ts";

/** An owed duty with its time. */
export interface ScheduledDuty {
  readonly id: DutyId;
  /** Last block in which it can be done. */
  readonly deadlineBlock: BlockNumber;
  /** Blocks that can still take it; negative when it is past. */
  readonly blocksLeft: number;
  /** Blocks until it is done at best, with what comes first. */
  readonly blocksNeeded: number;
  /** Whether so many are left before the deadline. */
  readonly inTime: boolean;
}

/**
 * All that is owed, in the order in which it will be done, as of `head`. Lateness is judged by the
 * block of `chain`: what was done since then does not show there. Work grows with requests,
 * disputes and their orders.
 */
export function scheduleDuties(
  state: State,
  chain: ChainView,
  head: BlockNumber = chain.head,
): ScheduledDuty[] {
  const owed = owedDuties(state, chain, head);
  const cancels = inBlocks(
    owed.filter(({ kind }) => kind === "cancelWithdrawal"),
    0,
  );
  const closes = owed.filter(({ kind }) => kind === "closeDispute");
  const isReady = ({ waitsFor }: Duty) => waitsFor === undefined;
  const ready = inBlocks(closes.filter(isReady), 0, cancels.length);
  // A duty that waits for others begins when they have landed.
  const commit = inBlocks(
    owed.filter(({ kind }) => kind === "commit"),
    longest(cancels),
  );
  const waiting = inBlocks(
    closes.filter((close) => !isReady(close)),
    longest(commit),
  );
  return [...cancels, ...ready, ...commit, ...waiting].map(({ duty, blocksNeeded }) => {
    const { deadlineBlock } = duty;
    const blocksLeft = deadlineBlock - head;
    const inTime = chain.head + blocksNeeded <= deadlineBlock;
    return { id: dutyId(duty), deadlineBlock, blocksLeft, blocksNeeded, inTime };
  });
}

interface Placed {
  readonly duty: Duty;
  readonly blocksNeeded: number;
}

/**
 * Duties side by side, so many transactions in a block, after `from` blocks and behind `ahead`
 * transactions that go first. At best: a full chain takes fewer.
 */
function inBlocks(duties: readonly Duty[], from: number, ahead = 0): Placed[] {
  let before = ahead;
  return duties.map((duty) => {
    const transactions = transactionsOf(duty);
    before += transactions;
    const blocks = Math.max(transactions, Math.ceil(before / MOST_IN_FLIGHT));
    return { duty, blocksNeeded: from + blocks };
  });
}

/** Transactions that a duty takes, one after the other. */
function transactionsOf(duty: Duty): number {
  return duty.kind === "closeDispute" ? transactionsToAnswer(duty.answer.executions.length) : 1;
}

function longest(placed: readonly Placed[]): number {
  return Math.max(0, ...placed.map(({ blocksNeeded }) => blocksNeeded));
}

/** The scheduled duty whose deadline comes first. */
export function nearest(duties: readonly ScheduledDuty[]): ScheduledDuty | undefined {
  return duties.reduce<ScheduledDuty | undefined>(
    (best, duty) => (best !== undefined && best.blocksLeft <= duty.blocksLeft ? best : duty),
    undefined,
  );
}
