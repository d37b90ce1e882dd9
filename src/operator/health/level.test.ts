import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FIRST_STATE, type Health, type LevelState, type Levels, nextState } from "./level.ts";

const LEVELS: Levels = {
  bad: "above",
  warn: { raise: 60, clear: 50 },
  failed: { raise: 90, clear: 80 },
  raiseAfter: 3,
  clearAfter: 2,
};

function run(levels: Levels, values: readonly (number | undefined)[]): LevelState[] {
  let state = FIRST_STATE;
  return values.map((value) => {
    state = nextState(levels, state, value);
    return state;
  });
}

function healths(levels: Levels, values: readonly (number | undefined)[]): Health[] {
  return run(levels, values).map(({ health }) => health);
}

const values = fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 60 });
const levels: fc.Arbitrary<Levels> = fc
  .record({
    bounds: fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 1, max: 99 }))),
    raiseAfter: fc.integer({ min: 1, max: 4 }),
    clearAfter: fc.integer({ min: 1, max: 4 }),
    below: fc.boolean(),
  })
  .map(({ bounds, raiseAfter, clearAfter, below }) => {
    const [a, b, c, d] = [...bounds].sort((x, y) => (below ? y - x : x - y)) as [
      number,
      number,
      number,
      number,
    ];
    const [warn, failed] = [
      { raise: c, clear: a },
      { raise: d, clear: b },
    ];
    return { bad: below ? "below" : "above", warn, failed, raiseAfter, clearAfter };
  });

describe("a level with hysteresis", () => {
  it("a level is entered after enough probes in a row, and left the same way", () => {
    expect(healths(LEVELS, [70, 70, 40, 70, 70, 70, 55, 49, 55, 49, 49])).toEqual([
      "ok",
      "ok",
      "ok",
      "ok",
      "ok",
      "warn",
      "warn",
      "warn",
      "warn",
      "warn",
      "ok",
    ]);
  });

  it("a level goes from failed to warn to ok", () => {
    const found = healths({ ...LEVELS, raiseAfter: 1, clearAfter: 1 }, [95, 85, 79, 55, 50]);
    expect(found).toEqual(["failed", "failed", "warn", "warn", "ok"]);
  });

  it("a level warns when the value is long unreadable, and keeps a failure meanwhile", () => {
    const none = undefined;
    expect(healths(LEVELS, [1, none, none, 1, none, none, none, 1])).toEqual([
      "ok",
      "ok",
      "ok",
      "ok",
      "ok",
      "ok",
      "warn",
      "ok",
    ]);
    const failed = healths({ ...LEVELS, raiseAfter: 1 }, [99, none, none, none, none]);
    expect(failed.at(-1)).toBe("failed");
  });

  it("a level compares money as bigint", () => {
    const ether = 10n ** 18n;
    const money: Levels = { ...LEVELS, bad: "below", raiseAfter: 1, failed: undefined };
    const poor = { ...money, warn: { raise: 10n * ether, clear: 11n * ether } };
    expect(nextState(poor, FIRST_STATE, 10n * ether + 1n).health).toBe("ok");
    expect(nextState(poor, FIRST_STATE, 10n * ether).health).toBe("warn");
  });

  it("a level agrees with the plain rule: the last change decides, within the streak", () => {
    fc.assert(
      fc.property(levels, values, (all, seen) => {
        const states = run(all, seen);
        const bad = (value: number, bound: number) =>
          all.bad === "above" ? value >= bound : value <= bound;
        for (const name of ["warn", "failed"] as const) {
          const bound = all[name] as { raise: number; clear: number };
          const isGood = (value: number) =>
            (all.bad === "above" ? value <= bound.clear : value >= bound.clear) &&
            !bad(value, bound.raise);
          let on = false;
          let since = 0;
          for (let i = 0; i < seen.length; i++) {
            const needed = on ? all.clearAfter : all.raiseAfter;
            const last = seen.slice(Math.max(since, i + 1 - needed), i + 1);
            const speak = last.every((value) => (on ? isGood(value) : bad(value, bound.raise)));
            if (last.length === needed && speak) {
              on = !on;
              since = i + 1;
            }
            expect(states[i]?.[name].on).toBe(on);
          }
        }
      }),
    );
  });

  it("a level never changes within fewer probes than it needs, nor fails without a warn", () => {
    fc.assert(
      fc.property(levels, values, (all, seen) => {
        const states = run(all, seen);
        let last = { on: false, at: -1 };
        states.forEach(({ warn, failed }, i) => {
          if (warn.on !== last.on) {
            expect(i - last.at).toBeGreaterThanOrEqual(last.on ? all.clearAfter : all.raiseAfter);
            last = { on: warn.on, at: i };
          }
          expect(failed.on && !warn.on).toBe(false);
        });
      }),
    );
  });

  it("a level stays as it is while values lie between its bounds", () => {
    const between = fc.integer({ min: 51, max: 59 });
    fc.assert(
      fc.property(values, fc.array(between, { maxLength: 30 }), (before, after) => {
        const states = run(LEVELS, [...before, ...after]);
        const then = states[before.length - 1]?.warn.on ?? false;
        for (const { warn } of states.slice(before.length)) expect(warn.on).toBe(then);
      }),
    );
  });
});
