import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Fields, Log } from "../../base/log.ts";
import { parseConfig } from "../config/config.ts";
import { Alerts } from "./alerts.ts";
import { alertsSchema, type WebhookConfig } from "./alertsConfig.ts";
import type { Alert } from "./shapes.ts";
import { shutdownAlertOf, situationLines } from "./shutdownAlert.ts";
import { Webhook } from "./webhook.ts";

const MEDIATOR = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const SECRET = "hush-T0K3N";

interface Heard {
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** A real server; `answer` gives the status of the n-th request, or hangs on undefined. */
async function listen(answer: (n: number) => number | undefined, headers = {}) {
  const heard: Heard[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      heard.push({ body, headers: request.headers });
      const status = answer(heard.length);
      if (status !== undefined) response.writeHead(status, headers).end("said");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  closing.push(close);
  return { url: `http://127.0.0.1:${port}/services/${SECRET}`, heard, close };
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 5 }).toBe(true);
}

function start(webhooks: Partial<WebhookConfig>[], bounds = {}) {
  const lines: string[] = [];
  const say = (event: string, fields?: Fields) => {
    lines.push(JSON.stringify({ event, ...fields }));
  };
  const log: Log = { info: say, warn: say, error: say, flush: async () => {} };
  const alerts = new Alerts({
    webhooks: webhooks.map((one) => ({ shape: "json", leastSeverity: "warn", url: "", ...one })),
    mediator: MEDIATOR,
    log,
    pauseMs: 1,
    ...bounds,
  });
  const outcomes: string[] = [];
  alerts.observe((outcome) => outcomes.push(outcome));
  return { alerts, lines, outcomes };
}

function alert(severity: Alert["severity"], id = "disk.storage"): Alert {
  return { id, severity, detail: "3 <MiB> free & falling", hint: "Add room." };
}

describe("alerts to webhooks", () => {
  it("alerts tell each change once, raised and cleared", async () => {
    const { url, heard } = await listen(() => 200);
    const { alerts } = start([{ url }]);
    for (const severity of ["warn", "warn", "failed", "failed", "ok", "ok"] as const) {
      alerts.tell(alert(severity));
    }
    await alerts.close();
    const bodies = heard.map(({ body }) => JSON.parse(body));
    expect(bodies.map(({ state, severity }) => [state, severity])).toEqual([
      ["raised", "warn"],
      ["raised", "failed"],
      ["cleared", "ok"],
    ]);
    expect(bodies[0]).toMatchObject({ version: 1, id: "disk.storage", hint: "Add room." });
    expect(bodies[0].source.mediator).toBe(MEDIATOR);
    expect(heard[0]?.headers["content-type"]).toBe("application/json");
  });

  it("alerts reach a webhook only for the severities that it wants, and their end", async () => {
    const { url, heard } = await listen(() => 204);
    const { alerts } = start([{ url, leastSeverity: "failed" }]);
    for (const severity of ["warn", "ok", "failed", "warn", "ok"] as const) {
      alerts.tell(alert(severity));
    }
    await alerts.close();
    expect(heard.map(({ body }) => JSON.parse(body).severity)).toEqual(["failed", "ok"]);
  });

  it("an alert is written as Slack reads it", async () => {
    const { url, heard } = await listen(() => 200);
    const { alerts } = start([{ url, shape: "slack" }]);
    alerts.tell(alert("failed"));
    await alerts.close();
    const body = JSON.parse(heard[0]?.body as string);
    expect(body.text).toMatch(
      /^FAILED: disk\.storage .*\n3 &lt;MiB&gt; free &amp; falling\nAdd room\.$/,
    );
    expect(body.blocks).toEqual([{ type: "section", text: { type: "mrkdwn", text: body.text } }]);
  });

  it("an alert is written as Discord reads it, and calls nobody there", async () => {
    const { url, heard } = await listen(() => 200);
    const { alerts } = start([{ url, shape: "discord" }]);
    alerts.tell({ ...alert("warn"), detail: "@everyone ".repeat(1000) });
    await alerts.close();
    const body = JSON.parse(heard[0]?.body as string);
    expect(body.content).toMatch(/^WARNING: disk\.storage/);
    expect(body.allowed_mentions).toEqual({ parse: [] });
    expect(body.embeds[0].description.length).toBeLessThan(2000);
  });

  it("alerts are tried again within bounds, and then given up", async () => {
    const passing = await listen((n) => (n < 3 ? 503 : 200));
    const { alerts, outcomes } = start([{ url: passing.url }]);
    alerts.tell(alert("warn"));
    await alerts.close();
    expect(passing.heard).toHaveLength(3);
    expect(outcomes).toEqual(["delivered"]);

    const dead = await listen(() => 500);
    const other = start([{ url: dead.url }]);
    other.alerts.tell(alert("warn"));
    await until(() => other.outcomes.length === 1);
    expect(other.outcomes).toEqual(["undelivered"]);
    expect(dead.heard).toHaveLength(6);
  });

  it("alerts do not repeat what was refused for good", async () => {
    const { url, heard } = await listen(() => 404);
    const { alerts, lines } = start([{ url }]);
    alerts.tell(alert("warn"));
    await alerts.close();
    expect(heard).toHaveLength(1);
    expect(lines.join()).toContain("it answers 404");
  });

  it("alerts never log an address, whatever goes wrong", async () => {
    const gone = await listen(() => 200);
    gone.close();
    const moved = await listen(() => 302, { location: "http://127.0.0.1:1/elsewhere" });
    const broken = await listen(() => 500);
    const urls = [gone.url, moved.url, broken.url, `http://no-such-host.invalid/${SECRET}`];
    const { alerts, lines, outcomes } = start(urls.map((url) => ({ url })));
    alerts.tell(alert("failed"));
    await until(() => outcomes.length === urls.length);
    expect(outcomes).toEqual(urls.map(() => "undelivered"));
    expect(lines).toHaveLength(urls.length);
    for (const line of lines) {
      expect(line).not.toContain(SECRET);
      expect(line).not.toContain("127.0.0.1");
    }
  });

  it("an alert delays neither the node nor other webhooks where one webhook hangs", async () => {
    const hanging = await listen(() => undefined);
    const well = await listen(() => 200);
    const { alerts, outcomes } = start([{ url: hanging.url }, { url: well.url }], {
      timeoutMs: 60_000,
    });
    for (let i = 0; i < 200; i++) alerts.tell(alert("warn", `check ${i}`));
    await until(() => well.heard.length >= 64);
    expect(hanging.heard.length).toBe(1);
    // What did not fit into the queue of the one that hangs was dropped.
    expect(outcomes.filter((one) => one === "dropped").length).toBeGreaterThan(100);
    await alerts.close(50);
  });

  it("alerts keep the newest when the queue is full", async () => {
    const { url, heard } = await listen(() => 200);
    const outcomes: string[] = [];
    const bounds = { timeoutMs: 60_000, maxTries: 1, pauseMs: 1, maxWaiting: 2 };
    const webhook = new Webhook({ url, ...bounds, onOutcome: (one) => outcomes.push(one) });
    for (const body of ["1", "2", "3", "4"]) webhook.post(body);
    await webhook.close(5000);
    expect(heard.map(({ body }) => body)).toEqual(["3", "4"]);
    expect(outcomes.filter((one) => one === "dropped")).toHaveLength(2);
  });

  it("a shutdown alert passes a queue that is stuck, and does not wait for the dead", async () => {
    const stuck = await listen((n) => (n === 1 ? undefined : 200));
    const dead = await listen(() => undefined);
    const { alerts } = start([{ url: stuck.url, leastSeverity: "failed" }, { url: dead.url }], {
      timeoutMs: 60_000,
    });
    alerts.tell(alert("failed"));
    await until(() => stuck.heard.length === 1);
    const error = new Error("the disk is gone");
    await alerts.shutdownAlert(shutdownAlertOf(error, undefined), 3000);
    expect(JSON.parse(stuck.heard[1]?.body as string)).toMatchObject({
      id: "operatorStopped",
      severity: "failed",
      detail: "the disk is gone",
    });
  });
});

describe("a shutdown alert", () => {
  const situation = {
    head: 100,
    block: 88,
    sinceBlock: 90,
    nextDuty: {
      id: { kind: "commit", round: 3 },
      deadlineBlock: 140,
      blocksLeft: 40,
      blocksNeeded: 1,
      inTime: true,
    },
    haltBlock: 141,
  } as const;

  it("a shutdown alert says since when, how long is left, and what to check", () => {
    const words = shutdownAlertOf(new Error("boom"), situation);
    expect(words.fields).toEqual({
      head: 100,
      block: 88,
      sinceBlock: 90,
      nextDuty: "commit of round 3",
      deadlineBlock: 140,
      blocksLeft: 40,
      haltBlock: 141,
      blocksUntilHalt: 41,
    });
    expect(words.hint).toMatch(/log/);
    expect(situationLines(situation)).toContain("  blocksLeft: 40");
    expect(situationLines(undefined)).toEqual([]);
  });
});

describe("the alerts' configuration", () => {
  it("the alerts' configuration is a list of webhooks, and keeps a wrong URL to itself", () => {
    const good = [{ url: "https://hooks.example/x", shape: "slack" }];
    expect(alertsSchema.parse(good)).toEqual([{ ...good[0], leastSeverity: "warn" }]);
    const token = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";
    const bad = {
      rpc: ["http://127.0.0.1:8545"],
      mediator: MEDIATOR,
      markets: [{ base: MEDIATOR, quote: token, lot: "1", tick: "1" }],
      alerts: [{ url: `ftp://${SECRET}`, shape: "slack" }],
    };
    const parse = () => parseConfig(bad, {}, "quarterdeck.json");
    expect(parse).toThrow(/alerts\.0\.url/);
    expect(parse).not.toThrow(SECRET);
  });
});
