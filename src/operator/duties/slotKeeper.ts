/**
 * The holder of the slot, as of the newest block, and this operator's claims for the next slot.
 * Where the manager has no slots its operator may always act, and nothing is claimed.
 */
import type { Address } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import {
  encodeClaimFor,
  type Slot,
  type SlotReader,
  type SlotView,
} from "../../chain/contracts/roundRobinManager.ts";
import { ContractRefused, DeadlineMissed, RpcUnavailable } from "../../chain/rpc/errors.ts";
import type { Word } from "../../chain/rpc/rpc.ts";
import type { Mined, Submitter } from "../../chain/submit/submitter.ts";
import { type BlockSpan, rescueWindow } from "../../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../protocol/units.ts";
import { decideClaim } from "./claims.ts";

export interface SlotKeeperOptions {
  /** Undefined: the manager has no slots. */
  readonly reader: SlotReader | undefined;
  readonly address: Address;
  readonly schedule: Schedule;
  /** By each endpoint that has the journal's last block. */
  readonly readRegistered: () => Promise<readonly Word<boolean>[]>;
  readonly submitter: Submitter;
  readonly log: Log;
  readonly onClaimed: (mined: Mined) => void;
  /** Called once for each slot for which a claim was not needed. */
  readonly onSkipped: () => void;
}

/** Claims of one slot that are mined at most. */
const MOST_CLAIMS = 3;

export class SlotKeeper {
  readonly #options: SlotKeeperOptions;
  #slots: SlotView | undefined;
  #isApproved: boolean | undefined;
  /** The slot for which a claim was mined last, and how many were. */
  #claimed: { readonly slot: Slot; readonly times: number } = { slot: -1, times: 0 };
  #skipped: Slot = -1;
  /** The slots that the log showed last: polls run side by side, and each would report a change. */
  #said: SlotView | undefined;

  constructor(options: SlotKeeperOptions) {
    this.#options = options;
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
   * Whether this operator is on the list by any endpoint, as of the last poll; undefined before it.
   * Without slots nobody else has a say.
   */
  get isApproved(): boolean | undefined {
    return this.#options.reader === undefined ? true : this.#isApproved;
  }

  /** The operator that should sequence: the one that may act on chain, if that is another. */
  get successor(): Address | undefined {
    const operator = this.#slots?.operator;
    return operator === this.#options.address ? undefined : operator;
  }

  /**
   * Whether a transaction sent at block `head` for a duty with this deadline (the last block in
   * time) is allowed: it lands in the next block at the earliest. docs/protocol.md section 8.
   */
  mayAct(head: BlockNumber, deadlineBlock: BlockNumber): boolean {
    const { reader, address, schedule } = this.#options;
    if (reader === undefined) return true;
    const slots = this.#slots;
    if (slots === undefined || !this.isApproved) return false;
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
    const place = order.indexOf(address);
    return isLast || (place === -1 ? order.length : place) <= passed;
  }

  /** Reads the holder of the slot. Throws `RpcUnavailable`. */
  async poll(): Promise<void> {
    const { reader } = this.#options;
    if (reader === undefined) return;
    try {
      const slots = await reader.slots();
      this.#isApproved = await this.#isListed(slots);
      this.#slots = slots;
    } catch (problem) {
      // The parts of an answer contradict each other where the list changes while it is read: the
      // next poll will do. The slots known before stay, and the contract has the last word.
      if (!(problem instanceof ContractRefused)) throw problem;
      this.#options.log.warn("slotsUnread", { problem });
      return;
    }
    this.#say(this.#slots);
  }

  /** One endpoint alone may not take an operator out: where its list lacks us all are asked. */
  async #isListed({ operators }: SlotView): Promise<boolean> {
    const { address, readRegistered } = this.#options;
    if (operators.some((operator) => operator.address === address)) return true;
    return (await readRegistered()).some(({ answer }) => answer);
  }

  /** Claims the next slot if that is due, as of the last poll. Throws `RpcUnavailable`. */
  async claimIfDue(): Promise<void> {
    const slots = this.#slots;
    if (slots === undefined) return;
    const { address } = this.#options;
    const decision = decideClaim(slots, address);
    if (decision.kind === "claim" && this.#mayClaim(decision.slot)) {
      await this.#claim(decision.slot, slots);
    }
    if (decision.kind === "skip" && decision.saved) this.#countSkipped(slots.slot);
  }

  /** A false word about claims costs the gas of few; a reorganisation may undo one. */
  #mayClaim(slot: Slot): boolean {
    return slot !== this.#claimed.slot || this.#claimed.times < MOST_CLAIMS;
  }

  async #claim(slot: Slot, { lastBlock, block }: SlotView): Promise<void> {
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
      const times = slot === this.#claimed.slot ? this.#claimed.times + 1 : 1;
      this.#claimed = { slot, times };
      log.info("slotClaimed", { block: mined.block, slot, gasUsed: mined.gasUsed });
      onClaimed(mined);
    } catch (problem) {
      if (problem instanceof RpcUnavailable) throw problem;
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
