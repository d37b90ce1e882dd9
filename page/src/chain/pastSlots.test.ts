/** Past slots out of the manager's logs are those that the contract's rule gives. */
import { describe, expect, it } from "vitest";
import { toAddress } from "../../../src/base/address.ts";
import type { SlotLog, SlotView } from "../../../src/chain/contracts/roundRobinManager.ts";
import { pastSlotsOf, slotLogsFrom } from "./pastSlots.ts";

const SIZE = 10;
const GENESIS_END = 100;
const [RL1, RL2, RL3] = ["11", "22", "33"].map((byte) => toAddress(`0x${byte.repeat(20)}`)) as [
  `0x${string}`,
  `0x${string}`,
  `0x${string}`,
];
const nameOf = new Map([
  [RL1, "RL-1"],
  [RL2, "RL-2"],
  [RL3, "RL-3"],
]);
const operators = [RL1, RL2, RL3].map((address) => ({ address, name: "", endpoint: "" }));

const firstOf = (slot: number) => GENESIS_END + (slot - 1) * SIZE;
const viewOf = (slot: number): SlotView => ({
  block: firstOf(slot) + 3,
  inMaintenance: false,
  slot,
  firstBlock: firstOf(slot),
  lastBlock: firstOf(slot) + SIZE - 1,
  slotSize: SIZE,
  operators,
  operator: undefined,
  claimed: [],
  forecast: undefined,
});
/** Sent in `slot`, for the next one. */
const claim = (operator: `0x${string}`, slot: number, at = 1): SlotLog => ({
  kind: "claimed",
  block: slot === 0 ? 50 + at : firstOf(slot) + at,
  operator,
  slot: slot + 1,
});

/** The worked example of docs/protocol.md section 8. */
const EXAMPLE = [
  claim(RL1, 0, 1),
  claim(RL2, 0, 2),
  claim(RL1, 1, 1),
  claim(RL2, 1, 2),
  claim(RL3, 2, 1),
  claim(RL2, 2, 2),
  claim(RL1, 2, 3),
  claim(RL2, 3, 1),
  claim(RL2, 4, 1),
];
const holders = (slots: ReturnType<typeof pastSlotsOf>) =>
  slots.map(({ slot, operator }) => [slot, nameOf.get(operator as `0x${string}`) ?? operator]);

describe("past slots", () => {
  it("past slots have the operators that the worked example gives, back to Genesis", () => {
    expect(holders(pastSlotsOf(viewOf(8), EXAMPLE, 0))).toEqual([
      [7, "RL-2"],
      [6, "RL-2"],
      [5, "RL-2"],
      [4, "RL-2"],
      [3, "RL-3"],
      [2, "RL-2"],
      [1, "RL-1"],
      [0, "nobody"],
    ]);
  });

  it("past slots name their blocks, and who had claimed them, in the list's order", () => {
    const [last] = pastSlotsOf(viewOf(4), EXAMPLE, 0);
    expect(last).toEqual({
      slot: 3,
      firstBlock: 120,
      lastBlock: 129,
      claimed: [RL1, RL2, RL3],
      operator: RL3,
    });
  });

  it("a claim that is sent during a slot does not change whom that slot falls back to", () => {
    const logs = [claim(RL1, 0), claim(RL3, 2, 0)];
    expect(holders(pastSlotsOf(viewOf(3), logs, 0))[0]).toEqual([2, "RL-1"]);
  });

  it("nobody holds a slot before the first claim of all", () => {
    expect(holders(pastSlotsOf(viewOf(3), [], 0))).toEqual([
      [2, "nobody"],
      [1, "nobody"],
      [0, "nobody"],
    ]);
  });

  it("a slot is unknown where older claims were not read, and slots before that end", () => {
    const from = firstOf(4);
    expect(holders(pastSlotsOf(viewOf(8), [claim(RL1, 5)], from))).toEqual([
      [7, "RL-1"],
      [6, "RL-1"],
      [5, "unknown"],
    ]);
  });

  it("past slots end where maintenance was: the list before it may be another", () => {
    const logs: SlotLog[] = [...EXAMPLE, { kind: "maintenance", block: firstOf(6) }];
    expect(holders(pastSlotsOf(viewOf(9), logs, 0)).map(([slot]) => slot)).toEqual([8, 7, 6]);
  });

  it("past slots go back to Genesis where maintenance was in that alone, as at deployment", () => {
    const logs: SlotLog[] = [{ kind: "maintenance", block: 7 }, ...EXAMPLE];
    expect(holders(pastSlotsOf(viewOf(2), logs, 0))).toEqual([
      [1, "RL-1"],
      [0, "nobody"],
    ]);
  });

  it("a removed operator is no fallback, not even where it is approved again", () => {
    const logs: SlotLog[] = [
      claim(RL2, 0),
      claim(RL1, 1),
      { kind: "removed", block: firstOf(2), operator: RL1 },
      { kind: "maintenance", block: firstOf(3) },
    ];
    expect(holders(pastSlotsOf(viewOf(5), logs, 0))).toEqual([
      [4, "RL-2"],
      [3, "RL-2"],
    ]);
  });

  it("past slots are bounded, and so are the logs that are read for them", () => {
    expect(pastSlotsOf(viewOf(40), [], 0)).toHaveLength(10);
    expect(slotLogsFrom(viewOf(40))).toBe(firstOf(40) - 12 * SIZE);
    expect(slotLogsFrom({ ...viewOf(40), firstBlock: 90_000, slotSize: 7200 })).toBe(80_000);
    expect(slotLogsFrom(viewOf(1))).toBe(0);
  });
});
