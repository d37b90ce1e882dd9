import { describe, expect, it } from "vitest";
import { toAddress } from "../../base/address.ts";
import type { Address } from "../../base/hex.ts";
import type { SlotReader, SlotView } from "../../chain/contracts/roundRobinManager.ts";
import { ContractRefused } from "../../chain/rpc/errors.ts";
import type { Call, Submitter } from "../../chain/submit/submitter.ts";
import { SlotKeeper } from "./slotKeeper.ts";

const operatorNo = (n: number) => toAddress(`0x${`${n}`.padStart(40, "0")}`);
const [ADA, BOB, CY] = [operatorNo(1), operatorNo(2), operatorNo(3)];
const SCHEDULE = { genesisBlock: 0, roundSize: 160 };
const OPERATORS = [ADA, BOB, CY].map((address) => ({ address, name: "x", endpoint: "http://x" }));
/** Slot 5, whose operator is Ada; Bob comes next. */
const SLOTS: SlotView = {
  block: 100,
  inMaintenance: false,
  slot: 5,
  firstBlock: 96,
  lastBlock: 107,
  slotSize: 12,
  operators: OPERATORS,
  operator: ADA,
  claimed: [BOB, ADA],
  forecast: BOB,
};

function keeper(
  address: Address,
  answers: (SlotView | Error)[],
  slots = true,
  registered: readonly boolean[] = [false],
) {
  const sent: Call[] = [];
  const events: string[] = [];
  const take = (event: string) => {
    events.push(event);
  };
  const reader = {
    manager: ADA,
    slots: async () => {
      const next = answers.length > 1 ? answers.shift() : answers[0];
      if (next instanceof Error) throw next;
      return next;
    },
  };
  const submitter = {
    send: async (call: Call) => {
      sent.push(call);
      return { transactionHash: "0x", block: 101, gasUsed: 1n, cost: 1n };
    },
  };
  const one = new SlotKeeper({
    address,
    schedule: SCHEDULE,
    readRegistered: async () => registered.map((answer, i) => ({ origin: `http://${i}`, answer })),
    submitter: submitter as unknown as Submitter,
    reader: slots ? (reader as unknown as SlotReader) : undefined,
    log: { info: take, warn: take, error: take, flush: async () => {} },
    onClaimed: () => {},
    onSkipped: () => take("skipped"),
  });
  return { one, sent, events };
}

describe("the operator slot", () => {
  it("the slot is always ours where the manager has no slots", () => {
    expect(keeper(ADA, [], false).one.mayAct(5, 500)).toBe(true);
  });

  it("the slot is nobody's before the first poll", () => {
    expect(keeper(ADA, [SLOTS]).one.mayAct(100, 500)).toBe(false);
  });

  it("the slot is the operator's up to the last block that its transaction can reach", async () => {
    const [ada, bob] = [keeper(ADA, [SLOTS]).one, keeper(BOB, [SLOTS]).one];
    await Promise.all([ada.poll(), bob.poll()]);
    // What is sent at block 107 lands in 108, in the next slot.
    const allowed = (of: SlotKeeper) => [100, 106, 107].map((head) => of.mayAct(head, 500));
    expect(allowed(ada)).toEqual([true, true, false]);
    expect(allowed(bob)).toEqual([false, false, true]);
    expect(bob.successor).toBe(ADA);
    expect(ada.successor).toBeUndefined();
  });

  it("the rescue window is open to all operators, one after the other", async () => {
    const members = [ADA, BOB, CY].map((address) => keeper(address, [SLOTS]).one);
    await Promise.all(members.map((member) => member.poll()));
    // The quarter has 40 blocks, so the window of a duty due in 119 begins where 109 is known.
    const acting = (head: number) => members.map((member) => member.mayAct(head, 119));
    expect(acting(106)).toEqual([true, false, false]);
    expect(acting(109)).toEqual([true, false, false]);
    expect(acting(110)).toEqual([true, true, false]);
    expect(acting(111)).toEqual([true, true, true]);
    expect(acting(118)).toEqual([true, true, true]);
  });

  it("a slot is never an unapproved operator's, not even in a rescue window", async () => {
    const stranger = keeper(toAddress(`0x${"9".repeat(40)}`), [SLOTS]).one;
    await stranger.poll();
    expect([100, 118].map((head) => stranger.mayAct(head, 119))).toEqual([false, false]);
    expect(stranger.isApproved).toBe(false);
  });

  it("a slot is claimed three times at most, however often nobody is said to have claimed", async () => {
    const { one, sent } = keeper(ADA, [{ ...SLOTS, block: 107, claimed: [] }]);
    await one.poll();
    for (let i = 0; i < 6; i++) await one.claimIfDue();
    expect(sent).toHaveLength(3);
  });

  it("the approval of an operator stands while any endpoint lists it", async () => {
    const none = { ...SLOTS, operators: [] };
    for (const [registered, isApproved] of [
      [[false, true], true],
      [[false, false], false],
    ] as const) {
      const { one } = keeper(ADA, [none], true, registered);
      await one.poll();
      expect(one.isApproved).toBe(isApproved);
      expect(one.mayAct(100, 500)).toBe(isApproved);
    }
  });

  it("the approval of an operator is unknown before the list was read", async () => {
    const ada = keeper(ADA, [SLOTS]).one;
    expect(ada.isApproved).toBeUndefined();
    await ada.poll();
    expect(ada.isApproved).toBe(true);
    expect(keeper(ADA, [], false).one.isApproved).toBe(true);
  });

  it("the slot stays as it was known while the list changes under the reading", async () => {
    const torn = new ContractRefused("slots", "NoSuchOperator", [2n]);
    const { one, events } = keeper(ADA, [SLOTS, torn]);
    await one.poll();
    await one.poll();
    expect(one.slots).toEqual(SLOTS);
    expect(events).toContain("slotsUnread");
  });

  it("the slot is reported once where two polls run side by side", async () => {
    const { one, events } = keeper(ADA, [SLOTS, { ...SLOTS, block: 101 }]);
    await Promise.all([one.poll(), one.poll()]);
    await one.poll();
    expect(events).toEqual(["slot"]);
  });

  it("the next slot is claimed once, by the first in line", async () => {
    const free = { ...SLOTS, slot: 6, claimed: [], forecast: ADA };
    const { one, sent } = keeper(ADA, [free]);
    await one.poll();
    await one.claimIfDue();
    expect(sent).toMatchObject([{ what: "claim of slot 7", deadlineBlock: 107, priority: 0 }]);
  });
});
