import { describe, expect, test } from "vitest";
import type { Log } from "../../base/log.ts";
import { StorageFailure } from "../../journal/errors.ts";
import { Outage } from "./outage.ts";

function outage() {
  const told: [string, object][] = [];
  const write = (event: string, fields: object = {}) => told.push([event, fields]);
  const clock = { now: 0 };
  const log = { info: write, warn: write } as unknown as Log;
  return { told, clock, state: new Outage({ log, silenceMs: 1500, now: () => clock.now }) };
}

const unreachable = () => new StorageFailure("DatabaseUnreachable", "postgres://db", "No answer");
const unwritable = () => new StorageFailure("DatabaseUnwritable", "postgres://db", "No writes");

describe("an outage of the database", () => {
  test("an outage is reported once with a hint, however many questions fail, and its end", () => {
    const { told, clock, state } = outage();
    for (let i = 0; i < 100; i++) {
      clock.now = i * 150;
      expect(state.add(unreachable())).toBe(clock.now);
    }
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject(["sharedJournalLost", { hint: unreachable().hint }]);
    state.end();
    state.end();
    expect(told.slice(1)).toEqual([["sharedJournalBack", { silentMs: 14_850 }]]);
    state.add(unreachable());
    expect(told).toHaveLength(3);
  });

  test("an outage is reported again when its cause changes", () => {
    const { told, state } = outage();
    for (const problem of [unreachable(), unwritable(), unwritable()]) state.add(problem);
    expect(told.map(([event]) => event)).toEqual(["sharedJournalLost", "sharedJournalLost"]);
  });

  test("an outage is a problem from the first failure on, and until an answer", () => {
    const { clock, state } = outage();
    expect(state.problem).toBeUndefined();
    state.add(unreachable());
    clock.now = 2000;
    expect(state.problem).toContain("No answer: postgres://db.");
    expect(state.problem).toContain("Since 2.0 s.");
    state.end();
    expect(state.problem).toBeUndefined();
  });

  test("an outage is a problem also while a question stays unanswered", () => {
    const { clock, state } = outage();
    clock.now = 1500;
    expect(state.problem).toBeUndefined();
    clock.now = 1501;
    expect(state.problem).toBe("The database has not answered for 1.5 s.");
  });
});
