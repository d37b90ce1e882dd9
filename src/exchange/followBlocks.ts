import { assert } from "../base/errors.ts";
import type { ChainLog, ChainLogKind } from "../protocol/chainLog.ts";
import { momentOf, quarterSize } from "../protocol/rounds.ts";
import type { BlockNumber } from "../protocol/units.ts";
import { passTime } from "./matching/passTime.ts";
import type { BlocksEntry } from "./model/entries.ts";
import type { OrderRecord } from "./model/orderRecord.ts";
import type { ExchangeEvent, OrderExpired, Outcome, Parts } from "./model/outcome.ts";
import type { State } from "./model/state.ts";
import { cancelWithdrawal } from "./rounds/cancelWithdrawal.ts";
import { closeDispute } from "./rounds/closeDispute.ts";
import { closeRound } from "./rounds/closeRound.ts";
import { confirmCommit } from "./rounds/confirmCommit.ts";
import { confirmWithdrawal } from "./rounds/confirmWithdrawal.ts";
import { creditDeposit } from "./rounds/creditDeposit.ts";
import { decideWithdrawals } from "./rounds/decideWithdrawals.ts";
import { halt } from "./rounds/halt.ts";
import { listToken } from "./rounds/listToken.ts";
import { checkLog, factsOf } from "./rounds/logRules.ts";
import { openDispute } from "./rounds/openDispute.ts";
import { openRound } from "./rounds/openRound.ts";
import { presentStatement } from "./rounds/presentStatement.ts";
import { requestWithdrawal } from "./rounds/requestWithdrawal.ts";
import { setTradingKey } from "./rounds/setTradingKey.ts";

/** Events so far, and the expired orders of each round's end. */
interface Told {
  readonly events: ExchangeEvent[];
  readonly expired: Iterable<OrderRecord>[];
}

/**
 * Lets time pass up to a block: logs and quarter boundaries in the order of the chain, a boundary
 * before the logs of its first block. Work grows with the logs, the quarters, and the orders that
 * wait for a round or end with a block; it yields between these, where it may rest. Throws an
 * `Alarm` when the blocks do not follow the last ones, or say what cannot be: `checkBlocks` says so
 * beforehand.
 */
export function* followBlocks(state: State, entry: BlocksEntry): Parts<Outcome> {
  const { to, logs } = entry;
  requireNone(checkPlaces(state, entry));

  const told: Told = { events: [], expired: [] };
  const { events, expired } = told;
  const facts = factsOf(state);
  for (const log of logs) {
    yield* passBoundaries(state, log.block, told);
    requireNone(checkLog(facts, log));
    takeLog(state, log, events);
  }
  yield* passBoundaries(state, to.number, told);
  state.head = to;
  if (expired.length === 0) return { events };
  return { events, expired: { [Symbol.iterator]: () => eachOf(expired) } };
}

/**
 * Why these blocks do not follow the last ones, or their logs each other; undefined if they do.
 * Identity of a log is (block hash, log index): strictly ascending places rule out a second.
 */
export function checkPlaces(state: State, { to, logs }: BlocksEntry): string | undefined {
  const start = lastBlock(state);
  if (to.number <= start) return `block ${to.number} comes after block ${start}.`;
  let last: ChainLog | undefined;
  for (const log of logs) {
    if (log.block <= start || log.block > to.number) {
      return `a log of block ${log.block} in blocks ${start + 1} to ${to.number}.`;
    }
    const isNext =
      last === undefined ||
      log.block > last.block ||
      (log.block === last.block &&
        log.blockHash === last.blockHash &&
        log.logIndex > last.logIndex);
    if (!isNext) return `log ${log.logIndex} of block ${log.block} is not after the last one.`;
    if (log.block === to.number && log.blockHash !== to.hash) {
      return `block ${to.number} has the hashes ${to.hash} and ${log.blockHash}.`;
    }
    last = log;
  }
  return undefined;
}

/** The last block taken; before the first, the one before the Mediator's own. */
function lastBlock(state: State): BlockNumber {
  return state.head?.number ?? state.genesis.schedule.genesisBlock - 1;
}

/** First block of the quarter after the current one. */
export function nextBoundary(state: State): BlockNumber {
  const { schedule } = state.genesis;
  const { round, quarter } = state.moment;
  return schedule.genesisBlock + round * schedule.roundSize + (quarter + 1) * quarterSize(schedule);
}

function* eachOf(ended: readonly Iterable<OrderRecord>[]): Generator<OrderExpired> {
  for (const records of ended) {
    for (const { owner, round, id } of records) {
      yield { what: "orderExpired", owner, round, id };
    }
  }
}

/** Brings the exchange's time to `block`, through every quarter that begins up to it. */
function* passBoundaries(state: State, block: BlockNumber, told: Told): Parts {
  while (state.halted === undefined && nextBoundary(state) <= block) {
    yield* beginQuarter(state, nextBoundary(state), told);
  }
  if (state.halted !== undefined) return;
  yield* passTime(state, block, told.events);
  state.moment = momentOf(state.genesis.schedule, block);
}

/** The duties of a quarter's first block, in the order of docs/protocol.md section 9. */
function* beginQuarter(state: State, block: BlockNumber, { events, expired }: Told): Parts {
  const { quarter } = momentOf(state.genesis.schedule, block);
  if (halt(state, block, events)) return;

  yield* passTime(state, block, events);
  decideWithdrawals(state, events);
  if (quarter === 0) {
    expired.push(closeRound(state, events));
    yield* openRound(state, block, events);
    return;
  }
  state.moment = { block, round: state.moment.round, quarter };
  events.push({ what: "quarterBegan", round: state.moment.round, quarter });
}

type Verb<L extends ChainLog> = (state: State, log: L, events: ExchangeEvent[]) => void;

/** The effect of each log. */
const VERBS: { readonly [K in ChainLogKind]: Verb<Extract<ChainLog, { readonly kind: K }>> } = {
  tokenListed: listToken,
  deposited: creditDeposit,
  withdrawalInitiated: requestWithdrawal,
  committed: confirmCommit,
  disputeOpened: openDispute,
  statementPresented: presentStatement,
  withdrawalCancelled: cancelWithdrawal,
  withdrawalConfirmed: confirmWithdrawal,
  tradingKeySet: setTradingKey,
  disputeClosed: closeDispute,
};

function takeLog(state: State, log: ChainLog, events: ExchangeEvent[]): void {
  const verb = VERBS[log.kind] as Verb<ChainLog>;
  verb(state, log, events);
}

function requireNone(problem: string | undefined): void {
  assert(problem === undefined, () => problem as string);
}
