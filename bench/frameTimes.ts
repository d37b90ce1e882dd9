/**
 * Pictures of the page's trade view while a thousand changes of the book come a second, in turns with
 * the same page left alone: milliseconds between pictures, and the main thread's work, all by the
 * browser's own clocks. `node bench/frameTimes.ts [turns]`
 */
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { CDPSession } from "playwright-core";
import { startBusyStream } from "../test/support/browser/busyStream.ts";
import { openBrowser, visit } from "../test/support/browser/chromium.ts";
import { noteFrames, percentile, takeFrames } from "../test/support/browser/frames.ts";
import { goTo } from "../test/support/browser/visitor.ts";
import { startExchange } from "../test/support/exchange/exchange.ts";
import { ensurePage } from "../tools/page/build.ts";
import { median } from "./measure.ts";

const PER_SECOND = 1000;
const SECONDS = 4;
/** Milliseconds in which what was told last is drawn, and no more. */
const SETTLE_MS = 500;
const MS = 1000;

interface Turn {
  readonly frames: readonly number[];
  /** Milliseconds of the main thread in a second: all of it, and the scripts alone. */
  readonly busyMs: number;
  readonly scriptMs: number;
}

const turns = Number(process.argv[2] ?? 5);
await ensurePage();
const [exchange, browser] = await Promise.all([startExchange(), openBrowser()]);
const stream = await startBusyStream(exchange.url);
const { page } = await visit(browser);
await page.goto(stream.url);
await goTo(page, "Trade");
await page.locator(".levels.bids tbody tr").first().waitFor();
const cdp = await page.context().newCDPSession(page);
await cdp.send("Performance.enable");
await noteFrames(page);

const idle: Turn[] = [];
const busy: Turn[] = [];
for (let turn = -1; turn < turns; turn++) {
  const alone = await measure(() => sleep(SECONDS * MS));
  const under = await measure(() => stream.run(PER_SECOND, SECONDS));
  if (turn < 0) continue;
  idle.push(alone);
  busy.push(under);
}
print();
await browser.close();
stream.close();
await exchange.stop();

async function measure(work: () => Promise<unknown>): Promise<Turn> {
  await sleep(SETTLE_MS);
  await takeFrames(page);
  const before = await metricsOf(cdp);
  await work();
  const after = await metricsOf(cdp);
  const frames = await takeFrames(page);
  const seconds = (after["Timestamp"] ?? 0) - (before["Timestamp"] ?? 0);
  const spent = (name: string) => (((after[name] ?? 0) - (before[name] ?? 0)) * MS) / seconds;
  return { frames, busyMs: spent("TaskDuration"), scriptMs: spent("ScriptDuration") };
}

async function metricsOf(session: CDPSession): Promise<Record<string, number>> {
  const { metrics } = await session.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

function print(): void {
  console.log("| | median ms | p95 ms | longest ms | main thread, ms/s | scripts, ms/s |");
  console.log("|---|--:|--:|--:|--:|--:|");
  for (const [what, side] of [
    ["left alone", idle],
    [`${PER_SECOND} updates a second`, busy],
  ] as const) {
    const frames = side.flatMap((turn) => turn.frames);
    const cells = [0.5, 0.95, 1].map((share) => percentile(frames, share).toFixed(1));
    const work = [(turn: Turn) => turn.busyMs, (turn: Turn) => turn.scriptMs].map((of) =>
      median(side.map(of)).toFixed(0),
    );
    console.log(`| ${what} | ${[...cells, ...work].join(" | ")} |`);
  }
  const more = median(busy.map(({ busyMs }, i) => busyMs - (idle[i] as Turn).busyMs));
  const load = loadavg().map((one) => one.toFixed(1));
  console.log(
    `\n${((more * MS) / PER_SECOND).toFixed(0)} µs of the main thread for an update; ` +
      `${turns} turns of ${SECONDS} s each, load ${load.join(", ")}`,
  );
}
