import { describe, expect, it } from "vitest";
import type { Counted } from "./counts.ts";
import { haltNotice, liveLines, plainLine, type Seen } from "./status.ts";

const SCHEDULE = { genesisBlock: 10, roundSize: 48 };
const NAMES = ["operator-1", "operator-2", "operator-3"];

/** More than the 28,800 blocks of a night give. */
const NIGHT: Partial<Record<Counted, number>> = {
  trade: 57_600,
  roundCommitted: 719,
  auditsPassed: 3600,
  auditsFailed: 0,
  withdrawalRequested: 980,
  withdrawalConfirmed: 970,
};

function seen(change: Partial<Seen> = {}): Seen {
  return {
    clock: {
      block: 34_560,
      round: 719,
      quarter: 3,
      halted: false,
      haltBlock: 34_584,
      committedRound: 719,
    },
    schedule: SCHEDULE,
    operators: NAMES,
    down: [],
    leader: "operator-2",
    hasKeys: true,
    count: (what) => NIGHT[what] ?? 0,
    leastBalance: 9_999_987_654_321_000_000_000n,
    ...change,
  };
}

const widest = (lines: readonly string[]) => Math.max(...lines.map(({ length }) => length));

describe("the live lines", () => {
  it("the live lines fit 80 columns after a night, also with an operator down", () => {
    expect(widest(liveLines(seen({ down: ["operator-3"] })))).toBeLessThanOrEqual(80);
    expect(widest(liveLines(seen({ down: NAMES, leader: undefined })))).toBeLessThanOrEqual(80);
    const halted = seen({ clock: { ...seen().clock, halted: true } });
    expect(widest(liveLines(halted))).toBeLessThanOrEqual(80);
    expect(widest(haltNotice(halted))).toBeLessThanOrEqual(100);
  });

  it("the live lines say that no operator runs, how long that may last, and what to press", () => {
    const [line] = liveLines(seen({ down: NAMES, leader: undefined }));
    expect(line).toMatch(/no operator runs: halts in 24 blocks · press 1 to 3$/);
  });

  it("the live lines begin with the halt when it is there", () => {
    const halted = seen({ clock: { ...seen().clock, halted: true }, down: NAMES });
    expect(liveLines(halted)[0]).toMatch(/^HALTED/);
    expect(plainLine(halted)).toMatch(/^HALTED/);
  });

  it("the live lines in a pipe say whose ether is meant, and in what unit", () => {
    expect(plainLine(seen())).toMatch(/each operator's key holds ≥ 9999\.9876 ETH$/);
    expect(plainLine(seen({ operators: ["operator-1"] }))).toMatch(/the operator's key holds ≥/);
  });
});

describe("the notice of a halt", () => {
  const halted = (committedRound: number, haltBlock: number, down = NAMES) =>
    haltNotice(
      seen({ down, clock: { ...seen().clock, halted: true, committedRound, haltBlock } }),
    ).join("\n");

  it("the notice of a halt says which duty was missed, who was there, and what to do", () => {
    // Round 3's commit is due before quarter 1 of round 3: block 10 + 3 * 48 + 12.
    expect(halted(2, 166)).toMatch(/HALTED at block 166: the commit of round 3 did not come/);
    expect(halted(3, 166)).toMatch(/: a dispute was not answered/);
    expect(halted(2, 166)).toMatch(/No operator was running/);
    expect(halted(2, 166, [])).toMatch(/logs say what they tried/);
    expect(halted(2, 166)).toMatch(/npm start -- --fresh/);
  });
});
