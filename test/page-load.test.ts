/**
 * A thousand updates a second do not freeze the page: the stream is a stand-in that sends as many
 * changes of the book, each a message of its own, and the page draws the last of them.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BusyStream, LAST_LOTS, startBusyStream } from "./support/browser/busyStream.ts";
import { openBrowser, visit } from "./support/browser/chromium.ts";
import { noteFrames, percentile, takeFrames } from "./support/browser/frames.ts";
import { goTo, ready } from "./support/browser/visitor.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const PER_SECOND = 1000;
const SECONDS = 5;

let exchange: TestExchange;
let browser: Browser;
let stream: BusyStream;

beforeAll(async () => {
  await ready();
  [exchange, browser] = await Promise.all([startExchange(), openBrowser()]);
  stream = await startBusyStream(exchange.url);
}, 240_000);
afterAll(async () => {
  await browser?.close();
  stream?.close();
  await exchange?.stop();
});

it("a thousand updates a second are drawn picture by picture, up to the last one", async () => {
  const { page, complaints } = await visit(browser);
  await page.goto(stream.url);
  await goTo(page, "Trade");
  const best = page.locator(".levels.bids tbody tr").first();
  await best.waitFor();
  await noteFrames(page);
  const running = stream.run(PER_SECOND, SECONDS);
  await best.getByText(`0.${LAST_LOTS}`).first().waitFor();
  await running;
  const times = await takeFrames(page);
  const at = (share: number) => Math.round(percentile(times, share));
  console.log(
    `frames under ${PER_SECOND} updates a second: ${times.length} in ${SECONDS} s, ` +
      `${at(0.5)} ms median, ${at(0.95)} ms 95th percentile, ${at(1)} ms longest`,
  );
  expect(stream.sent).toBe(PER_SECOND * SECONDS);
  // Frozen is a page that draws nothing in between: this one drew many times for each second.
  expect(times.length).toBeGreaterThan(SECONDS * 5);
  expect(complaints).toEqual([]);
});
