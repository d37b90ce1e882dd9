/** Those faults of the reference operator that only a process of its own can show. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { ExchangeClient } from "../src/client/client.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { STREAM_PATH } from "../src/wire/stream.ts";
import { until } from "./support/exchange/exchange.ts";
import type { OperatorProcess } from "./support/exchange/operatorProcess.ts";
import { type ProcessExchange, startProcessExchange } from "./support/exchange/processExchange.ts";

let exchange: ProcessExchange;
let operator: OperatorProcess;
let clients: ExchangeClient[];
beforeAll(async () => {
  exchange = await startProcessExchange();
  operator = await exchange.launch();
  clients = [];
  for (let i = 0; i < 5; i++) clients.push(await exchange.client(i));
});
afterAll(() => exchange.stop());

/** Sends bytes as they are, and waits until the other side has had enough of them. */
function sendRaw(bytes: string | Uint8Array): Promise<void> {
  const { hostname, port } = new URL(exchange.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.end(bytes));
    // What it answers to this is its own affair; that it lives on is ours.
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.on("close", () => resolve());
  });
}

async function statusOf(path: string, init: RequestInit = {}): Promise<number> {
  const answer = await fetch(exchange.url + path, init);
  await answer.text();
  return answer.status;
}

describe("`GET /orders` without an owner, and whatever else is malformed, does not end it", () => {
  const someone = `0x${"ab".repeat(20)}`;

  it.each([
    ["/orders", 404],
    ["/v1/orders", 404],
    ["/v1/orders?owner=", 404],
    ["/v1/clients//orders", 400],
    ["/v1/clients/undefined/orders", 400],
    ["/v1/clients/null/balances", 400],
    [`/v1/clients/${someone}/orders?round=-1`, 400],
    [`/v1/clients/${someone}/orders?round=1&round=2`, 400],
    [`/v1/clients/${someone}/orders?__proto__[x]=1`, 400],
    ["/v1/clients/__proto__/orders", 400],
    [`/v1/clients/${someone}/proofs/99999999999999999999`, 400],
    [`/v1/clients/${someone}/proofs/1e3`, 400],
    ["/v1/clients/%E0%A4%A/orders", 400],
    [`/v1/${"x".repeat(5000)}`, 404],
  ])("GET %s: %i", async (path, status) => {
    expect(await statusOf(path)).toBe(status);
  });

  it.each([
    ["no body", undefined],
    ["an empty one", ""],
    ["a list", "[]"],
    ["a number", "1"],
    ["deep nesting", `${"[".repeat(20_000)}`],
    ["a prototype", '{"__proto__":{"order":1},"constructor":1}'],
    ["a lone surrogate", '{"order":"\ud800"}'],
  ])("POST of %s: 400", async (_, body) => {
    for (const path of ["/v1/orders", "/v1/orders/cancel"]) {
      const how = { method: "POST", ...(body !== undefined && { body }) };
      expect(await statusOf(path, how), path).toBe(400);
    }
  });

  it("bytes that are no HTTP, headers, or stream messages do not stop the operator", async () => {
    await sendRaw(new Uint8Array(1000).fill(0xff));
    await sendRaw("GET /v1/clock HTTP/9.9\r\n\r\n");
    await sendRaw("POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    await sendRaw(
      "POST /v1/orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    );
    for (const authorization of [
      "",
      "Quarterdeck",
      "Quarterdeck a b c d",
      `Quarterdeck ${someone}`,
    ]) {
      const status = await statusOf(`/v1/clients/${someone}/orders`, {
        headers: { authorization },
      });
      expect([400, 401]).toContain(status);
    }
    const socket = new WebSocket(`${exchange.url.replace("http", "ws")}${STREAM_PATH}`);
    const answers: string[] = [];
    socket.on("message", (data) => answers.push(String(data)));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await new Promise((resolve) => socket.once("open", resolve));
    const words = ["", "null", "{}", '{"kind":"subscribeClient"}', '{"kind":{"kind":1}}', "\0"];
    for (const word of words) socket.send(word);
    socket.send(new Uint8Array([0xc3, 0x28]));
    await until("each is answered", () => answers.length === words.length + 1);
    socket.send("x".repeat(200_000));
    await closed;

    expect(await statusOf("/health/ready")).toBe(200);
    expect(operator.complaint()).toBe("");
  });
});

describe("the order of leaves does not depend on the machine", () => {
  /** Each as a machine elsewhere would have it. */
  const PLACES: readonly Readonly<Record<string, string>>[] = [
    { LC_ALL: "C", LANG: "C", TZ: "UTC" },
    { LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8", TZ: "Pacific/Kiritimati" },
    { LC_ALL: "sv_SE.UTF-8", LANG: "sv_SE.UTF-8", TZ: "America/St_Johns" },
    { LC_ALL: "ar_EG.UTF-8", LANG: "ar_EG.UTF-8", TZ: "Asia/Kathmandu" },
  ];

  it("the order of leaves depends on no language or zone: each proof is at its place", async () => {
    const { anvil, schedule, reader } = exchange;
    // First deposits in this order, which is that of no sort.
    const order = [3, 0, 4, 1, 2];
    for (const i of order) await (clients[i] as ExchangeClient).deposit("WETH", `${i + 1}`);
    for (const [n, environment] of PLACES.entries()) {
      await operator.kill("SIGKILL");
      operator = await exchange.launch({}, { environment });
      const round = n + 1;
      await anvil.mineTo(firstBlockOf(schedule, round) + 2);
      await until("the round is committed", async () => {
        return (await reader.clock()).committedRound === round;
      });
      for (const [leaf, i] of order.entries()) {
        const client = clients[i] as ExchangeClient;
        expect((await client.audit(round)).faults, JSON.stringify(environment)).toEqual([]);
        const proof = await client.provenBalance(exchange.weth, round);
        expect(proof).toMatchObject({ index: leaf, balance: BigInt(i + 1) * 10n ** 18n });
      }
    }
    // The balances stayed, so the trees must be the same to the bit, wherever they were built.
    const commitments = await Promise.all(
      PLACES.map((_, n) => reader.commitment(n + 1, exchange.weth)),
    );
    expect(new Set(commitments).size).toBe(1);
    expect(commitments[0]).toBeDefined();
  });
});
