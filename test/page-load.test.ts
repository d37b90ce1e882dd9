/**
 * A thousand updates a second do not freeze the page: the stream is a stand-in that sends as many
 * changes of the book, each a message of its own, and the page draws the last of them.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { openBrowser, visit } from "./support/browser/chromium.ts";
import { goTo, ready } from "./support/browser/visitor.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const PER_SECOND = 1000;
const SECONDS = 5;
const TICK_MS = 20;
const MIDDLE = 3_000_000;
const LEVELS = 40;

let exchange: TestExchange;
let browser: Browser;
let server: Server;
let sent = 0;
let sockets: WebSocketServer;
let url: string;

beforeAll(async () => {
  await ready();
  [exchange, browser] = await Promise.all([startExchange(), openBrowser()]);
  server = createServer((request, response) => void pass(request, response));
  sockets = new WebSocketServer({ server, path: "/v1/stream" });
  sockets.on("connection", (socket) =>
    socket.on("message", (text) => answer(socket, String(text))),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 240_000);
afterAll(async () => {
  await browser?.close();
  for (const socket of sockets.clients) socket.terminate();
  server.close();
  await exchange?.stop();
});

/** Everything but the stream is the operator's own. */
async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answered = await fetch(`${exchange.url}${request.url}`);
  const headers = Object.fromEntries(answered.headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding"])
    delete headers[name];
  response.writeHead(answered.status, headers);
  response.end(Buffer.from(await answered.arrayBuffer()));
}

function answer(socket: WebSocket, text: string): void {
  const { channel } = JSON.parse(text);
  if (channel?.name !== "book") return;
  const key = `book:${channel.base}/${channel.quote}`;
  const say = (type: string, sequence: number, data: object) =>
    socket.send(
      JSON.stringify({
        kind: "bookUpdate",
        channel: key,
        type,
        sequence,
        data,
        previous: type === "snapshot" ? null : sequence - 1,
      }),
    );
  const level = (price: number, size: number) => ({
    price: `${price}`,
    amount: `${size}000000000000000`,
  });
  const side = (step: number) =>
    Array.from({ length: LEVELS }, (_, i) => level(MIDDLE + step * (i + 1) * 10, 1 + i));
  say("snapshot", 0, { bids: side(-1), asks: side(1) });
  const total = PER_SECOND * SECONDS;
  const timer = setInterval(() => {
    for (let i = 0; i < (PER_SECOND * TICK_MS) / 1000 && sent < total; i++) {
      sent += 1;
      const price = MIDDLE - 10 * (1 + (sent % LEVELS));
      say("update", sent, { bids: [level(price, 1 + (sent % 900))], asks: [] });
    }
    if (sent < total) return;
    clearInterval(timer);
    // The last word, by which the page shows that it has read all before.
    say("update", total + 1, { bids: [level(MIDDLE - 10, 777)], asks: [] });
  }, TICK_MS);
}

it("a thousand updates a second are drawn picture by picture, up to the last one", async () => {
  const { page, complaints } = await visit(browser);
  await page.goto(url);
  await page.evaluate(() => {
    const times: number[] = [];
    let last = performance.now();
    const measure = (now: number) => {
      times.push(now - last);
      last = now;
      requestAnimationFrame(measure);
    };
    requestAnimationFrame(measure);
    Object.assign(globalThis, { frameTimes: times });
  });
  await goTo(page, "Trade");
  await page.locator(".levels.bids tbody tr").first().getByText("0.777").first().waitFor();
  const times = await page.evaluate(
    () => (globalThis as unknown as { readonly frameTimes: number[] }).frameTimes,
  );
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  console.log(
    `frames under ${PER_SECOND} updates a second: ${times.length} in ${SECONDS} s, ` +
      `${at(0.5)} ms median, ${at(0.95)} ms 95th percentile, ${at(1)} ms longest`,
  );
  expect(sent).toBe(PER_SECOND * SECONDS);
  // Frozen is a page that draws nothing in between: this one drew many times for each second.
  expect(times.length).toBeGreaterThan(SECONDS * 5);
  expect(complaints).toEqual([]);
});
