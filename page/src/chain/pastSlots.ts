/**
 * The slots before the present one, out of the manager's logs: every endpoint has those, and old
 * states few. The rule is docs/protocol.md section 8. Pure.
 */

import type { Address } from "../../../src/base/hex.ts";
import type { Slot, SlotLog, SlotView } from "../../../src/chain/contracts/roundRobinManager.ts";
import type { BlockNumber } from "../../../src/protocol/units.ts";

export const MOST_SLOTS = 10;
/** Blocks of logs that are read for them at most. */
const MOST_BLOCKS = 10_000;

export interface PastSlot {
  readonly slot: Slot;
  /** Undefined: the Genesis slot began with the deployment. */
  readonly firstBlock: BlockNumber | undefined;
  readonly lastBlock: BlockNumber;
  /** In the order of the list. */
  readonly claimed: readonly Address[];
  /** `nobody`: none may act; `unknown`: an earlier claimant, older than the logs that were read. */
  readonly operator: Address | "nobody" | "unknown";
}

/** First block of the logs that tell the past slots, a slot more for the last claim before them. */
export function slotLogsFrom({ firstBlock, slotSize }: SlotView): BlockNumber {
  return Math.max(0, firstBlock - Math.min((MOST_SLOTS + 2) * slotSize, MOST_BLOCKS));
}

type Claim = Extract<SlotLog, { readonly kind: "claimed" }>;

/**
 * Newest first, at most 10. `logs`: all from block `from` on, oldest first. Ends where maintenance
 * was: the clock and the list before it were others.
 */
export function pastSlotsOf(
  now: SlotView,
  logs: readonly SlotLog[],
  from: BlockNumber,
): readonly PastSlot[] {
  const stop = logs.findLast(({ kind }) => kind === "maintenance")?.block ?? 0;
  const claims = validClaims(logs);
  const found: PastSlot[] = [];
  let end = now.firstBlock;
  for (let slot = now.slot - 1; slot >= 0 && found.length < MOST_SLOTS; slot--) {
    const first = end - now.slotSize;
    // Genesis goes on through maintenance, and nobody is selected in it. Claims for a slot are sent
    // in the one before.
    const isKnown = slot === 0 ? end > stop : first >= stop;
    if (!isKnown || (from > 0 && first - now.slotSize < from)) break;
    const firstBlock = slot === 0 ? undefined : first;
    found.push({ slot, firstBlock, lastBlock: end - 1, ...holderOf(slot, first, now, claims) });
    end = first;
  }
  // With every claim that was ever sent, none to fall back to means nobody.
  if (from > 0) return found;
  return found.map((one) => (one.operator === "unknown" ? { ...one, operator: "nobody" } : one));
}

/** Claims of operators that were not removed since. */
function validClaims(logs: readonly SlotLog[]): Claim[] {
  const removedAt = new Map<Address, BlockNumber>();
  for (const log of logs) if (log.kind === "removed") removedAt.set(log.operator, log.block);
  return logs.filter((log): log is Claim => {
    return log.kind === "claimed" && log.block > (removedAt.get(log.operator) ?? -1);
  });
}

function holderOf(
  slot: Slot,
  first: BlockNumber,
  { operators }: SlotView,
  claims: readonly Claim[],
): Pick<PastSlot, "claimed" | "operator"> {
  const claimants = new Set(claims.filter((one) => one.slot === slot).map((one) => one.operator));
  const list = operators.map(({ address }) => address);
  const claimed = list.filter((address) => claimants.has(address));
  if (slot === 0) return { claimed: [], operator: "nobody" };
  const start = list.length === 0 ? 0 : (slot - 1) % list.length;
  const inTurn = [...list.slice(start), ...list.slice(0, start)];
  const selected = inTurn.find((address) => claimants.has(address));
  const fallback = claims.findLast(({ block }) => block < first)?.operator;
  return { claimed, operator: selected ?? fallback ?? "unknown" };
}
