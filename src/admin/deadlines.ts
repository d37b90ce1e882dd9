/** The room that the deadlines of the exchange leave. Pure. */
import {
  firstBlockOf,
  lastBlockOf,
  momentOf,
  quarterSize,
  rescueWindow,
} from "../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../protocol/units.ts";
import type { Facts } from "./change.ts";

/** Something owed, and the last block in which it can be done. */
export interface Deadline {
  readonly what: string;
  readonly lastBlock: BlockNumber;
}

/**
 * Consecutive slots that one operator can hold after it died: it may have claimed the next one
 * already.
 */
export const DEAD_SLOTS = 2;
/**
 * All that must be done in time, and what anybody may still ask for: a dispute opened in the next
 * block is to be closed by the end of the quarter after that block's.
 */
export function deadlines({
  schedule,
  clock,
  disputes,
}: Pick<Facts, "schedule" | "clock" | "disputes">): Deadline[] {
  const { block, haltBlock, committedRound } = clock;
  const found: Deadline[] = disputes.map(({ client, round, openedBlock }) => ({
    what: `the dispute of ${client} in round ${round}`,
    lastBlock: closableUntil(schedule, openedBlock),
  }));
  if (haltBlock !== undefined) {
    const round = committedRound + 1;
    const lastBlock = lastBlockOf(schedule, round, 0);
    found.push({ what: `the commit of round ${round}`, lastBlock });
    if (haltBlock - 1 < lastBlock) found.push({ what: "the halt", lastBlock: haltBlock - 1 });
  }
  const next = closableUntil(schedule, block + 1);
  return [...found, { what: "a dispute that anybody may open now", lastBlock: next }];
}

function closableUntil(schedule: Schedule, openedBlock: BlockNumber): BlockNumber {
  const { round, quarter } = momentOf(schedule, openedBlock);
  return lastBlockOf(schedule, round, quarter) + quarterSize(schedule);
}

/**
 * The last block in which maintenance may end: `reserve` blocks later a live operator has the slot,
 * and the rescue window is still whole.
 */
export function room(facts: Facts, reserve: number): { nearest: Deadline; lastSafe: BlockNumber } {
  const [first, ...others] = deadlines(facts) as [Deadline, ...Deadline[]];
  const nearest = others.reduce((a, b) => (b.lastBlock < a.lastBlock ? b : a), first);
  const rescue = rescueWindow(facts.schedule, nearest.lastBlock);
  const firstRescued = rescue?.firstBlock ?? nearest.lastBlock + 1;
  return { nearest, lastSafe: firstRescued - 1 - reserve };
}

/** Blocks of a quarter before its rescue window: a duty may fall due with its first block. */
export function usableBlocks(schedule: Schedule): number {
  const size = quarterSize(schedule);
  return size - Math.floor(size / 4);
}

/** The largest slots of which a dead operator's end before the rescue window begins. */
export function mostSlotBlocks(schedule: Schedule): number {
  return Math.ceil(usableBlocks(schedule) / DEAD_SLOTS) - 1;
}

/** First block of the quarter in which a dispute that may still be closed was opened. */
export function disputesFrom(schedule: Schedule, block: BlockNumber): BlockNumber {
  const { round, quarter } = momentOf(schedule, block);
  const began = firstBlockOf(schedule, round, quarter);
  return Math.max(schedule.genesisBlock, began - quarterSize(schedule));
}
