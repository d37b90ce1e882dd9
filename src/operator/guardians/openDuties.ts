/**
 * All that the operator owes the chain now, also what it cannot yet do: with how long is left, and
 * whether it can still be done in time. Pure. PROTOCOL.md sections 2, 4 and 6.
 */
import { MOST_IN_FLIGHT } from "../../chain/send.ts";
import type { State } from "../../exchange/state.ts";
import {
  disputeAnswer,
  disputes,
  evidenceAgainst,
  tokensOfRound,
  withdrawals,
} from "../../exchange/views.ts";
import { firstBlockOf, lastBlockOf } from "../../protocol/rounds.ts";
import type { BlockNumber, Round } from "../../protocol/units.ts";
import {
  type ChainView,
  type DutyId,
  EXECUTIONS_AT_CLOSE,
  EXECUTIONS_PER_CALL,
} from "../duties.ts";

export interface OpenDuty {
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

interface Owed {
  readonly id: DutyId;
  readonly deadlineBlock: BlockNumber;
  /** One after the other. */
  readonly transactions: number;
}

/**
 * In the order in which they will be done, as of `head`. Lateness is judged by the block of
 * `chain`: what was done since then does not show there. Work grows with requests, disputes and
 * their orders.
 */
export function openDuties(
  state: State,
  chain: ChainView,
  head: BlockNumber = chain.head,
): OpenDuty[] {
  if (state.halted !== undefined) return [];
  const round = owedRound(state);
  const committed = (of: Round) =>
    tokensOfRound(state, of).every(({ token }) => chain.isCommitted(of, token));
  const closes = owedCloses(state, chain);
  const isReady = ({ id }: Owed) => committed(id.round);
  const commits =
    round === undefined || head < firstBlockOf(state.genesis.schedule, round)
      ? []
      : committed(round)
        ? []
        : [commitOf(state, round)];
  const cancels = inBlocks(owedCancels(state, chain), 0);
  const ready = inBlocks(closes.filter(isReady), 0, cancels.length);
  // What does hang on another waits until that has landed.
  const commit = inBlocks(commits, longest(cancels));
  const waiting = inBlocks(
    closes.filter((close) => !isReady(close)),
    longest(commit),
  );
  return [...cancels, ...ready, ...commit, ...waiting].map(({ owed, blocksNeeded }) => {
    const { id, deadlineBlock } = owed;
    const inTime = chain.head + blocksNeeded <= deadlineBlock;
    return { id, deadlineBlock, blocksLeft: deadlineBlock - head, blocksNeeded, inTime };
  });
}

interface Scheduled {
  readonly owed: Owed;
  readonly blocksNeeded: number;
}

/**
 * Side by side, so many in a block, after `from` blocks and behind `ahead` transactions that go
 * first. At best: a full chain takes fewer.
 */
function inBlocks(owed: readonly Owed[], from: number, ahead = 0): Scheduled[] {
  let before = ahead;
  return owed.map((one) => {
    before += one.transactions;
    const blocks = Math.max(one.transactions, Math.ceil(before / MOST_IN_FLIGHT));
    return { owed: one, blocksNeeded: from + blocks };
  });
}

function longest(scheduled: readonly Scheduled[]): number {
  return Math.max(0, ...scheduled.map(({ blocksNeeded }) => blocksNeeded));
}

/** The open duty whose deadline comes first. */
export function nearest(duties: readonly OpenDuty[]): OpenDuty | undefined {
  return duties.reduce<OpenDuty | undefined>(
    (best, duty) => (best !== undefined && best.blocksLeft <= duty.blocksLeft ? best : duty),
    undefined,
  );
}

/** The next round whose commit is owed, by all that the machine knows. */
function owedRound(state: State): Round | undefined {
  return state.tokens.size === 0 ? undefined : state.completedRound + 1;
}

function commitOf(state: State, round: Round): Owed {
  const deadlineBlock = lastBlockOf(state.genesis.schedule, round, 0);
  return { id: { kind: "commit", round }, deadlineBlock, transactions: 1 };
}

function owedCancels(state: State, chain: ChainView): Owed[] {
  return withdrawals(state, { state: "refused" })
    .filter((withdrawal) => chain.isRequestActive(withdrawal))
    .flatMap(({ client, token, round }) => {
      const evidence = evidenceAgainst(state, client, token);
      if (evidence === undefined) return [];
      const id: DutyId = { kind: "cancelWithdrawal", client, token, round };
      return [{ id, deadlineBlock: evidence.lastBlock, transactions: 1 }];
    });
}

function owedCloses(state: State, chain: ChainView): Owed[] {
  return disputes(state)
    .filter(({ client, round }) => chain.isDisputeOpen(client, round))
    .map(({ client, round, deadlineBlock }) => {
      const executions = disputeAnswer(state, client, round)?.executions.length ?? 0;
      const before = Math.max(0, executions - EXECUTIONS_AT_CLOSE);
      const transactions = Math.ceil(before / EXECUTIONS_PER_CALL) + 1;
      return { id: { kind: "closeDispute", client, round }, deadlineBlock, transactions };
    });
}
