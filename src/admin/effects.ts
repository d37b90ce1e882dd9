/** A change in words. */
import type { Address } from "../base/hex.ts";
import type { Change, Facts } from "./change.ts";
import { usableBlocks } from "./deadlines.ts";

const FEW_SLOT_BLOCKS = 20;
/** Slots that should fit a quarter less its rescue window. */
const SEVERAL_SLOTS = 4;

/** The list as it will be. */
export interface After {
  readonly operators: readonly Address[];
  readonly living: number;
  readonly quorum: number;
}

/** The effects of the change. */
export function effectsOf({ slots, quorum }: Facts, change: Change, after: After): string[] {
  const counts = `operators: ${slots.operators.length} -> ${after.operators.length}`;
  const quorums = quorum === after.quorum ? [] : [`quorum: ${quorum} -> ${after.quorum}`];
  switch (change.kind) {
    case "add": {
      const { address, name, endpoint } = change.operator;
      return [counts, `new: ${address} "${name}" ${endpoint}`];
    }
    case "remove": {
      const gone = slots.operators.find(({ address }) => address === change.address);
      return [counts, `gone: ${change.address} "${gone?.name}" ${gone?.endpoint}`, ...quorums];
    }
    case "slotSize":
      return [`slots: ${slots.slotSize} -> ${change.blocks} blocks`];
    case "quorum":
      return quorums.length > 0 ? quorums : ["quorum: it is that already"];
    case "hold":
      return [`maintenance for ${change.blocks} blocks, in which nobody is selected`];
  }
}

/** The warnings that an owner should read before. */
export function warningsOf({ slots, living, schedule }: Facts, change: Change): string[] {
  const found: string[] = [];
  if (slots.inMaintenance) found.push("It is in maintenance already, and will be left afterwards.");
  if (change.kind === "add" && !living.has(change.operator.address)) {
    found.push("The new operator does not serve this exchange yet, or has no ether.");
  }
  if (change.kind === "remove" && slots.operator === change.address) {
    found.push("It holds the present slot: somebody else leads from the next one on.");
  }
  if (change.kind === "quorum" && change.quorum > 1) {
    found.push(
      "No commit lands without that many operators and the database that they share: all must run " +
        "a release that attests. See docs/operations.md, Commit quorum.",
    );
  }
  const size = change.kind === "slotSize" ? change.blocks : slots.slotSize;
  if (size < FEW_SLOT_BLOCKS) found.push(`Slots of ${size} blocks are short for dear claims.`);
  if (size * SEVERAL_SLOTS > usableBlocks(schedule)) {
    found.push(`Fewer than ${SEVERAL_SLOTS} slots fit a quarter less its rescue window.`);
  }
  const end = slots.slot === 0 ? slots.lastBlock : undefined;
  if (end !== undefined) {
    found.push(`Genesis lasts until block ${end}: nobody is selected before its end.`);
  }
  return found;
}
