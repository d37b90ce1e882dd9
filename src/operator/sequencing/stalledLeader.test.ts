import { expect, test } from "vitest";
import { StalledLeader } from "./stalledLeader.ts";

const LEASE_MS = 100;
const LONG = 20 * LEASE_MS;

test("a leader that takes no block while four passed is found out, after twenty leases", () => {
  const stalled = new StalledLeader(LEASE_MS);
  expect(stalled.poll(1, { head: 50, taken: 48 }, 0)).toBe(false);
  expect(stalled.poll(1, { head: 51, taken: 48 }, 0)).toBe(false);
  expect(stalled.poll(1, { head: 53, taken: 48 }, LONG)).toBe(false);
  expect(stalled.poll(1, { head: 54, taken: 48 }, LONG - 1)).toBe(false);
  expect(stalled.poll(1, { head: 54, taken: 48 }, LONG)).toBe(true);
});

test("each block that it takes, and each new leader, begins the time anew", () => {
  const stalled = new StalledLeader(LEASE_MS);
  stalled.poll(1, { head: 50, taken: undefined }, 0);
  expect(stalled.poll(1, { head: 60, taken: 48 }, LONG)).toBe(false);
  expect(stalled.poll(2, { head: 70, taken: 48 }, 2 * LONG)).toBe(false);
  expect(stalled.poll(2, { head: 71, taken: 48 }, 2 * LONG)).toBe(false);
  expect(stalled.poll(2, { head: 73, taken: 48 }, 3 * LONG)).toBe(false);
  expect(stalled.poll(2, { head: 74, taken: 48 }, 3 * LONG)).toBe(true);
});

test("a leader that was long idle has its time when blocks come in a burst", () => {
  const stalled = new StalledLeader(LEASE_MS);
  expect(stalled.poll(1, { head: 50, taken: 48 }, 0)).toBe(false);
  expect(stalled.poll(1, { head: 50, taken: 48 }, 9 * LONG)).toBe(false);
  expect(stalled.poll(1, { head: 60, taken: 48 }, 9 * LONG + 1)).toBe(false);
  expect(stalled.poll(1, { head: 70, taken: 48 }, 10 * LONG)).toBe(false);
  expect(stalled.poll(1, { head: 70, taken: 48 }, 10 * LONG + 1)).toBe(true);
});
