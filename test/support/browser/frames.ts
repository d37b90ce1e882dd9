/** How long the pictures of a page take, as the page itself sees it. */
import type { Page } from "./chromium.ts";

interface Measured {
  frameTimes: number[];
}

/** Begins to note the milliseconds between pictures; `takeFrames` gives them. */
export async function noteFrames(page: Page): Promise<void> {
  await page.evaluate(() => {
    const kept = globalThis as unknown as Measured;
    kept.frameTimes = [];
    let last = performance.now();
    const measure = (now: number) => {
      kept.frameTimes.push(now - last);
      last = now;
      requestAnimationFrame(measure);
    };
    requestAnimationFrame(measure);
  });
}

/** The milliseconds between pictures since the last call. */
export async function takeFrames(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const kept = globalThis as unknown as Measured;
    return kept.frameTimes.splice(0);
  });
}

/** `share`: 0.5 is the median. Milliseconds. */
export function percentile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}
