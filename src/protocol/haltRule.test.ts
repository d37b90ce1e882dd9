import fc from "fast-check";
import { expect, test } from "vitest";
import { frozenMoment, haltBoundary, isHalted, type Obligations } from "./haltRule.ts";
import { firstBlockOf, momentOf } from "./rounds.ts";
import type { BlockNumber, Schedule } from "./units.ts";

const schedule: Schedule = { genesisBlock: 50, roundSize: 16 };

const states = fc.record({
  completedRound: fc.nat({ max: 8 }),
  tokenCount: fc.nat({ max: 3 }),
  openDisputeRounds: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
});

/** The first block at which an obligation was missed, looked for block by block. */
function searchedBoundary(owed: Obligations, until: BlockNumber): BlockNumber | undefined {
  for (let block = schedule.genesisBlock; block < until; block++) {
    const { round, quarter } = momentOf(schedule, block);
    if (quarter === 0) continue;
    const uncommitted = owed.tokenCount > 0 && round >= 1 && round > owed.completedRound;
    const unanswered = [...owed.openDisputeRounds].some((opened) => round >= opened + 1);
    if (uncommitted || unanswered) return block;
  }
  return undefined;
}

test("the halt is the first quarter boundary at which an obligation is missed", () => {
  fc.assert(
    fc.property(states, (owed) => {
      const boundary = haltBoundary(schedule, owed);
      expect(boundary).toBe(searchedBoundary(owed, firstBlockOf(schedule, 12)));
      if (boundary !== undefined) expect(momentOf(schedule, boundary).quarter).toBe(1);
    }),
  );
});

test("nobody has to look: two rounds, or a year, later it is halted in the same round", () => {
  const owed: Obligations = { completedRound: 3, tokenCount: 2, openDisputeRounds: [] };
  const boundary = haltBoundary(schedule, owed);
  expect(boundary).toBe(firstBlockOf(schedule, 4, 1));
  const at = boundary as BlockNumber;
  expect(isHalted(boundary, at - 1)).toBe(false);
  expect(frozenMoment(schedule, boundary, at - 1)).toMatchObject({ round: 4, quarter: 0 });
  for (const late of [0, 1, 2 * 16, 2_000_000]) {
    expect(isHalted(boundary, at + late)).toBe(true);
    expect(frozenMoment(schedule, boundary, at + late)).toEqual({
      block: at,
      round: 4,
      quarter: 1,
    });
  }
});

test("an obligation that is met in time only moves the halt to a later round", () => {
  fc.assert(
    fc.property(states, fc.nat({ max: 3 }), (owed, answered) => {
      const none = Number.POSITIVE_INFINITY;
      const before = haltBoundary(schedule, owed) ?? none;
      const committed = { ...owed, completedRound: owed.completedRound + 1 };
      expect(haltBoundary(schedule, committed) ?? none).toBeGreaterThanOrEqual(before);
      const closed = {
        ...owed,
        openDisputeRounds: owed.openDisputeRounds.filter((_, i) => i !== answered),
      };
      expect(haltBoundary(schedule, closed) ?? none).toBeGreaterThanOrEqual(before);
    }),
  );
});

test("no boundary halts while nothing is owed, and time goes on", () => {
  const boundary = haltBoundary(schedule, {
    completedRound: 0,
    tokenCount: 0,
    openDisputeRounds: [],
  });
  expect(boundary).toBeUndefined();
  expect(isHalted(boundary, 1e9)).toBe(false);
  expect(frozenMoment(schedule, boundary, 66)).toEqual({ block: 66, round: 1, quarter: 0 });
});

test("round 0 owes no commit, a dispute of the round just committed counts", () => {
  const owed = { completedRound: 0, tokenCount: 1, openDisputeRounds: [] };
  expect(haltBoundary(schedule, owed)).toBe(firstBlockOf(schedule, 1, 1));
  const disputed = { completedRound: 6, tokenCount: 1, openDisputeRounds: [5, 6] };
  expect(haltBoundary(schedule, disputed)).toBe(firstBlockOf(schedule, 6, 1));
});
