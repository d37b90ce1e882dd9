/**
 * The steps that a change of the operators' list takes, and whether it is safe. While the manager
 * is in maintenance nobody may act before the rescue windows, so that a change made too close to a
 * deadline, or one after which nobody can act, could HALT the exchange (docs/protocol.md section
 * 8). Pure.
 */
import type { Address, Hex } from "../base/hex.ts";
import {
  type ApprovedOperator,
  encodeSetMaintenance,
  type SlotView,
} from "../chain/contracts/roundRobinManager.ts";
import { lastBlockOf, momentOf } from "../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../protocol/units.ts";
import { type Change, dataOf, type Facts, nameOf } from "./change.ts";
import {
  DEAD_SLOTS,
  type Deadline,
  deadlines,
  mostSlotBlocks,
  room,
  usableBlocks,
} from "./deadlines.ts";
import { type After, effectsOf, warningsOf } from "./effects.ts";

/** One transaction to the manager; it is of no use after `deadlineBlock`. */
export interface Step {
  readonly what: string;
  readonly data: Hex;
  readonly deadlineBlock: BlockNumber;
}

export interface Plan {
  readonly change: Change;
  /** The effects of the change, for people. */
  readonly effects: readonly string[];
  readonly warnings: readonly string[];
  /** The deadline that leaves least room. */
  readonly nearest: Deadline;
  /** Blocks after which a transaction is given up, if its deadline is not sooner. */
  readonly pace: number;
  /** Blocks that it may take, at this pace. */
  readonly needBlocks: number;
  /** Blocks of maintenance that the deadlines allow. */
  readonly roomBlocks: number;
  /** Undefined: it is in maintenance already. */
  readonly enter: Step | undefined;
  /** Undefined: nothing is changed. */
  readonly alter: Step | undefined;
  /** Blocks for which maintenance is held beyond what the transactions take. */
  readonly holdBlocks: number;
  /** Block at which leaving must be under way. */
  readonly leaveFrom: BlockNumber;
  readonly leave: Step;
}

/** Why not, and what would correct it. */
export interface Refused {
  readonly problem: string;
  readonly hint: string;
}

export type Planned =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly refused: readonly Refused[] };

/** Blocks that one transaction may take until it is mined, priced higher and higher. */
export const DEFAULT_PACE = 3;
/** With fewer blocks the second claim, due at 60 %, comes after the slot. */
const MIN_SLOT_BLOCKS = 4;
const MAX_SLOT_BLOCKS = 2 ** 32 - 1;
const MAX_OPERATORS = 88;
const MAX_NAME_BYTES = 64;
const MAX_ENDPOINT_BYTES = 256;
/** Gas for all transactions and a few that replace them; adding the longest labels costs most. */
const GAS_NEEDED = 2_000_000n;

/** `pace`: blocks that one transaction may take. */
export function plan(facts: Facts, change: Change, pace: number = DEFAULT_PACE): Planned {
  const { slots } = facts;
  const after = afterwards(facts, change);
  const size = change.kind === "slotSize" ? change.blocks : slots.slotSize;
  const { nearest, lastSafe } = room(facts, DEAD_SLOTS * size);
  const held = change.kind === "hold" ? change.blocks : 0;
  const transactions = (slots.inMaintenance ? 0 : 1) + (change.kind === "hold" ? 0 : 1) + 1;
  const needBlocks = transactions * pace + held;
  const roomBlocks = lastSafe - facts.clock.block;
  const refused = [
    ...refusedState(facts),
    ...refusedChange(facts, change),
    ...refusedAfter(facts, change, after),
    ...(needBlocks > roomBlocks ? [tooLate(facts, nearest, needBlocks, roomBlocks)] : []),
  ];
  if (refused.length > 0) return { ok: false, refused };
  const step = (what: string, data: Hex, deadlineBlock: BlockNumber): Step => ({
    what,
    data,
    deadlineBlock,
  });
  const enterBy = lastSafe - needBlocks + pace;
  const entering = "entering maintenance";
  const data = dataOf(change);
  return {
    ok: true,
    plan: {
      change,
      nearest,
      pace,
      needBlocks,
      roomBlocks,
      effects: effectsOf(facts, change, after),
      warnings: warningsOf(facts, change),
      enter: slots.inMaintenance ? undefined : step(entering, encodeSetMaintenance(true), enterBy),
      alter: data === undefined ? undefined : step(nameOf(change), data, lastSafe - pace),
      holdBlocks: held,
      leaveFrom: lastSafe - pace,
      leave: step("leaving maintenance", encodeSetMaintenance(false), lastSafe),
    },
  };
}

function tooLate(facts: Facts, nearest: Deadline, need: number, left: number): Refused {
  const { schedule, clock } = facts;
  const { round, quarter } = momentOf(schedule, clock.block);
  const nextQuarter = lastBlockOf(schedule, round, quarter) + 1;
  const certain = nearest.what !== deadlines(facts).at(-1)?.what;
  const done = certain ? `Wait until ${nearest.what} is done` : "Wait";
  return {
    problem:
      `It may take ${need} blocks, and ${nearest.what} (last block ${nearest.lastBlock}) leaves ` +
      `${Math.max(0, left)} until its rescue window, less ${DEAD_SLOTS} slots that a dead operator may hold`,
    hint:
      `${done}; block ${nextQuarter} begins the next quarter. --pace lowers what a transaction ` +
      "may take, where blocks are never full; smaller slots leave more room.",
  };
}

function afterwards({ slots, living, quorum }: Facts, change: Change): After {
  const before = slots.operators.map(({ address }) => address);
  const operators =
    change.kind === "add"
      ? [...before, change.operator.address]
      : before.filter((one) => change.kind !== "remove" || one !== change.address);
  const lowered = Math.max(1, Math.min(quorum, operators.length));
  return {
    operators,
    living: operators.filter((one) => living.has(one)).length,
    quorum: change.kind === "quorum" ? change.quorum : lowered,
  };
}

function refusedState({ clock, ownerBalance, gasPrice, owner }: Facts): Refused[] {
  const found: Refused[] = [];
  if (clock.halted) {
    const hint = "Keep operators up, so that clients get their proofs.";
    found.push({ problem: "The exchange is HALTED, for good", hint });
  }
  const needed = GAS_NEEDED * gasPrice;
  if (ownerBalance !== undefined && ownerBalance < needed) {
    const problem = `The owner ${owner} has ${ownerBalance} wei, and leaving maintenance must not fail`;
    found.push({ problem, hint: `Send it ${needed - ownerBalance} wei or more.` });
  }
  return found;
}

function refusedChange({ slots, schedule }: Facts, change: Change): Refused[] {
  const isApproved = (address: Address) => slots.operators.some((one) => one.address === address);
  switch (change.kind) {
    case "add":
      if (isApproved(change.operator.address)) {
        const problem = `${change.operator.address} is approved already`;
        return [{ problem, hint: "Remove it first, to change its name or endpoint." }];
      }
      return [...refusedLabels(change.operator), ...refusedCount(slots)];
    case "remove":
      if (isApproved(change.address)) return [];
      return [{ problem: `${change.address} is not approved`, hint: LIST }];
    case "slotSize":
      return refusedSize(schedule, change.blocks);
    case "quorum": {
      const most = slots.operators.length;
      if (change.quorum >= 1 && change.quorum <= most) return [];
      return [{ problem: `A quorum is 1 to ${most}, the number of operators`, hint: LIST }];
    }
    case "hold":
      return [];
  }
}

const LIST = "quarterdeck operators list shows who is approved.";

function refusedLabels({ name, endpoint }: ApprovedOperator): Refused[] {
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  const isWithin = (text: string, most: number) => text !== "" && bytes(text) <= most;
  const hint = "Shorten it, or give one.";
  return [
    ...(isWithin(name, MAX_NAME_BYTES)
      ? []
      : [{ problem: `A name has 1 to ${MAX_NAME_BYTES} bytes`, hint }]),
    ...(isWithin(endpoint, MAX_ENDPOINT_BYTES)
      ? []
      : [{ problem: `An endpoint has 1 to ${MAX_ENDPOINT_BYTES} bytes`, hint }]),
  ];
}

function refusedCount({ operators }: SlotView): Refused[] {
  if (operators.length < MAX_OPERATORS) return [];
  return [{ problem: `There are ${MAX_OPERATORS} operators`, hint: "Remove one first." }];
}

function refusedSize(schedule: Schedule, blocks: number): Refused[] {
  const most = Math.min(MAX_SLOT_BLOCKS, mostSlotBlocks(schedule));
  if (blocks >= MIN_SLOT_BLOCKS && blocks <= most) return [];
  if (blocks < MIN_SLOT_BLOCKS) {
    const problem = `In slots of ${blocks} blocks claims come too late, and a dead operator is never passed over`;
    return [{ problem, hint: `Give ${MIN_SLOT_BLOCKS} or more.` }];
  }
  const problem =
    `An operator that dies can hold ${DEAD_SLOTS} slots: with ${blocks} blocks each it would sit ` +
    `out the ${usableBlocks(schedule)} blocks of a quarter before its rescue window`;
  const hint = most < MIN_SLOT_BLOCKS ? "Rounds this short have none." : `Give ${most} at most.`;
  return [{ problem, hint }];
}

/** Nobody to act, or too few to stand behind a commit, HALTS the exchange. */
function refusedAfter({ quorum }: Facts, change: Change, after: After): Refused[] {
  if (change.kind !== "remove" && change.kind !== "quorum") return [];
  const start = "Start operators first, and see them in quarterdeck operators list";
  if (after.operators.length === 0) {
    const hint = "Add another first.";
    return [{ problem: "It is the only operator: nobody could commit", hint }];
  }
  if (after.living === 0) {
    return [{ problem: "No operator that lives would remain", hint: `${start}.` }];
  }
  if (after.living >= after.quorum) return [];
  const problem = `Commits would take ${after.quorum} operators, and ${after.living} live`;
  const hint =
    change.kind === "remove" && quorum > 1 ? `${start}, or lower the quorum.` : `${start}.`;
  return [{ problem, hint }];
}
