/**
 * The decision to claim the next slot now, or not (docs/protocol.md section 8, lazy claims). Two
 * claims are kept for each slot, so that one dead operator leaves no gap, whatever the number of
 * operators: idle gas does not grow with it. Pure.
 */

import type { Address } from "../../base/hex.ts";
import type { Slot, SlotView } from "../../chain/contracts/roundRobinManager.ts";

/** Claims that are kept for each slot. */
const KEPT_CLAIMS = 2;
/** Per cent of the slot after which rank r claims if too few did: 50 + 10 r, at most this. */
const LATEST_PERCENT = 90;
const FIRST_PERCENT = 50;
const PERCENT_A_RANK = 10;

export type ClaimDecision =
  /** Claim for `slot` now. */
  | { readonly kind: "claim"; readonly slot: Slot }
  /** Not now: another poll at `block` may say otherwise. */
  | { readonly kind: "wait"; readonly block: number }
  /** Not for this slot; `saved`: a claim that was possible would have changed nothing. */
  | { readonly kind: "skip"; readonly saved: boolean };

/** The decision of `me` about the slot after the one of `slots.block`. */
export function decideClaim(slots: SlotView, me: Address): ClaimDecision {
  const index = slots.operators.findIndex(({ address }) => address === me);
  const { lastBlock } = slots;
  if (index === -1 || slots.inMaintenance || lastBlock === undefined) return NOT_OURS;
  if (slots.claimed.includes(me)) return NOT_OURS;

  // Nobody else can be selected, and the fallback is ours.
  const alone = slots.operators.length === 1;
  if (alone && slots.forecast === me) return SAVED;

  const rank = rankOf(slots, index);
  if (rank === 0) return { kind: "claim", slot: slots.slot + 1 };

  const due = dueBlock(slots.firstBlock, lastBlock, rank);
  if (slots.block < due) return { kind: "wait", block: due };
  if (slots.claimed.length >= KEPT_CLAIMS) return SAVED;
  // Nobody claimed, and the fallback is ours: the slot is ours without a claim.
  if (slots.forecast === me) return SAVED;
  return { kind: "claim", slot: slots.slot + 1 };
}

const NOT_OURS: ClaimDecision = { kind: "skip", saved: false };
const SAVED: ClaimDecision = { kind: "skip", saved: true };

/** Places behind the operator with which the search for the next slot's begins. */
function rankOf({ slot, operators }: SlotView, index: number): number {
  const count = operators.length;
  // The search for slot s begins at (s - 1) mod N, and it is about slot + 1.
  return (((index - (slot % count)) % count) + count) % count;
}

function dueBlock(first: number, last: number, rank: number): number {
  const percent = Math.min(LATEST_PERCENT, FIRST_PERCENT + PERCENT_A_RANK * rank);
  const due = first + Math.floor(((last + 1 - first) * percent) / 100);
  // A claim sent at a slot's last block is mined in the next one.
  return Math.min(due, last - 1);
}
