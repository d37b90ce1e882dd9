/**
 * When a value is a warning, and when it has failed: a pure state machine with hysteresis. A level
 * is entered after several polls in a row beyond its `raise`, and left after several in a row on
 * the good side of its `clear`; between the two nothing changes, so that it does not flap.
 */

/** Worst last. */
export const HEALTHS = ["ok", "warn", "failed"] as const;
export type Health = (typeof HEALTHS)[number];

/** Money is compared as bigint, everything else as a number; one check uses one of the two. */
export type CheckValue = number | bigint;

export interface Bound {
  /** Reached or passed: bad. */
  readonly raise: CheckValue;
  /** Reached or passed the other way: good again. On the good side of `raise`, or equal to it. */
  readonly clear: CheckValue;
}

export interface Levels {
  /** True where values above the bounds are bad; false where values below are. */
  readonly bad: "above" | "below";
  readonly warn: Bound | undefined;
  /** Beyond `warn`. */
  readonly failed: Bound | undefined;
  /** Probes in a row, at least 1. */
  readonly raiseAfter: number;
  readonly clearAfter: number;
}

interface Latch {
  readonly on: boolean;
  /** Probes in a row that speak for a change. */
  readonly streak: number;
}

export interface LevelState {
  readonly health: Health;
  readonly warn: Latch;
  readonly failed: Latch;
  /** True while the value cannot be read: by itself a warning. */
  readonly blind: Latch;
}

const OFF: Latch = { on: false, streak: 0 };
export const FIRST_STATE: LevelState = { health: "ok", warn: OFF, failed: OFF, blind: OFF };
/** A value that cannot be read once or twice says nothing: endpoints hiccup. */
const BLIND_AFTER = 3;

/** The state after one more probe. `value` is undefined when it could not be read. */
export function nextState(
  levels: Levels,
  state: LevelState,
  value: CheckValue | undefined,
): LevelState {
  const blind = nextBlind(state.blind, value === undefined);
  const warn = value === undefined ? state.warn : nextLatch(levels, levels.warn, state.warn, value);
  const failed =
    value === undefined ? state.failed : nextLatch(levels, levels.failed, state.failed, value);
  const health = failed.on ? "failed" : warn.on || blind.on ? "warn" : "ok";
  return { health, warn, failed, blind };
}

function nextLatch(
  levels: Levels,
  bound: Bound | undefined,
  latch: Latch,
  value: CheckValue,
): Latch {
  if (bound === undefined) return OFF;
  const { bad, raiseAfter, clearAfter } = levels;
  const isBad = bad === "above" ? value >= bound.raise : value <= bound.raise;
  const isGood = bad === "above" ? value <= bound.clear : value >= bound.clear;
  // Where both bounds are one value, reaching it is bad.
  const changes = latch.on ? isGood && !isBad : isBad;
  return counted(latch, changes, latch.on ? clearAfter : raiseAfter);
}

function nextBlind(latch: Latch, unread: boolean): Latch {
  return counted(latch, latch.on !== unread, latch.on ? 1 : BLIND_AFTER);
}

function counted(latch: Latch, changes: boolean, needed: number): Latch {
  if (!changes) return { on: latch.on, streak: 0 };
  const streak = latch.streak + 1;
  return streak >= needed ? { on: !latch.on, streak: 0 } : { on: latch.on, streak };
}
