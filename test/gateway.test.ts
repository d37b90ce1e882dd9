/** The gateway as bots in other languages use it: plain requests, and one WebSocket. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../src/gateway/gateway.ts";
import { KEY_VARIABLE } from "../src/operator/config/config.ts";
import { startCli } from "./support/exchange/cli.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const SYMBOL = "WETH/USDC";
const TOKEN = "a token of the test";
let exchange: TestExchange;
let gateway: Gateway;
let open: Gateway;
beforeAll(async () => {
  exchange = await startExchange();
  const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
  await ada.deposit("WETH", "10");
  await bob.deposit("USDC", "50000");
  await exchange.settle();
  gateway = await startGateway({ client: ada, port: 0, token: TOKEN });
  open = await startGateway({ client: bob, port: 0, token: undefined });
});
afterAll(async () => {
  await gateway.close();
  await open.close();
  await exchange.stop();
});

/** What any language's HTTP library does. */
async function call(of: Gateway, method: string, args: object = {}) {
  const response = await fetch(`${of.url}/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(args),
  });
  const { result, error } = (await response.json()) as Record<string, never>;
  return { status: response.status, result, error };
}

const order = { symbol: SYMBOL, type: "limit", side: "sell", amount: 1, price: 3000 };

it("a bot reads and trades over HTTP, without signing", async () => {
  const placed = await call(gateway, "createOrder", { ...order, params: { clientOrderId: "a" } });
  expect(placed).toMatchObject({
    status: 200,
    result: {
      symbol: SYMBOL,
      side: "sell",
      price: "3000",
      amount: "1",
      filled: "0",
      remaining: "1",
      status: "open",
      clientOrderId: "a",
      average: null,
    },
  });
  const { result: bought } = await call(open, "createOrder", {
    ...order,
    type: "market",
    side: "buy",
    amount: "0.25",
    price: "3010",
  });
  expect(bought).toMatchObject({ status: "closed", average: "3000", cost: "750" });
  const { result: balance } = await call(gateway, "fetchBalance");
  expect(balance).toMatchObject({
    WETH: { free: "9", used: "0.75", total: "9.75" },
    free: { WETH: "9", USDC: "750" },
  });
  const query = new URLSearchParams({ symbol: SYMBOL, limit: "5" });
  const read = await fetch(`${open.url}/fetchOrderBook?${query}`);
  expect(await read.json()).toMatchObject({ result: { asks: [["3000", "0.75"]], bids: [] } });
  const { result: trades } = await call(open, "fetchMyTrades", { symbol: SYMBOL });
  expect(trades).toMatchObject([{ takerOrMaker: "taker", price: "3000", amount: "0.25" }]);
  const { result: gone } = await call(gateway, "cancelAllOrders");
  expect(gone).toMatchObject([{ status: "canceled", remaining: "0.75" }]);
  const { result: many } = await call(gateway, "createOrders", {
    orders: [order, { ...order, amount: 1000 }],
  });
  expect(many).toMatchObject([{ status: "open" }, { error: { type: "InsufficientFunds" } }]);
  await call(gateway, "cancelAllOrders");
});

it("an error says what went wrong, and whether it is worth another try", async () => {
  for (const [method, args, type] of [
    ["createOrder", { ...order, amount: 1000 }, "InsufficientFunds"],
    ["createOrder", { ...order, side: "BUY" }, "InvalidOrder"],
    ["createOrder", { ...order, params: { stopPrice: 1 } }, "NotSupported"],
    ["createOrder", { ...order, prise: 1 }, "BadRequest"],
    ["cancelOrder", { id: "0-5" }, "OrderNotFound"],
    ["fetchTicker", { symbol: "X/Y" }, "BadSymbol"],
    ["fetchTicker", [SYMBOL], "BadRequest"],
    ["constructor", {}, "NotSupported"],
  ] as const) {
    const { status, error } = await call(gateway, method, args);
    expect([method, status, error]).toEqual([
      method,
      400,
      expect.objectContaining({ type, retry: false }),
    ]);
  }
  const headers = { authorization: `Bearer ${TOKEN}` };
  const broken = await fetch(`${gateway.url}/fetchTicker`, { method: "POST", headers, body: "{" });
  expect(broken.status).toBe(400);
  const changed = await fetch(`${gateway.url}/cancelAllOrders`, { headers });
  expect(changed.status).toBe(400);
  expect((await call(gateway, "fetchOpenOrders")).result).toEqual([]);
});

it("a bot watches and trades over one WebSocket", async () => {
  const socket = new WebSocket(`${open.url.replace("http", "ws")}/stream`);
  onTestFinished(() => socket.close());
  const told: Record<string, unknown>[] = [];
  socket.addEventListener("message", ({ data }) => void told.push(JSON.parse(String(data))));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const send = (request: object) => socket.send(JSON.stringify(request));
  const of = (id: unknown) => told.filter((one) => one["id"] === id);
  const watched = (id: unknown) => told.filter((one) => one["watch"] === id);
  send({ id: "book", method: "watchOrderBook", args: { symbol: SYMBOL } });
  send({ id: "own", method: "watchOrders" });
  await expect.poll(() => watched("book").length).toBe(1);
  send({ id: 3, method: "createOrder", args: { ...order, side: "buy", price: 2900 } });
  await expect.poll(() => of(3)).toMatchObject([{ result: { status: "open" } }]);
  await expect
    .poll(() => watched("book").at(-1))
    .toMatchObject({ result: { bids: [["2900", "1"]] } });
  const { id } = (of(3)[0] as { result: { id: string } }).result;
  send({ id: 4, method: "cancelOrder", args: { id } });
  const isCancelled = expect.objectContaining({ id, status: "canceled" });
  await expect.poll(() => watched("own").at(-1)).toMatchObject({ result: [isCancelled] });
  send({ id: 5, method: "unwatch", args: { watch: "book" } });
  await expect.poll(() => of(5)).toMatchObject([{ result: { watch: "book" } }]);
  const before = watched("book").length;
  send({ id: 6, method: "createOrder", args: { ...order, side: "buy", price: 2901 } });
  send({ id: 7, method: "cancelAllOrders" });
  await expect.poll(() => of(7)).toHaveLength(1);
  expect(watched("book")).toHaveLength(before);
  send({ id: 8, method: "watchTicker", args: { symbol: "X/Y" } });
  await expect.poll(() => watched(8)).toMatchObject([{ error: { type: "BadSymbol" } }]);
  socket.send("nonsense");
  await expect.poll(() => of(null)).toMatchObject([{ error: { type: "BadRequest" } }]);
});

describe("nobody else", () => {
  /** The status of a request with these headers, which fetch would not let through. */
  const ask = (of: Gateway, headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const asked = httpRequest(`${of.url}/fetchBalance`, { method: "POST", headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on("error", reject);
      asked.end("{}");
    });

  it.each([
    ["without the token", () => ask(gateway, {}), 401],
    ["with another token", () => ask(gateway, { authorization: `Bearer ${TOKEN}x` }), 401],
    [
      "from a page, with the token",
      () => ask(gateway, { authorization: `Bearer ${TOKEN}`, origin: "http://evil.example" }),
      403,
    ],
    ["from a page", () => ask(open, { origin: "http://127.0.0.1" }), 403],
    ["by a name that leads here", () => ask(open, { host: "evil.example" }), 403],
    ["by a loopback address", () => ask(open, { host: "localhost:1" }), 200],
  ])("a request is judged by how it comes: %s", async (_how, asked, status) => {
    expect(await asked()).toBe(status);
  });

  it("nobody opens a WebSocket without the token", async () => {
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/stream`);
    const ended = await new Promise((resolve) => {
      socket.addEventListener("open", () => resolve("open"));
      socket.addEventListener("error", () => resolve("refused"));
    });
    expect(ended).toBe("refused");
  });

  it("no gateway listens beyond this machine without a token", async () => {
    const client = await exchange.client(2);
    const started = startGateway({ client, host: "0.0.0.0", port: 0, token: undefined });
    await expect(started).rejects.toMatchObject({ code: "TokenNeeded" });
  });
});

it("the command makes a token for its owner's eyes, and serves until it is stopped", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [config, tokenFile] = [join(folder, "trader.json"), join(folder, "token")];
  const { anvil, mediator, url } = exchange;
  writeFileSync(
    config,
    JSON.stringify({
      rpc: [anvil.url],
      mediator,
      operators: [url],
      evidence: join(folder, "evidence.jsonl"),
    }),
  );
  const options = ["--config", config, "--port", "0", "--token-file", tokenFile, "--json"];
  const started = startCli(["gateway", ...options], { [KEY_VARIABLE]: anvil.keys[2] as string });
  onTestFinished(() => void started.kill("SIGKILL"));
  let said = "";
  started.stdout?.on("data", (data) => {
    said += String(data);
  });
  await expect.poll(() => said).toContain("}");
  const { url: where, address } = JSON.parse(said) as { url: string; address: string };
  expect(address).toBe(anvil.addresses[2]);
  expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
  const token = readFileSync(tokenFile, "utf8").trim();
  const headers = { authorization: `Bearer ${token}` };
  const asked = await fetch(`${where}/fetchBalance`, { method: "POST", headers, body: "{}" });
  expect(await asked.json()).toMatchObject({ result: { WETH: { total: "9.75" } } });
  expect((await fetch(`${where}/fetchBalance`, { method: "POST" })).status).toBe(401);
  const ended = new Promise((resolve) => started.once("exit", resolve));
  started.kill("SIGTERM");
  expect(await ended).toBe(0);
});
