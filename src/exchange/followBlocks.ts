import { assert } from "../base/errors.ts";
import type { ChainLog, ChainLogKind } from "../protocol/chainLog.ts";
import { momentOf, quarterSize } from "../protocol/rounds.ts";
import type { BlockNumber, Round } from "../protocol/units.ts";
import { cancelWithdrawal } from "./cancelWithdrawal.ts";
import { closeDispute } from "./closeDispute.ts";
import { closeRound } from "./closeRound.ts";
import { confirmCommit } from "./confirmCommit.ts";
import { confirmWithdrawal } from "./confirmWithdrawal.ts";
import { creditDeposit } from "./creditDeposit.ts";
import { decideWithdrawals } from "./decideWithdrawals.ts";
import type { BlocksEntry } from "./entries.ts";
import { halt } from "./halt.ts";
import { listToken } from "./listToken.ts";
import { openDispute } from "./openDispute.ts";
import { openRound } from "./openRound.ts";
import type { Happening, Outcome } from "./outcome.ts";
import { requestWithdrawal } from "./requestWithdrawal.ts";
import { setTradingKey } from "./setTradingKey.ts";
import type { State } from "./state.ts";

/**
 * Lets time pass up to a block: logs and quarter boundaries in the order of the chain, a boundary
 * before the logs of its first block. Throws an `Alarm` when the blocks do not follow the last
 * ones, or say what cannot be. Work grows with the logs and the quarters.
 */
export function followBlocks(state: State, entry: BlocksEntry): Outcome {
  const { to, logs } = entry;
  const start = state.head?.number ?? state.genesis.schedule.genesisBlock - 1;
  assert(to.number > start, () => `block ${to.number} comes after block ${start}.`);
  checkOrderOfLogs(entry, start);

  const happenings: Happening[] = [];
  for (const log of logs) {
    passBoundaries(state, log.block, happenings);
    takeLog(state, log, happenings);
  }
  passBoundaries(state, to.number, happenings);
  state.head = to;
  return { happenings };
}

/** Identity of a log is (block hash, log index): strictly ascending places rule out a second. */
function checkOrderOfLogs({ to, logs }: BlocksEntry, start: BlockNumber): void {
  let last: ChainLog | undefined;
  for (const log of logs) {
    const inside = log.block > start && log.block <= to.number;
    assert(inside, () => `a log of block ${log.block} in blocks ${start + 1} to ${to.number}.`);
    const isNext =
      last === undefined ||
      log.block > last.block ||
      (log.block === last.block &&
        log.blockHash === last.blockHash &&
        log.logIndex > last.logIndex);
    assert(isNext, () => `log ${log.logIndex} of block ${log.block} is not after the last one.`);
    const isOfEnd = log.block < to.number || log.blockHash === to.hash;
    assert(isOfEnd, () => `block ${to.number} has the hashes ${to.hash} and ${log.blockHash}.`);
    last = log;
  }
}

/** Brings the exchange's time to `block`, through every quarter that begins up to it. */
function passBoundaries(state: State, block: BlockNumber, happenings: Happening[]): void {
  const { schedule } = state.genesis;
  const size = quarterSize(schedule);
  while (state.halted === undefined) {
    const { round, quarter } = state.moment;
    const next = schedule.genesisBlock + round * schedule.roundSize + (quarter + 1) * size;
    if (next > block) break;
    beginQuarter(state, next, happenings);
  }
  if (state.halted === undefined) state.moment = momentOf(schedule, block);
}

/** The duties of a quarter's first block, in the order of PROTOCOL.md section 9. */
function beginQuarter(state: State, block: BlockNumber, happenings: Happening[]): void {
  const { quarter } = momentOf(state.genesis.schedule, block);
  if (halt(state, block, happenings)) return;

  decideWithdrawals(state, happenings);
  if (quarter === 0) {
    closeRound(state, happenings);
    openRound(state, block, happenings);
    return;
  }
  state.moment = { block, round: state.moment.round, quarter };
  happenings.push({ what: "quarterBegan", round: state.moment.round, quarter });
}

type Verb<L extends ChainLog> = (state: State, log: L, happenings: Happening[]) => void;

/** What each log does. */
const VERBS: { readonly [K in ChainLogKind]: Verb<Extract<ChainLog, { readonly kind: K }>> } = {
  tokenListed: inItsRound(listToken),
  deposited: inItsRound(creditDeposit),
  withdrawalInitiated: inItsRound(requestWithdrawal),
  committed: inItsRound(confirmCommit),
  disputeOpened: inItsRound(openDispute),
  // The rounds of these are those of what they end or announce.
  withdrawalCancelled: cancelWithdrawal,
  withdrawalConfirmed: confirmWithdrawal,
  tradingKeySet: setTradingKey,
  disputeClosed: closeDispute,
};

function takeLog(state: State, log: ChainLog, happenings: Happening[]): void {
  const allowed = state.halted === undefined || log.kind === "withdrawalConfirmed";
  assert(allowed, () => `${log.kind} in block ${log.block}, after the halt.`);
  const verb = VERBS[log.kind] as Verb<ChainLog>;
  verb(state, log, happenings);
}

function inItsRound<L extends ChainLog & { readonly round: Round }>(verb: Verb<L>): Verb<L> {
  return (state, log, happenings) => {
    const { round } = state.moment;
    assert(log.round === round, () => `${log.kind} of round ${log.round} in round ${round}.`);
    verb(state, log, happenings);
  };
}
