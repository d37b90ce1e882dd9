import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, it, vi } from "vitest";
import { toAddress } from "../base/address.ts";
import type { Alert } from "../watchtower/tower.ts";
import { TowerAlerts, towerWebhooks } from "./towerAlerts.ts";

const CLIENT = toAddress(`0x${"ad".repeat(20)}`);
const ALERT: Alert = { event: "failed", client: CLIENT, round: 7, detail: "<!channel> & more" };

const folder = mkdtempSync(join(tmpdir(), "quarterdeck-tower-alerts-"));
const file = join(folder, "alerts.jsonl");
let server: Server;
let at: string;
/** Answers that are never given, unless a test does. */
let silent: ServerResponse[];
let bodies: Map<string, Record<string, unknown>>;
beforeEach(async () => {
  bodies = new Map();
  silent = [];
  server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    bodies.set(request.url ?? "", JSON.parse(Buffer.concat(parts).toString()));
    if (request.url === "/silent") silent.push(response);
    else response.writeHead(request.url === "/gone" ? 410 : 200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

it("alerts have the form that each service takes, and none of their text is markup", async () => {
  const lines: object[] = [];
  const given = [
    `${at}/json`,
    ...["slack", "discord"].map((one) => ({ url: `${at}/${one}`, shape: one })),
  ];
  const alerts = new TowerAlerts(towerWebhooks.parse(given), (line) => lines.push(line), file);
  alerts.tell(ALERT);
  await alerts.close();
  const text = `Quarterdeck watchtower: failed ${CLIENT} in round 7: `;
  expect(bodies.get("/json")).toEqual({ text: `${text}<!channel> & more`, ...ALERT });
  expect(bodies.get("/slack")).toEqual({ text: `${text}&lt;!channel&gt; &amp; more` });
  expect(bodies.get("/discord")).toEqual({
    content: `${text}<!channel> & more`,
    allowed_mentions: { parse: [] },
  });
  expect(lines).toEqual([ALERT]);
});

it("a webhook that refuses an alert is told by its number, and its URL by nobody", async () => {
  const lines: object[] = [];
  const alerts = new TowerAlerts(
    towerWebhooks.parse([`${at}/gone`]),
    (line) => lines.push(line),
    file,
  );
  alerts.tell(ALERT);
  await alerts.close();
  expect(lines[1]).toMatchObject({ event: "webhookFailed", webhook: 0, outcome: "undelivered" });
  expect(JSON.stringify(lines)).not.toContain("gone");
});

it("an alert on its way is sent again by the next tower, and one that was taken is not", async () => {
  const lines: Record<string, unknown>[] = [];
  const start = (urls: string[]) =>
    new TowerAlerts(towerWebhooks.parse(urls), (line) => lines.push({ ...line }), file);
  const killed = start([`${at}/json`, `${at}/silent`]);
  killed.tell({ ...ALERT, event: "disputed" });
  await vi.waitFor(() => expect([...bodies.keys()].sort()).toEqual(["/json", "/silent"]));

  bodies.clear();
  const next = start([`${at}/json`, `${at}/slow`]);
  expect(lines.at(-1)).toEqual({ event: "alertsSentAgain", alerts: 1 });
  // It is on its way: what a new look finds again is not sent twice.
  next.tell({ ...ALERT, event: "disputed" });
  await next.close();
  expect([...bodies].map(([to, body]) => [to, body["event"] ?? body])).toEqual([
    ["/json", "disputed"],
    ["/slow", "disputed"],
  ]);
  expect(readFileSync(file, "utf8")).toBe("");

  bodies.clear();
  await start([`${at}/json`]).close();
  expect([...bodies]).toEqual([]);
  for (const response of silent) response.writeHead(410).end();
  await killed.close();
});
