/**
 * The exchange's own time, counted in blocks (docs/protocol.md section 1). Every function takes the
 * `Schedule` of the Mediator at hand, and throws a `QuarterdeckError` with code
 * `BlockBeforeGenesis` for a block in which that Mediator did not exist.
 */
import { assert, QuarterdeckError } from "../base/errors.ts";
import { type Parsed, parsed, unparsable } from "../base/parsed.ts";
import type { BlockNumber, Moment, Quarter, Round, Schedule } from "./units.ts";

export const QUARTERS_PER_ROUND = 4;
const MIN_ROUND_SIZE = 8;
/** The rescue window is this part of a quarter, rounded down to whole blocks (section 8). */
const RESCUE_PART_OF_QUARTER = 4;

/** Blocks from `firstBlock` to `lastBlock`, both included. */
export interface BlockSpan {
  readonly firstBlock: BlockNumber;
  readonly lastBlock: BlockNumber;
}

/** The schedule if a Mediator can have it: rounds of a multiple of 4 blocks, at least 8. */
export function validateSchedule(schedule: Schedule): Parsed<Schedule> {
  const { genesisBlock, roundSize } = schedule;
  if (!Number.isSafeInteger(genesisBlock) || genesisBlock < 0) {
    return unparsable(
      `${genesisBlock} is no block number.`,
      "Give the block in which the Mediator was deployed.",
    );
  }
  const whole = Number.isSafeInteger(roundSize) && roundSize % QUARTERS_PER_ROUND === 0;
  if (!whole || roundSize < MIN_ROUND_SIZE) {
    return unparsable(
      `A round cannot have ${roundSize} blocks.`,
      `Give a multiple of ${QUARTERS_PER_ROUND}, at least ${MIN_ROUND_SIZE}.`,
    );
  }
  return parsed(schedule);
}

/** Blocks in a quarter. */
export function quarterSize(schedule: Schedule): number {
  return schedule.roundSize / QUARTERS_PER_ROUND;
}

export function roundOf(schedule: Schedule, block: BlockNumber): Round {
  return Math.floor(blocksSinceGenesis(schedule, block) / schedule.roundSize);
}

export function quarterOf(schedule: Schedule, block: BlockNumber): Quarter {
  const intoRound = blocksSinceGenesis(schedule, block) % schedule.roundSize;
  return Math.floor(intoRound / quarterSize(schedule)) as Quarter;
}

/** Where `block` stands in the exchange's time. */
export function momentOf(schedule: Schedule, block: BlockNumber): Moment {
  return { block, round: roundOf(schedule, block), quarter: quarterOf(schedule, block) };
}

/** First block of a quarter; of the round when `quarter` is not given. */
export function firstBlockOf(schedule: Schedule, round: Round, quarter: Quarter = 0): BlockNumber {
  assert(Number.isSafeInteger(round) && round >= 0, () => `${round} is no round.`);
  return schedule.genesisBlock + round * schedule.roundSize + quarter * quarterSize(schedule);
}

/** Last block of a quarter; of the round when `quarter` is not given. */
export function lastBlockOf(schedule: Schedule, round: Round, quarter: Quarter = 3): BlockNumber {
  return firstBlockOf(schedule, round, quarter) + quarterSize(schedule) - 1;
}

/**
 * The blocks in which any registered operator may carry out a duty whose last block is `endBlock`:
 * the last quarterSize/4 of them, rounded down (section 8). Undefined where that is no block at
 * all, with rounds of fewer than 16 blocks.
 */
export function rescueWindow(schedule: Schedule, endBlock: BlockNumber): BlockSpan | undefined {
  const size = Math.floor(quarterSize(schedule) / RESCUE_PART_OF_QUARTER);
  if (size === 0) return undefined;
  return { firstBlock: endBlock - size + 1, lastBlock: endBlock };
}

/** Whether a transaction that `block` takes lies in the rescue window that ends with `endBlock`. */
export function inRescueWindow(
  schedule: Schedule,
  block: BlockNumber,
  endBlock: BlockNumber,
): boolean {
  const window = rescueWindow(schedule, endBlock);
  return window !== undefined && block >= window.firstBlock;
}

function blocksSinceGenesis(schedule: Schedule, block: BlockNumber): number {
  assert(Number.isSafeInteger(block), () => `${block} is no block number.`);
  if (block >= schedule.genesisBlock) return block - schedule.genesisBlock;
  throw new QuarterdeckError({
    code: "BlockBeforeGenesis",
    message: `Block ${block} is older than the Mediator, of block ${schedule.genesisBlock}.`,
    hint: "Check that the node follows the chain, and the Mediator, that it is configured for.",
  });
}
