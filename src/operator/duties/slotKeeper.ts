/**
 * Whose turn it is, as of the newest block, and this operator's claims for the next slot. Where the
 * manager has no slots its operator may always act, and nothing is claimed.
 */
import type { Address } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import {
  encodeClaimFor,
  type Slot,
  type SlotReader,
  type Turns,
} from "../../chain/contracts/roundRobinManager.ts";
import { ContractRefused, DeadlineMissed, RpcUnavailable } from "../../chain/rpc/errors.ts";
import type { Mined, Submitter } from "../../chain/submit/submitter.ts";
import { type BlockSpan, rescueWindow } from "../../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../protocol/units.ts";
import { decideClaim } from "./claims.ts";

export interface SlotKeeperOptions {
  /** Undefined: the manager has no slots. */
  readonly reader: SlotReader | undefined;
  readonly address: Address;
  readonly schedule: Schedule;
  readonly submitter: Submitter;
  readonly log: Log;
  readonly onClaimed: (mined: Mined) => void;
  /** Told once of each slot for which a claim was not needed. */
  readonly onSkipped: () => void;
}

export class SlotKeeper {
  readonly #options: SlotKeeperOptions;
  #turns: Turns | undefined;
  #skipped: Slot = -1;
  /** What the log was told last: looks run side by side, and each would tell of a change. */
  #said: Turns | undefined;

  constructor(options: SlotKeeperOptions) {
    this.#options = options;
  }

  /** As of the last poll; undefined before it, and where there are no slots. */
  get turns(): Turns | undefined {
    return this.#turns;
  }

  /** Whether any turns are taken. */
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
    return this.#turns?.operators.some((operator) => operator.address === address);
  }

  /** The operator that should sequence: whoever may act on chain, if that is another. */
  get successor(): Address | undefined {
    const operator = this.#turns?.operator;
    return operator === this.#options.address ? undefined : operator;
  }

  /**
   * Whether a transaction sent at block `head` for a duty with this deadline (the last block in
   * time) is allowed: it lands in the next block at the earliest. docs/protocol.md section 8.
   */
  mayAct(head: BlockNumber, deadlineBlock: BlockNumber): boolean {
    const { reader, address, schedule } = this.#options;
    if (reader === undefined) return true;
    const turns = this.#turns;
    if (turns === undefined || !this.isApproved) return false;
    const window = rescueWindow(schedule, deadlineBlock);
    if (window !== undefined && head + 1 >= window.firstBlock) {
      return this.#isNextToRescue(turns, head, window);
    }
    const ends = turns.lastBlock !== undefined && head >= turns.lastBlock;
    return (ends ? turns.forecast : turns.operator) === address;
  }

  /**
   * In the rescue window all may act. One after the other begins, a block apart, so that not all of
   * them pay for the same duty; the operator of the slot is first.
   */
  #isNextToRescue(turns: Turns, head: BlockNumber, window: BlockSpan): boolean {
    const { address } = this.#options;
    const others = turns.operators
      .map((operator) => operator.address)
      .filter((operator) => operator !== turns.operator);
    const order = turns.operator === undefined ? others : [turns.operator, ...others];
    const passed = head + 1 - window.firstBlock;
    // The last blocks belong to everybody.
    const isLast = window.lastBlock - head <= Math.ceil(order.length / 2);
    return isLast || order.indexOf(address) <= passed;
  }

  /** Reads whose turn it is. Throws `RpcUnavailable`. */
  async poll(): Promise<void> {
    const { reader } = this.#options;
    if (reader === undefined) return;
    try {
      this.#turns = await reader.turns();
    } catch (problem) {
      // Its parts contradict each other where the list changes while it is read: the next poll will
      // do. What was known stays, and the contract has the last word.
      if (!(problem instanceof ContractRefused)) throw problem;
      this.#options.log.warn("turnsUnread", { problem });
      return;
    }
    this.#say(this.#turns);
  }

  /** Claims the next slot if that is due, as of the last poll. Throws `RpcUnavailable`. */
  async claimIfDue(): Promise<void> {
    const turns = this.#turns;
    if (turns === undefined) return;
    const { address } = this.#options;
    const decision = decideClaim(turns, address);
    if (decision.kind === "claim") await this.#claim(decision.slot, turns);
    if (decision.kind === "skip" && decision.saved) this.#spare(turns.slot);
  }

  async #claim(slot: Slot, { lastBlock, block }: Turns): Promise<void> {
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

  #spare(slot: Slot): void {
    if (this.#skipped === slot) return;
    this.#skipped = slot;
    this.#options.onSkipped();
  }

  #say(turns: Turns): void {
    const { block, slot, operator, inMaintenance } = turns;
    const before = this.#said;
    const same =
      before?.slot === slot &&
      before.operator === operator &&
      before.inMaintenance === inMaintenance;
    if (same) return;
    this.#said = turns;
    const { address, log } = this.#options;
    const ours = operator === address;
    log.info("turn", { block, slot, operator: operator ?? "nobody", ours, inMaintenance });
  }
}
