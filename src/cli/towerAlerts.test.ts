import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { toAddress } from "../base/address.ts";
import type { Alert } from "../watchtower/tower.ts";
import { TowerAlerts, towerWebhooks } from "./towerAlerts.ts";

const CLIENT = toAddress(`0x${"ad".repeat(20)}`);
const ALERT: Alert = { event: "failed", client: CLIENT, round: 7, detail: "<!channel> & more" };

let server: Server;
let at: string;
let bodies: Map<string, Record<string, unknown>>;
beforeEach(async () => {
  bodies = new Map();
  server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    bodies.set(request.url ?? "", JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(request.url === "/gone" ? 410 : 200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => server.close());

it("alerts have the form that each service takes, and none of their text is markup", async () => {
  const lines: object[] = [];
  const given = [
    `${at}/json`,
    ...["slack", "discord"].map((one) => ({ url: `${at}/${one}`, shape: one })),
  ];
  const alerts = new TowerAlerts(towerWebhooks.parse(given), (line) => lines.push(line));
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
  const alerts = new TowerAlerts(towerWebhooks.parse([`${at}/gone`]), (line) => lines.push(line));
  alerts.tell(ALERT);
  await alerts.close();
  expect(lines[1]).toMatchObject({ event: "webhookFailed", webhook: 0, outcome: "undelivered" });
  expect(JSON.stringify(lines)).not.toContain("gone");
});
