/** When a world lets an operator alone, so that whatever is late then is late by its own fault. */
import { ZERO_ADDRESS } from "../../src/base/address.ts";
import { closingWindow } from "../../src/protocol/disputeRule.ts";
import { momentOf, quarterSize } from "../../src/protocol/rounds.ts";
import type { Block } from "../chain/block.ts";
import type { Chain } from "../chain/chain.ts";
import { Mediator } from "../chain/mediator.ts";
import type { Terms } from "../chain/terms.ts";
import { InvariantBroken } from "./invariantBroken.ts";
import type { Plan } from "./plan.ts";

/**
 * Blocks that an operator gets in peace for a duty: where several share, a lease must end first, a
 * leader that takes no blocks must be found out, and the operator may act only in its slot or the
 * rescue window.
 */
const PEACE_BLOCKS = { alone: 8, endpoints: 10, several: 14 } as const;
/** For each further one of the quarter. */
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
  return due > 0 && left <= PEACE_BLOCKS[plan.kind] + PEACE_PER_DUTY * (due - 1);
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
  return new Mediator(state, terms, { block: number, sender: ZERO_ADDRESS }).halted();
}

/** Throws where nothing hinders a commit, and half of its quarter is over before it is mined. */
export function requireInGoodTime(plan: Plan, number: number): void {
  const { schedule, faults, endpointFaults } = plan;
  const passed = (number - schedule.genesisBlock) % schedule.roundSize;
  if (faults.size > 0 || endpointFaults.length > 0 || passed <= quarterSize(schedule) / 2) return;
  throw new InvariantBroken(
    "in good time",
    `a commit in block ${passed} of its quarter, untroubled`,
  );
}

/** The duty that can no longer be done in time, if there is one. */
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
