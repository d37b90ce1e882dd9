/** What a seed makes of a world: its measures, its faults, and when it lets the operator alone. */
import type { OperatorConfig } from "../../src/operator/config.ts";
import { closingWindow } from "../../src/protocol/disputeRule.ts";
import { momentOf, quarterSize } from "../../src/protocol/rounds.ts";
import type { Schedule } from "../../src/protocol/units.ts";
import type { Block, Chain } from "../chain/chain.ts";
import { Mediator } from "../chain/mediator.ts";
import type { Terms } from "../chain/mediatorState.ts";
import type { Random } from "../host/random.ts";
import { FAULTS, type FaultKind } from "./faults.ts";
import { InvariantBroken } from "./invariants.ts";

export interface Plan {
  readonly rounds: number;
  readonly schedule: Schedule;
  readonly confirmations: number;
  readonly blockMs: number;
  readonly pollMs: OperatorConfig["pollMs"];
  readonly endpoints: number;
  readonly clients: number;
  readonly faults: ReadonlySet<FaultKind>;
  /** Every duty gets its fair chance: a halt is then a fault of the node. */
  readonly fair: boolean;
  /** In which block the chain reorganises deeper than any confirmation, if it does. */
  readonly deepReorgAt: number | undefined;
}

export interface PlanOptions {
  readonly rounds?: number;
  /** Instead of those that the seed chooses. */
  readonly faults?: readonly FaultKind[];
}

const GENESIS_BLOCK = 10;
const DEFAULT_ROUNDS = 4;

export function planOf(random: Random, options: PlanOptions = {}): Plan {
  const quarter = random.pick([16, 20]);
  const schedule = { genesisBlock: GENESIS_BLOCK, roundSize: 4 * quarter };
  const rounds = options.rounds ?? DEFAULT_ROUNDS;
  const faults = new Set<FaultKind>(FAULTS.filter(() => random.chance(0.55)));
  const last = GENESIS_BLOCK + rounds * schedule.roundSize;
  const plan = {
    rounds,
    schedule,
    confirmations: random.int(1, 4),
    blockMs: 12_000,
    pollMs: random.int(2000, 5000),
    endpoints: random.int(1, 3),
    clients: random.int(2, 5),
    faults: options.faults === undefined ? faults : new Set(options.faults),
    fair: random.chance(0.9),
    deepReorgAt: random.chance(0.08) ? random.int(GENESIS_BLOCK + 20, last) : undefined,
  };
  // Drawn last: older seeds mean what they meant.
  if (random.chance(0.25)) faults.add("pools");
  return plan;
}

/** Blocks that the operator gets in peace for a duty, and for each further one of the quarter. */
const PEACE_BLOCKS = 8;
const PEACE_PER_DUTY = 3;

/**
 * Whether the next block belongs to the operator: one more duty is to be done before the quarter
 * ends, and no more blocks are left than it takes without faults.
 */
export function isPeaceful(plan: Plan, terms: Terms, head: Block): boolean {
  if (!plan.fair) return false;
  const next = head.number + 1;
  const { schedule } = plan;
  if (next < schedule.genesisBlock) return true;
  const size = quarterSize(schedule);
  const left = size - ((next - schedule.genesisBlock) % size);
  const due = dutiesOf(terms, head);
  return due > 0 && left <= PEACE_BLOCKS + PEACE_PER_DUTY * (due - 1);
}

/**
 * Whether the last `depth` blocks may be reorganised away: never so late that what is undone could
 * not be done again in peace.
 */
export function mayDrop(plan: Plan, { blocks, head, terms }: Chain, depth: number): boolean {
  const fork = blocks[head.number - depth];
  if (fork === undefined || fork.number < terms.schedule.genesisBlock) return false;
  if (!plan.fair) return true;
  const quarterAt = (number: number) => momentOf(terms.schedule, number).quarter;
  const isWithin = quarterAt(fork.number + 1) === quarterAt(head.number + 1);
  const undoes = blocks
    .slice(-depth)
    .some(({ mined }) => mined.some(({ transaction }) => transaction.nonce !== undefined));
  const after = { ...fork, number: head.number + 1 };
  return (isWithin || !undoes) && !isPeaceful(plan, terms, after);
}

/** At most that many, to be done in this quarter. */
export function dutiesOf({ schedule }: Terms, { state, number }: Block): number {
  const { round, quarter } = momentOf(schedule, number + 1);
  const disputes = [...state.disputes.values()].filter(({ open }) => open).length;
  if (quarter !== 0) return disputes * 2;
  const owed = state.tokens.length > 0 && round > 0 && state.completedRound < round;
  const requests = [...state.requests.values()].filter((one) => one.round === round - 1).length;
  return disputes * 2 + (owed ? 1 + Math.min(2, requests) : 0);
}

function isHaltedAt(terms: Terms, { state, number }: Block): boolean {
  return new Mediator(state, terms, { block: number, sender: terms.operator }).halted();
}

/** Throws where nothing hinders a commit, and half of its quarter is over before it is mined. */
export function requireInGoodTime({ schedule, faults }: Plan, number: number): void {
  const passed = (number - schedule.genesisBlock) % schedule.roundSize;
  if (faults.size > 0 || passed <= quarterSize(schedule) / 2) return;
  throw new InvariantBroken(
    "in good time",
    `a commit in block ${passed} of its quarter, untroubled`,
  );
}

/** What can no longer be done in time, if anything. */
export function lateIn(terms: Terms, head: Block): string | undefined {
  return isHaltedAt(terms, head) ? "HALTED" : lateDispute(terms, head);
}

/** A dispute that can no longer be closed, if there is one. */
function lateDispute({ schedule }: Terms, { state, number }: Block): string | undefined {
  for (const [key, { open, openedBlock }] of state.disputes) {
    if (open && number >= closingWindow(schedule, openedBlock).lastBlock) return `dispute ${key}`;
  }
  return undefined;
}
