/** Work that is held back is done once, and what was asked last is never lost. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { atMostEvery } from "./frames.ts";

describe("work at most every so often", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("the first call works at once, and any number of calls after it once more, later", () => {
    let done = 0;
    const call = atMostEvery(50, () => {
      done += 1;
    });
    for (let i = 0; i < 20; i++) call();
    expect(done).toBe(1);
    vi.advanceTimersByTime(49);
    expect(done).toBe(1);
    vi.advanceTimersByTime(1);
    expect(done).toBe(2);
    vi.advanceTimersByTime(500);
    expect(done).toBe(2);
  });

  it("a call after a pause works at once", () => {
    let done = 0;
    const call = atMostEvery(50, () => {
      done += 1;
    });
    call();
    vi.advanceTimersByTime(50);
    call();
    expect(done).toBe(2);
  });
});
