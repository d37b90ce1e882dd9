/**
 * The holder of the slot, as of the newest block, and this operator's claims for the next slot.
 * Where the manager has no slots its operator may always act, and nothing is claimed. Where
 * endpoints do not agree an operator may do what any of them lets it: the contract has the last
 * word, and what it refuses is not sent.
 */
import type { Address } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import {
  encodeClaimFor,
  type ShownSlots,
  type Slot,
  type SlotReader,
  type SlotView,
} from "../../chain/contracts/roundRobinManager.ts";
import { ContractRefused, DeadlineMissed, RpcUnavailable } from "../../chain/rpc/errors.ts";
import type { Mined, Submitter } from "../../chain/submit/submitter.ts";
import { type BlockSpan, rescueWindow } from "../../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../protocol/units.ts";
import { decideClaim } from "./claims.ts";
import { OtherSlots } from "./otherSlots.ts";

export interface SlotKeeperOptions {
  /** Undefined: the manager has no slots. */
  readonly reader: SlotReader | undefined;
  readonly address: Address;
  readonly schedule: Schedule;
  readonly submitter: Submitter;
  readonly log: Log;
  readonly onClaimed: (mined: Mined) => void;
  /** Called once for each slot for which a claim was not needed. */
  readonly onSkipped: () => void;
}

/** Claims of one slot that are mined at most: a reorganisation may undo one. */
const MOST_CLAIMS = 3;
/** Heads without a claim after failures in a row, at most. */
const LONGEST_PAUSE = 64;

export class SlotKeeper {
  readonly #options: SlotKeeperOptions;
  readonly #others: OtherSlots | undefined;
  #slots: SlotView | undefined;
  #skipped: Slot = -1;
  /** The slot for which a claim was mined last, and how many were. */
  #claimed: { readonly slot: Slot; readonly times: number } = { slot: -1, times: 0 };
  /** Claims that failed in a row, by who showed the slots: one may not spoil those by another. */
  readonly #failures = new Map<string, { readonly times: number; left: number }>();
  /** The slots that the log showed last: polls run side by side, and each would report a change. */
  #said: SlotView | undefined;

  constructor(options: SlotKeeperOptions) {
    this.#options = options;
    this.#others = options.reader && new OtherSlots(options.reader);
  }

  /** The slots as of the last poll; undefined before it, and where there are no slots. */
  get slots(): SlotView | undefined {
    return this.#slots;
  }

  /** True if the manager has slots. */
  get hasSlots(): boolean {
    return this.#options.reader !== undefined;
  }

  /**
   * Whether this operator is on the list, as of the last poll; undefined before it. Without slots
   * nobody else has a say.
   */
  get isApproved(): boolean | undefined {
    const { reader, address } = this.#options;
    if (reader === undefined) return true;
    const views = this.#views;
    if (views.length === 0) return undefined;
    return views.some(({ slots }) => slots === "none" || isListed(slots, address));
  }

  /** The slots by each endpoint that says something else than the others. */
  get #views(): readonly ShownSlots[] {
    const others = this.#others?.views ?? [];
    return this.#slots === undefined ? others : [{ from: "", slots: this.#slots }, ...others];
  }

  /** The operator that should sequence: the one that may act on chain, if none says it is us. */
  get successor(): Address | undefined {
    const { address } = this.#options;
    const isOurs = this.#views.some(({ slots }) => slots !== "none" && slots.operator === address);
    return isOurs ? undefined : this.#slots?.operator;
  }

  /**
   * Whether a transaction sent at block `head` for a duty with this deadline (the last block in
   * time) is allowed: it lands in the next block at the earliest. docs/protocol.md section 8.
   */
  mayAct(head: BlockNumber, deadlineBlock: BlockNumber): boolean {
    if (this.#options.reader === undefined) return true;
    return this.#views.some(
      ({ slots }) => slots === "none" || this.#mayActBy(slots, head, deadlineBlock),
    );
  }

  #mayActBy(slots: SlotView, head: BlockNumber, deadlineBlock: BlockNumber): boolean {
    const { address, schedule } = this.#options;
    if (!isListed(slots, address)) return false;
    const window = rescueWindow(schedule, deadlineBlock);
    if (window !== undefined && head + 1 >= window.firstBlock) {
      return this.#isNextToRescue(slots, head, window);
    }
    const ends = slots.lastBlock !== undefined && head >= slots.lastBlock;
    return (ends ? slots.forecast : slots.operator) === address;
  }

  /**
   * In the rescue window all may act. One after the other begins, a block apart, so that not all of
   * them pay for the same duty; the operator of the slot is first.
   */
  #isNextToRescue(slots: SlotView, head: BlockNumber, window: BlockSpan): boolean {
    const { address } = this.#options;
    const others = slots.operators
      .map((operator) => operator.address)
      .filter((operator) => operator !== slots.operator);
    const order = slots.operator === undefined ? others : [slots.operator, ...others];
    const passed = head + 1 - window.firstBlock;
    // The last blocks belong to everybody.
    const isLast = window.lastBlock - head <= Math.ceil(order.length / 2);
    return isLast || order.indexOf(address) <= passed;
  }

  /** Reads the holder of the slot. Throws `RpcUnavailable`. */
  async poll(): Promise<void> {
    const { reader } = this.#options;
    if (reader === undefined) return;
    let read: SlotView | undefined;
    let unread: unknown;
    try {
      read = await reader.slots();
      this.#slots = read;
      this.#say(read);
    } catch (problem) {
      // The parts of an answer contradict each other where the list changes while it is read: the
      // next poll will do. The slots known before stay, and the contract has the last word.
      if (problem instanceof ContractRefused) this.#options.log.warn("slotsUnread", { problem });
      else if (problem instanceof RpcUnavailable) unread = problem;
      else throw problem;
    }
    const decision = read && decideClaim(read, this.#options.address).kind;
    const compared = this.#others?.compare(read, decision ?? "");
    // Slots that were read are enough for now: others may be slow.
    if (read === undefined) await compared;
    if (unread !== undefined && (this.#others?.views.length ?? 0) === 0) throw unread;
  }

  /** Claims the next slot if that is due, as of the last poll. Throws `RpcUnavailable`. */
  async claimIfDue(): Promise<void> {
    let isFirst = true;
    for (const { from, slots } of this.#views) {
      if (slots === "none") continue;
      const decision = decideClaim(slots, this.#options.address);
      if (decision.kind === "claim" && this.#mayClaim(decision.slot, from)) {
        return this.#claim(decision.slot, slots, from);
      }
      if (isFirst && decision.kind === "skip" && decision.saved) this.#countSkipped(slots.slot);
      isFirst = false;
    }
  }

  /** A false word costs the gas of few claims: for the same slot, and of those that fail. */
  #mayClaim(slot: Slot, from: string): boolean {
    if (slot === this.#claimed.slot && this.#claimed.times >= MOST_CLAIMS) return false;
    const failure = this.#failures.get(from);
    return failure === undefined || failure.left-- <= 0;
  }

  async #claim(slot: Slot, { lastBlock, block }: SlotView, from: string): Promise<void> {
    const { submitter, reader, log, onClaimed } = this.#options;
    if (reader === undefined || lastBlock === undefined) return;
    const call = {
      what: `claim of slot ${slot}`,
      to: reader.manager,
      data: encodeClaimFor(slot),
      deadlineBlock: lastBlock,
      priority: 0,
    };
    try {
      const mined = await submitter.send(call);
      const times = this.#claimed.slot === slot ? this.#claimed.times : 0;
      this.#claimed = { slot, times: times + 1 };
      this.#failures.delete(from);
      log.info("slotClaimed", { block: mined.block, slot, gasUsed: mined.gasUsed });
      onClaimed(mined);
    } catch (problem) {
      if (problem instanceof RpcUnavailable) throw problem;
      const times = (this.#failures.get(from)?.times ?? 0) + 1;
      const left = times === 1 ? 0 : Math.min(LONGEST_PAUSE, 2 ** (times - 1));
      this.#failures.set(from, { times, left });
      // The slot is past, or maintenance began: the next poll decides anew. Anything else is tried
      // again with the next block, and others claim as well.
      const isLate = problem instanceof DeadlineMissed || problem instanceof ContractRefused;
      log[isLate ? "info" : "warn"]("claimFailed", { block, slot, problem });
    }
  }

  #countSkipped(slot: Slot): void {
    if (this.#skipped === slot) return;
    this.#skipped = slot;
    this.#options.onSkipped();
  }

  #say(slots: SlotView): void {
    const { block, slot, operator, inMaintenance } = slots;
    const before = this.#said;
    const same =
      before?.slot === slot &&
      before.operator === operator &&
      before.inMaintenance === inMaintenance;
    if (same) return;
    this.#said = slots;
    const { address, log } = this.#options;
    const ours = operator === address;
    log.info("slot", { block, slot, operator: operator ?? "nobody", ours, inMaintenance });
  }
}

function isListed({ operators }: SlotView, address: Address): boolean {
  return operators.some((operator) => operator.address === address);
}
