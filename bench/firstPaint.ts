/**
 * The page's first picture with data, in a real browser: each visitor has an empty cache, and in
 * turns with it a bare HTML page of the same server is opened. Prints medians, their ratio, and the
 * load of the machine. `node bench/firstPaint.ts [loads]`
 */
import type { AddressInfo } from "node:net";
import { loadavg } from "node:os";
import type { Browser } from "playwright-core";
import { buildHttp } from "../src/server/http.ts";
import { serveStream } from "../src/server/stream.ts";
import { openBrowser, type Page, visit } from "../test/support/browser/chromium.ts";
import { startExchange } from "../test/support/exchange/exchange.ts";
import { ensurePage } from "../tools/page/build.ts";
import { median } from "./measure.ts";

/** What the first picture must show: the blocks that are left of the round's quarter. */
const DATA = "blocks? left";
const BARE = "12 blocks left";
const SLOWEST_MS = 30_000;

interface Load {
  /** Milliseconds from the request to the first picture that has the data. */
  readonly data: number;
  /** Milliseconds to the browser's own first contentful paint. */
  readonly contentful: number;
  /** Milliseconds until the stream has begun; NaN: the page has none. */
  readonly live: number;
}

const loads = Number(process.argv[2] ?? 9);
await ensurePage();
const exchange = await startExchange();
const browser = await openBrowser();
const app = buildHttp(exchange.operator.api, undefined, exchange.config.page);
app.get("/bare", (_, reply) => {
  const html = `<!doctype html><title>Bare</title><p>${BARE}</p>`;
  reply.type("text/html; charset=utf-8").header("cache-control", "no-cache").send(html);
});
await app.listen({ host: "127.0.0.1", port: 0 });
const stream = serveStream(app.server, exchange.operator.api);
const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

const page: Load[] = [];
const bare: Load[] = [];
// The first of each does not count: the browser itself is warm afterwards, as a visitor's is.
for (let run = -1; run < loads; run++) {
  const before = await open(browser, `${url}/bare`, false);
  const after = await open(browser, url, true);
  if (run < 0) continue;
  bare.push(before);
  page.push(after);
}
print();
await browser.close();
await stream.close();
await app.close();
await exchange.stop();

/** A visitor of its own, with an empty cache. */
async function open(of: Browser, address: string, isPage: boolean): Promise<Load> {
  const { page: tab } = await visit(of);
  await tab.addInitScript(watchFor, DATA);
  await tab.goto(address, { waitUntil: "commit" });
  const data = await readFirst(tab, "dataSeen");
  const live = isPage ? await readFirst(tab, "liveSeen") : Number.NaN;
  const contentful = await tab.evaluate(() => {
    return performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN;
  });
  await tab.context().close();
  return { data, contentful, live };
}

/** Runs in the page: notes the first picture with the data, and the first that is live. */
function watchFor(words: string): void {
  const seen = globalThis as unknown as { dataSeen?: number; liveSeen?: number };
  const pattern = new RegExp(words);
  const look = () => {
    // The task after a frame's callbacks: the picture is drawn by then.
    const { port1, port2 } = new MessageChannel();
    const hasData = pattern.test(document.body?.innerText ?? "");
    const isLive = document.querySelector(".live-dot[data-state=live]") !== null;
    port1.onmessage = () => {
      if (hasData) seen.dataSeen ??= performance.now();
      if (isLive) seen.liveSeen ??= performance.now();
    };
    port2.postMessage(undefined);
    if (seen.liveSeen === undefined) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

async function readFirst(tab: Page, name: "dataSeen" | "liveSeen"): Promise<number> {
  const read = (key: string) => (globalThis as unknown as Record<string, number>)[key];
  const found = await tab.waitForFunction(read, name, { timeout: SLOWEST_MS });
  return (await found.jsonValue()) as number;
}

function print(): void {
  const row = (what: string, values: readonly number[]) => {
    const text = [median(values), Math.min(...values), Math.max(...values)].map(Math.round);
    console.log(`| ${what} | ${text.join(" | ")} |`);
  };
  const ratio = median(page.map(({ data }, i) => data / (bare[i] as Load).data));
  const load = loadavg().map((one) => one.toFixed(1));
  console.log("| ms | median | fastest | slowest |\n|---|--:|--:|--:|");
  const of = (side: readonly Load[], name: keyof Load) => side.map((one) => one[name]);
  row("bare page", of(bare, "data"));
  row("first picture with data", of(page, "data"));
  row("first contentful paint, by the browser", of(page, "contentful"));
  row("live, by the stream", of(page, "live"));
  console.log(`\n${ratio.toFixed(2)} times a bare page, ${loads} loads, load ${load.join(", ")}`);
}
