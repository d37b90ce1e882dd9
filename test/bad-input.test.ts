/** Bad input over HTTP and WebSocket: a clear answer that names the field, and nothing is lost. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { nobleCurve } from "../src/base/curve.ts";
import { hexToBytes } from "../src/base/hex.ts";
import { RefusedByOperator } from "../src/client/api.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { hashCancelOrder, hashOrder } from "../src/protocol/messages.ts";
import { signMessage } from "../src/protocol/signatures.ts";
import type { Order } from "../src/protocol/units.ts";
import { toJson } from "../src/wire/schemas/values.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";

let exchange: TestExchange;
let ada: ExchangeClient;
beforeAll(async () => {
  exchange = await startExchange();
  ada = await exchange.client(0);
  await ada.deposit("WETH", "10");
  await exchange.settle();
});
afterAll(async () => {
  // Whatever was thrown at it, the operator still works.
  expect(exchange.operator.api.notReady()).toBeUndefined();
  await exchange.stop();
});

async function post(path: string, body: string) {
  const response = await fetch(exchange.url + path, { method: "POST", body });
  const answer = (await response.json()) as {
    error: { code: string; act: string; message: string };
  };
  return { status: response.status, ...answer.error };
}

function sellOrder(changes: Partial<Order> = {}): Order {
  return {
    owner: ada.address,
    round: 0,
    id: 77n,
    sellToken: exchange.weth,
    sellAmount: 10n ** 15n,
    buyToken: exchange.usdc,
    buyAmount: 3_000_000n,
    intent: "sellAll",
    ...changes,
  };
}

function signed(order: Order, key = 2) {
  const { domain } = ada.constants;
  const privateKey = hexToBytes(exchange.anvil.keys[key] as `0x${string}`);
  return { order, signature: signMessage(nobleCurve, domain, hashOrder(order), privateKey) };
}

describe("orders over HTTP", () => {
  it.each([
    ["", /body: It is no JSON/],
    ["{", /body: It is no JSON/],
    ["null", /body: /],
    ['{"order":{}}', /body\.order\.owner: /],
  ])("the body %j is refused, and what is wrong is named", async (body, message) => {
    const answer = await post("/v1/orders", body);
    expect(answer).toMatchObject({ status: 400, code: "BadInput", act: "caller" });
    expect(answer.message).toMatch(message);
  });

  it.each([
    ["owner", "0x12", /body\.order\.owner: /],
    ["owner", "0x3c44CdDdB6a900fa2b585dd299e03d12FA4293BC", /body\.order\.owner: .*0x3C44CdDdB6/],
    ["round", -1, /body\.order\.round: /],
    ["round", 1.5, /body\.order\.round: /],
    ["id", 7, /body\.order\.id: /],
    ["id", (2n ** 64n).toString(), /body\.order\.id: .*uint64/],
    ["sellAmount", "1e18", /body\.order\.sellAmount: .*decimal string/],
    ["sellAmount", "-1", /body\.order\.sellAmount: /],
    ["sellAmount", (2n ** 128n).toString(), /body\.order\.sellAmount: .*uint128/],
    ["intent", "buy", /body\.order\.intent: /],
    ["colour", "red", /colour/],
  ])("an order is refused with %s = %j, and the field is named", async (field, value, message) => {
    const json = JSON.parse(toJson(signed(sellOrder())));
    json.order[field] = value;
    const answer = await post("/v1/orders", JSON.stringify(json));
    expect(answer).toMatchObject({ status: 400, code: "BadInput" });
    expect(answer.message).toMatch(message);
  });

  it.each([
    ["BadSignature", () => signed(sellOrder(), 3)],
    ["OrderRoundClosed", () => signed(sellOrder({ round: 5 }))],
    ["MisalignedAmount", () => signed(sellOrder({ sellAmount: 10n ** 15n + 1n }))],
    [
      "UnknownMarket",
      () => signed(sellOrder({ sellToken: exchange.weth, buyToken: exchange.weth })),
    ],
    ["UnknownToken", () => signed(sellOrder({ buyToken: ada.address }))],
    ["InvalidOrder", () => signed(sellOrder({ sellAmount: 0n }))],
    ["InvalidOrder", () => signed(sellOrder({ intent: "buyAll" }))],
    [
      "InsufficientFunds",
      () => signed(sellOrder({ sellAmount: 11n * 10n ** 18n, buyAmount: 33_000_000_000n })),
    ],
  ])("an order is refused with %s, and told what would be right", async (code, make) => {
    const answer = await post("/v1/orders", toJson(make()));
    const expected = code === "UnknownMarket" ? "InvalidOrder" : code;
    expect(answer).toMatchObject({ status: 422, code: expected });
    expect(answer.message.length).toBeGreaterThan(30);
    const kept = await exchange.operator.api.orders(ada.address, 0);
    expect(kept).toEqual({ ok: true, value: [] });
  });

  it("an order signed for another exchange is refused", async () => {
    const order = sellOrder();
    const domain = { ...ada.constants.domain, chainId: 1 };
    const key = hexToBytes(exchange.anvil.keys[2] as `0x${string}`);
    const signature = signMessage(nobleCurve, domain, hashOrder(order), key);
    const refused = await post("/v1/orders", toJson({ order, signature }));
    expect(refused.code).toBe("BadSignature");
    // Which was the slip is told, as far as it is a usual one.
    expect(refused.message).toMatch(/signed a domain with chainId 1: write that of \/v1\/exchange/);
  });

  it("an order is taken once, and nobody but its owner can cancel it", async () => {
    const bob = await exchange.client(1);
    const placed = await ada.createOrder({
      market: "WETH/USDC",
      side: "sell",
      price: "3000",
      amount: "0.001",
    });
    const again = (await ada.evidence.orders(0)).find((one) => one.orderHash === placed.orderHash);
    if (again === undefined) throw new Error("no evidence was kept");
    const tooMuch = { ...again.signed.order, sellAmount: 2n * 10n ** 15n, buyAmount: 6_000_000n };
    const another = await post("/v1/orders", toJson(signed(tooMuch)));
    expect(another).toMatchObject({ status: 409, code: "DuplicateOrderId" });

    const cancel = { owner: ada.address, round: 0, id: placed.id };
    const key = hexToBytes(exchange.anvil.keys[3] as `0x${string}`);
    const hash = hashCancelOrder(cancel);
    const signature = signMessage(nobleCurve, bob.constants.domain, hash, key);
    const stolen = await post("/v1/orders/cancel", toJson({ cancel, signature }));
    expect(stolen).toMatchObject({ status: 422, code: "BadSignature" });
    expect((await ada.cancelOrder(placed)).state).toBe("cancelled");
    await expect(ada.cancelOrder(placed)).rejects.toBeInstanceOf(RefusedByOperator);
  });

  it("a body that is too large is refused", async () => {
    const answer = await post("/v1/orders", JSON.stringify({ order: "x".repeat(100_000) }));
    expect(answer).toMatchObject({ status: 400, code: "BadInput" });
  });
});

describe("reads over HTTP", () => {
  const get = async (path: string, authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await fetch(exchange.url + path, { headers });
    const { error } = (await response.json()) as { error?: { code: string; message: string } };
    return { status: response.status, ...error };
  };

  it.each([
    ["/v1/nowhere", 404, "NotFound"],
    ["/v1/orders", 404, "NotFound"],
    ["/v1/clients/0x12/balances", 400, "BadInput"],
    ["/v1/markets/a/b/book", 400, "BadInput"],
  ])("a read is answered: %s with %i %s", async (path, status, code) => {
    expect(await get(path)).toMatchObject({ status, code });
  });

  it("a client's affairs are shown to nobody else", async () => {
    const path = `/v1/clients/${ada.address}/balances`;
    expect(await get(path)).toMatchObject({ status: 401, code: "Unauthorized" });
    expect(await get(path, "Bearer abc")).toMatchObject({ status: 401 });
    const bob = await exchange.client(1);
    expect(await get(path, await bob.session())).toMatchObject({ status: 401 });
    const [, , until, r, vs] = (await bob.session()).split(" ");
    const forged = `Quarterdeck ${ada.address} ${until} ${r} ${vs}`;
    expect(await get(path, forged)).toMatchObject({ status: 401, code: "Unauthorized" });
    expect(await get(path, await ada.session())).toEqual({ status: 200 });
  });

  it("a depth that is no number is refused, and the field named", async () => {
    const path = `/v1/markets/${exchange.weth}/${exchange.usdc}/book`;
    const answer = await get(`${path}?depth=many`);
    expect(answer).toMatchObject({ status: 400, code: "BadInput" });
    expect(answer.message).toMatch(/^query\.depth: /);
    expect(await get(path)).toEqual({ status: 200 });
  });
});

describe("the stream", () => {
  async function conversation(messages: readonly string[], answers: number) {
    const socket = new WebSocket(`${exchange.url.replace("http", "ws")}/v1/stream`);
    const heard: { kind: string; error?: { code: string; message: string } }[] = [];
    await new Promise((resolve) => socket.once("open", resolve));
    const done = new Promise<void>((resolve) => {
      socket.on("message", (data) => {
        heard.push(JSON.parse(String(data)));
        if (heard.length >= answers) resolve();
      });
    });
    for (const message of messages) socket.send(message);
    await done;
    socket.close();
    return heard;
  }

  it("the stream answers what it cannot read, and goes on", async () => {
    const heard = await conversation(
      ["{", '{"kind":"dance"}', '{"kind":"subscribeClock","x":1}', '{"kind":"subscribeClock"}'],
      5,
    );
    expect(heard.slice(0, 3).map(({ error }) => error?.code)).toEqual([
      "BadInput",
      "BadInput",
      "BadInput",
    ]);
    expect(heard.slice(3).map(({ kind }) => kind)).toEqual(["subscribed", "clock"]);
  });

  it("the stream shows a client's orders to nobody else", async () => {
    const bob = await exchange.client(1);
    const request = { kind: "subscribeClient", client: ada.address, session: await bob.session() };
    const [answer] = await conversation([JSON.stringify(request)], 1);
    expect(answer?.error?.code).toBe("Unauthorized");
  });

  it("the stream tells a client of its own orders and a market of its trades", async () => {
    const bob = await exchange.client(1);
    await bob.deposit("USDC", "3000");
    await exchange.settle();
    const market = { base: exchange.weth, quote: exchange.usdc };
    const socket = new WebSocket(`${exchange.url.replace("http", "ws")}/v1/stream`);
    const kinds: string[] = [];
    socket.on("message", (data) => kinds.push(JSON.parse(String(data)).kind));
    await new Promise((resolve) => socket.once("open", resolve));
    const session = await ada.session();
    socket.send(JSON.stringify({ kind: "subscribeMarket", market }));
    socket.send(JSON.stringify({ kind: "subscribeClient", client: ada.address, session }));
    const heard = (kind: string) => kinds.filter((one) => one === kind).length;
    await until("both channels are open", () => heard("subscribed") === 2);
    const order = { market: "WETH/USDC", price: "3000", amount: "0.001" };
    await ada.createOrder({ ...order, side: "sell" });
    await bob.createOrder({ ...order, side: "buy" });
    // Her order when it rests and when it is filled, not his.
    await until("all events are here", () => heard("order") === 2 && heard("trade") === 1);
    socket.close();
    expect(kinds).toEqual(["subscribed", "subscribed", "order", "trade", "order"]);
  });
});
