import fc from "fast-check";
import { expect, test } from "vitest";
import { Alarm } from "../base/errors.ts";
import {
  firstBlockOf,
  lastBlockOf,
  momentOf,
  quarterOf,
  quarterSize,
  rescueWindow,
  roundOf,
  validateSchedule,
} from "./rounds.ts";
import type { Quarter, Schedule } from "./units.ts";

const schedules = fc.record({
  genesisBlock: fc.integer({ min: 0, max: 30_000_000 }),
  roundSize: fc.integer({ min: 2, max: 3_000 }).map((quarter) => 4 * quarter),
});
const quarters = fc.constantFrom<Quarter>(0, 1, 2, 3);

test("every block from genesis on lies in its own round and quarter", () => {
  fc.assert(
    fc.property(schedules, fc.integer({ min: 0, max: 10_000_000 }), (schedule, offset) => {
      const block = schedule.genesisBlock + offset;
      const { round, quarter } = momentOf(schedule, block);
      expect(firstBlockOf(schedule, round, quarter)).toBeLessThanOrEqual(block);
      expect(lastBlockOf(schedule, round, quarter)).toBeGreaterThanOrEqual(block);
      expect(roundOf(schedule, block)).toBe(round);
      expect(quarterOf(schedule, block)).toBe(quarter);
      expect(momentOf(schedule, block).block).toBe(block);
    }),
  );
});

test("quarters follow each other without gap, and four make a round", () => {
  fc.assert(
    fc.property(schedules, fc.nat({ max: 5_000 }), quarters, (schedule, round, quarter) => {
      const next =
        quarter === 3
          ? firstBlockOf(schedule, round + 1, 0)
          : firstBlockOf(schedule, round, (quarter + 1) as Quarter);
      expect(lastBlockOf(schedule, round, quarter) + 1).toBe(next);
      expect(lastBlockOf(schedule, round) + 1).toBe(firstBlockOf(schedule, round + 1));
      expect(next - firstBlockOf(schedule, round, quarter)).toBe(quarterSize(schedule));
    }),
  );
});

test("a chain of quarters of 8 blocks", () => {
  const schedule: Schedule = { genesisBlock: 100, roundSize: 32 };
  expect(momentOf(schedule, 100)).toEqual({ block: 100, round: 0, quarter: 0 });
  expect(momentOf(schedule, 131)).toEqual({ block: 131, round: 0, quarter: 3 });
  expect(momentOf(schedule, 132)).toEqual({ block: 132, round: 1, quarter: 0 });
  expect(firstBlockOf(schedule, 1, 1)).toBe(140);
  expect(rescueWindow(schedule, 139)).toEqual({ firstBlock: 138, lastBlock: 139 });
});

test("blocks before genesis are refused, and what are no blocks or rounds", () => {
  const schedule: Schedule = { genesisBlock: 100, roundSize: 32 };
  for (const read of [roundOf, quarterOf, momentOf]) {
    expect(() => read(schedule, 99)).toThrow(
      expect.objectContaining({ code: "BlockBeforeGenesis" }),
    );
    expect(() => read(schedule, 100.5)).toThrow(Alarm);
  }
  expect(() => firstBlockOf(schedule, -1)).toThrow(Alarm);
});

test("the rescue window ends with the duty's, a sixteenth of a round rounded down", () => {
  fc.assert(
    fc.property(schedules, fc.nat({ max: 1_000 }), (schedule, offset) => {
      const endBlock = schedule.genesisBlock + schedule.roundSize + offset;
      const size = Math.floor(schedule.roundSize / 16);
      const window = rescueWindow(schedule, endBlock);
      expect(window).toEqual(
        size === 0 ? undefined : { firstBlock: endBlock - size + 1, lastBlock: endBlock },
      );
    }),
  );
});

test.each([8, 12, 28_800])("rounds of %i blocks are possible", (roundSize) => {
  const schedule = { genesisBlock: 0, roundSize };
  expect(validateSchedule(schedule)).toEqual({ ok: true, value: schedule });
});

test.each([0, 4, 7, 9, 10, -8, 8.5, Number.NaN, Number.POSITIVE_INFINITY])(
  "rounds of %d blocks are not",
  (roundSize) => {
    expect(validateSchedule({ genesisBlock: 0, roundSize }).ok).toBe(false);
  },
);

test.each([-1, 1.5, Number.NaN])("block %d is no genesis", (genesisBlock) => {
  expect(validateSchedule({ genesisBlock, roundSize: 32 }).ok).toBe(false);
});
