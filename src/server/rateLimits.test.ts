import fc from "fast-check";
import { expect, it } from "vitest";
import { RateLimits, rateLimitHeaders, refusalOf } from "./rateLimits.ts";

const settings = { readsPerSecond: 10, placementsPerSecond: 5, cancelsPerSecond: 5 };

it("a limit never gives more than the burst and what has come since", () => {
  const requests = fc.array(
    fc.record({ laterMs: fc.nat(3000), weight: fc.integer({ min: 1, max: 12 }) }),
    { maxLength: 80 },
  );
  fc.assert(
    fc.property(requests, (all) => {
      let now = 0;
      const limits = new RateLimits(settings, () => now);
      const taken: { atMs: number; weight: number }[] = [];
      for (const { laterMs, weight } of all) {
        now += laterMs;
        const state = limits.take("place", "a", weight);
        if (state?.isAllowed) taken.push({ atMs: now, weight: Math.min(weight, 10) });
      }
      for (const [first, from] of taken.entries()) {
        let sum = 0;
        for (const { atMs, weight } of taken.slice(first)) {
          sum += weight;
          expect(sum).toBeLessThanOrEqual(10 + ((atMs - from.atMs) / 1000) * 5 + 1e-6);
        }
      }
    }),
  );
});

it("a limit says when to come again, and takes it then", () => {
  let now = 0;
  const limits = new RateLimits(settings, () => now);
  for (let i = 0; i < 10; i++) expect(limits.take("place", "a")?.isAllowed).toBe(true);
  const refused = limits.take("place", "a", 3);
  expect(refused).toMatchObject({ isAllowed: false, remaining: 0, waitMs: 600 });
  expect(refusalOf(refused)).toEqual({ code: "RateLimited", limitPerSecond: 5, retryAfterMs: 600 });
  now = 599;
  expect(limits.take("place", "a", 3)?.isAllowed).toBe(false);
  now = 600;
  expect(limits.take("place", "a", 3)?.isAllowed).toBe(true);
});

it("a limit of placing leaves cancelling and others alone", () => {
  const limits = new RateLimits(settings, () => 0);
  for (let i = 0; i < 100; i++) limits.take("place", "a");
  expect(limits.take("place", "a")?.isAllowed).toBe(false);
  expect(limits.take("cancel", "a")?.isAllowed).toBe(true);
  expect(limits.take("read", "a")?.isAllowed).toBe(true);
  expect(limits.take("place", "b")?.isAllowed).toBe(true);
});

it("the limits keep a bounded number of buckets, and none where there is no limit", () => {
  const limits = new RateLimits({ ...settings, readsPerSecond: 0 }, () => 0);
  for (let i = 0; i < 60_000; i++) limits.take("place", `${i}`);
  expect(limits.size).toBe(50_000);
  expect(limits.take("read", "a")).toBeUndefined();
  expect(refusalOf(undefined)).toBeUndefined();
});

it("the headers are written as in the draft", () => {
  const limits = new RateLimits(settings, () => 0);
  const state = limits.take("read", "a");
  if (state === undefined) throw new Error("no limit");
  expect(rateLimitHeaders(state)).toEqual({
    "ratelimit-policy": '"read";q=20;w=2',
    ratelimit: '"read";r=19;t=1',
  });
});
