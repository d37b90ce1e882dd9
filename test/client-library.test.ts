/** The client library on a real exchange: operators that lie, tries that repeat, first days. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { nobleCurve } from "../src/base/curve.ts";
import { type Hex, hexToBytes } from "../src/base/hex.ts";
import { OperatorUnreachable } from "../src/client/api.ts";
import { type ClientOptions, ExchangeClient } from "../src/client/client.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { digest, hashOrder } from "../src/protocol/messages.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { encodeSignature, lowS, signMessage, toRsv } from "../src/protocol/signatures.ts";
import type { Order } from "../src/protocol/units.ts";
import { toJson } from "../src/wire/schemas/values.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";
import { startHttpProxy } from "./support/faults/proxy.ts";

const UNREADABLE = "TokenUnreadable";

let exchange: TestExchange;
let ada: ExchangeClient;
let lies: Lies;
beforeAll(async () => {
  exchange = await startExchange();
  ada = await exchange.client(0);
  await exchange.client(1);
  lies = await startLies(exchange.url);
  await ada.waitForCredit(await settled(ada.deposit("WETH", "10")));
  await ada.waitForCredit(await settled(ada.deposit("USDC", "50000")));
});
afterAll(async () => {
  lies?.server.close();
  await exchange?.stop();
});

/** What was sent is final for the operator afterwards. */
async function settled<T>(sent: Promise<T>): Promise<T> {
  const done = await sent;
  await exchange.settle();
  return done;
}

interface Lies {
  readonly server: Server;
  readonly url: string;
  /** Paths of writes that came. */
  readonly written: string[];
  /** Changes what the operator answers to a path. */
  tell: (path: string, answer: never) => unknown;
  /** Whether answers to writes are lost. */
  isLosing: boolean;
}

/** Stands before a real operator and changes what it says. */
async function startLies(target: string): Promise<Lies> {
  const server = createServer((request, response) => {
    const { method = "GET", url: path = "/", headers } = request;
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", async () => {
      if (method === "POST") told.written.push(path);
      const { authorization = "" } = headers;
      const sent = method === "POST" ? { body } : {};
      const answered = await fetch(target + path, { method, headers: { authorization }, ...sent });
      const said = (await answered.json()) as never;
      if (told.isLosing && method === "POST") return response.destroy();
      response.statusCode = answered.status;
      response.setHeader("content-type", "application/json");
      return response.end(JSON.stringify(answered.ok ? told.tell(path, said) : said));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const told: Lies = {
    server,
    written: [],
    isLosing: false,
    tell: (_path, answer) => answer,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
  return told;
}

function join(options: Partial<ClientOptions> = {}): Promise<ExchangeClient> {
  return ExchangeClient.join({
    operator: lies.url,
    rpc: exchange.anvil.url,
    mediator: exchange.mediator,
    signer: exchange.anvil.keys[2] as Hex,
    evidence: new MemoryEvidence(),
    pollMs: 15,
    retryTimeoutMs: 0,
    ...options,
  });
}

const REQUEST = { market: "WETH/USDC", side: "buy", price: "100", amount: "1" } as const;

describe("an operator that lies", () => {
  const inExchange = (change: (said: ExchangeShown) => object) => (path: string, said: never) =>
    path === "/v1/exchange" ? { ...(said as object), ...change(said) } : said;
  interface ExchangeShown {
    readonly markets: { name: string; base: string; quote: string; lot: string; tick: string }[];
    readonly tokens: { token: string; symbol: string; decimals: number }[];
  }

  it("an operator with false decimals is not joined: orders would sell for 1/1000", async () => {
    lies.tell = inExchange(({ tokens }) => ({
      tokens: tokens.map((one) => (one.symbol === "WETH" ? { ...one, decimals: 15 } : one)),
    }));
    await expect(join()).rejects.toMatchObject({ code: "NotThisExchange" });
  });

  it.each<[string, (said: ExchangeShown) => object]>([
    [
      "symbols, which it swaps",
      ({ tokens: [one, other] }) => ({
        tokens: [
          { ...one, symbol: other?.symbol },
          { ...other, symbol: one?.symbol },
        ],
      }),
    ],
    ["tokens, of which it tells none", () => ({ tokens: [] })],
    [
      "a market's name",
      ({ markets }) => ({ markets: markets.map((one) => ({ ...one, name: "A/B" })) }),
    ],
    [
      "lot and tick",
      ({ markets }) => ({
        markets: markets.map((one) => ({ ...one, lot: "1000000000000", tick: "1" })),
      }),
    ],
  ])("an operator that lies about %s gets nothing else signed", async (_what, change) => {
    lies.tell = inExchange(change);
    const evidence = new MemoryEvidence();
    const client = await join({ evidence });
    await client.createOrder(REQUEST).catch(() => {});
    const [kept] = await evidence.orders(0);
    expect(kept?.signed.order).toMatchObject({
      sellToken: exchange.usdc,
      sellAmount: 100_000_000n,
      buyToken: exchange.weth,
      buyAmount: 10n ** 18n,
      intent: "buyAll",
    });
  });

  it("an operator that lies about a pair gets no order for the other way round", async () => {
    lies.tell = inExchange(({ markets }) => ({
      markets: markets.map((one) => ({
        ...one,
        base: one.quote,
        quote: one.base,
        lot: "1000",
        tick: "1000000",
      })),
    }));
    const client = await join();
    const order = client.createOrder(REQUEST);
    await expect(order).rejects.toMatchObject({ code: "BadInput", field: "market" });
    expect(client.markets()).toEqual([{ market: "USDC/WETH", lot: "0.001", tick: "0.000000001" }]);
  });

  it("an operator that lies about lots is found by a pin, and where they were learnt", async () => {
    lies.tell = (_path, said) => said;
    const client = await join({ markets: ada.markets() });
    expect(client.markets()).toEqual([{ market: "WETH/USDC", lot: "0.001", tick: "0.01" }]);
    lies.tell = inExchange(({ markets }) => ({
      markets: markets.map((one) => ({ ...one, tick: "1" })),
    }));
    await expect(join({ markets: ada.markets() })).rejects.toMatchObject({ code: "MarketChanged" });
    await expect(client.fetchExchange()).rejects.toMatchObject({ code: "MarketChanged" });
    // It was told when it joined, and says so when its orders are refused for it.
    const late = await join();
    lies.tell = (_path, said) => said;
    const fine = late.createOrder({ ...REQUEST, price: "100.001" });
    await expect(fine).rejects.toMatchObject({ code: "MarketChanged" });
  });

  it("an operator that lies about time gets no order for a far round or long session", async () => {
    lies.tell = (path, said) =>
      path === "/v1/clock" ? { ...(said as object), round: 9, chainHead: 10 ** 9 } : said;
    const evidence = new MemoryEvidence();
    const client = await join({ evidence });
    await expect(client.createOrder(REQUEST)).rejects.toMatchObject({ code: "RoundDisputed" });
    expect(await evidence.orders(9)).toEqual([]);
    const [, , until] = (await client.session()).split(" ");
    expect(Number(until)).toBeLessThan((await exchange.anvil.blockNumber()) + 2000);
  });

  it("an operator that lies about an order, by showing another, has answered nothing", async () => {
    lies.tell = (path, said) =>
      path === "/v1/orders" ? { ...(said as object), orderHash: `0x${"ab".repeat(32)}` } : said;
    const client = await join();
    const order = client.createOrder(REQUEST);
    await expect(order).rejects.toThrow(/another order/);
    lies.tell = (_path, said) => said;
    const error = await order.catch((failure: unknown) => failure);
    const { signedOrder, mayHaveArrived } = error as OperatorUnreachable;
    expect(mayHaveArrived).toBe(true);
    expect(await client.placeOrder(signedOrder as never)).toMatchObject({ state: "open" });
  });
});

describe("what is done again", () => {
  it("an order whose answer was lost is in the error, and counts once", async () => {
    lies.isLosing = true;
    const client = await join();
    const error = await client.createOrder(REQUEST).catch((failure: unknown) => failure);
    lies.isLosing = false;
    expect(error).toBeInstanceOf(OperatorUnreachable);
    const { signedOrder } = error as OperatorUnreachable;
    expect(signedOrder).toBeDefined();
    const before = await client.fetchOrders(0);
    const placed = await client.placeOrder(signedOrder as never);
    expect(placed.state).toBe("open");
    expect(await client.fetchOrders(0)).toEqual(before);
  });

  async function post(body: string): Promise<{ status: number; answer: Record<string, unknown> }> {
    const response = await fetch(`${exchange.url}/v1/orders`, { method: "POST", body });
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  }
  const key = () => hexToBytes(exchange.anvil.keys[2] as Hex);
  const sell = (id: bigint, changes: Partial<Order> = {}): Order => ({
    owner: ada.address,
    round: 0,
    id,
    sellToken: exchange.weth,
    sellAmount: 10n ** 15n,
    buyToken: exchange.usdc,
    buyAmount: 5_000_000n,
    intent: "sellAll" as const,
    ...changes,
  });
  const sign = (order: Order) => {
    const { domain } = ada.constants;
    return { order, signature: signMessage(nobleCurve, domain, hashOrder(order), key()) };
  };

  it("the same order, in whichever form it is signed, is one order with one answer", async () => {
    const one = sign(sell(500n));
    const first = await post(toJson(one));
    const before = exchange.operator.api.balances(ada.address);
    const ecdsa = nobleCurve.sign(digest(ada.constants.domain, hashOrder(one.order)), key());
    const { r, vs } = encodeSignature(lowS(ecdsa));
    for (const signature of [one.signature, { r, vs }, toRsv(one.signature)]) {
      const again = await post(toJson({ order: one.order, signature }));
      expect(again).toEqual({
        status: 200,
        answer: { ...first.answer, asOf: again.answer["asOf"] },
      });
    }
    expect(exchange.operator.api.balances(ada.address)).toMatchObject(
      before.map(({ token, locked, total }) => ({ token, locked, total })),
    );
    const both = await Promise.all(Array.from({ length: 8 }, () => post(toJson(sign(sell(501n))))));
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200]));
    const other = await post(toJson(sign(sell(500n, { buyAmount: 6_000_000n }))));
    expect(other).toMatchObject({ status: 409, answer: { error: { code: "DuplicateOrderId" } } });
  });

  it("an order stays that order once it was cancelled, executed, or its round ended", async () => {
    await ada.cancelOrder({ round: 0, id: 500n });
    expect((await post(toJson(sign(sell(500n))))).answer).toMatchObject({ state: "cancelled" });
    // Nobody can have it answered who could not have placed it.
    const stranger = hexToBytes(exchange.anvil.keys[3] as Hex);
    const stolen = signMessage(nobleCurve, ada.constants.domain, hashOrder(sell(500n)), stranger);
    expect((await post(toJson({ order: sell(500n), signature: stolen }))).status).toBe(422);
    const bob = await exchange.client(1);
    await settled(bob.deposit("USDC", "100"));
    await bob.createOrder({ market: "WETH/USDC", side: "buy", price: "5000", amount: "0.001" });
    const filled = await post(toJson(sign(sell(501n))));
    expect(filled).toMatchObject({
      status: 200,
      answer: { state: "filled", sold: String(10n ** 15n) },
    });
    expect(await bob.fetchTrades("WETH/USDC")).toMatchObject([
      { priceText: "5000", amountText: "0.001" },
    ]);
    expect((await post(toJson(sign(sell(502n, { buyAmount: 9_000_000n }))))).status).toBe(200);
    const [ask] = (await bob.fetchOrderBook("WETH/USDC")).asks;
    expect(ask).toMatchObject({ priceText: "9000", amountText: "0.001" });
  });
});

describe("a first day", () => {
  it("an audit in the round of the deposit has no faults, and says what is to come", async () => {
    const cleo = await exchange.client(2);
    await settled(cleo.deposit("USDC", "1000"));
    expect(await cleo.audit()).toMatchObject({ round: 0, faults: [] });
    await exchange.toQuarter(1, 1);
    const dan = await exchange.client(3);
    await settled(dan.deposit("USDC", "1000"));
    const early = await dan.audit();
    expect(early).toMatchObject({ round: 1, faults: [] });
    expect(early.pending).toHaveLength(2);
    for (const one of early.pending)
      expect(one).toMatchObject({ kind: "noLeafYet", provableFrom: 2 });
    expect((await dan.audit(2)).pending.map(({ kind }) => kind)).toEqual([
      "notDueYet",
      "notDueYet",
    ]);
    expect(await cleo.audit()).toMatchObject({ faults: [], pending: [] });
  });

  it("an order placed before its round ended is answered after it", async () => {
    const order = { ...REQUEST, round: 0, id: 9n };
    const { signed } = (await ada.evidence.orders(0)).at(0) ?? {};
    expect(signed).toBeUndefined();
    await expect(ada.createOrder(order)).rejects.toMatchObject({ code: "OrderRoundClosed" });
    const shown = (await ada.fetchOrders(0)).find(({ id }) => id === 502n);
    expect(shown?.state).toBe("expired");
  });

  it("an order that meets the end of its round is signed anew for the next", async () => {
    lies.tell = (path, said) =>
      path === "/v1/clock" && !hasLied ? { ...(said as object), round: 0 } : said;
    let hasLied = false;
    const evidence = new MemoryEvidence();
    const client = await join({ evidence });
    const tell = lies.tell;
    lies.tell = (path, said) => {
      const told = tell(path, said);
      if (path === "/v1/clock") hasLied = true;
      return told;
    };
    const placed = await client.createOrder(REQUEST);
    lies.tell = (_path, said) => said;
    expect(placed).toMatchObject({ round: 1, state: "open" });
    expect(await evidence.orders(0)).toHaveLength(1);
    const again = client.createOrder({ ...REQUEST, round: 0 });
    await expect(again).rejects.toMatchObject({ code: "OrderRoundClosed" });
  });

  it("an audit that comes too late says so, and finds no faults", async () => {
    const [cleo, dan] = await Promise.all([exchange.client(2), exchange.client(3)]);
    await exchange.toQuarter(6, 1);
    for (const client of [ada, cleo, dan]) {
      for (const round of [1, 2, 3, 4, 5, 6]) {
        expect((await client.audit(round)).faults, `round ${round}`).toEqual([]);
      }
    }
    expect((await cleo.audit(1)).pending.map(({ kind }) => kind)).toEqual(["tooLate", "tooLate"]);
    expect(firstBlockOf(exchange.schedule, 6)).toBeLessThan(await exchange.anvil.blockNumber());
  });
});

describe("tokens that cannot be read", () => {
  const limited = { error: { code: -32005, message: "daily request count exceeded" } };
  const garbled = { result: `0x${"5a".repeat(32)}` };

  it.each([
    ["a rate limit in the status", 429, "RpcUnavailable"],
    ["a rate limit in the answer", limited, "RpcUnavailable"],
    ["a token that reverts", { error: { code: 3, message: "execution reverted" } }, UNREADABLE],
    [
      "a token that uses up all gas",
      { error: { code: -32000, message: "out of gas" } },
      UNREADABLE,
    ],
    ["a token without such views", { result: "0x" }, UNREADABLE],
    ["a token that answers in another form", garbled, UNREADABLE],
  ])("a join is told of %s", async (_what, answer, code) => {
    const proxy = await startHttpProxy(exchange.anvil.url, async ({ method, params }, forward) => {
      const { to } = (params[0] ?? {}) as { to?: string };
      const isOfToken = method === "eth_call" && to?.toLowerCase() === exchange.usdc.toLowerCase();
      return isOfToken ? answer : forward();
    });
    onTestFinished(() => proxy.stop());
    const joining = join({ operator: exchange.url, rpc: proxy.url });
    await expect(joining).rejects.toMatchObject({ code });
  });
});

describe("deposits", () => {
  it("a deposit of more than is held is told shortly, before the approval is paid", async () => {
    const nonce = () =>
      exchange.anvil.client.getTransactionCount({ address: ada.address as never });
    const before = await nonce();
    const error = await ada.deposit("USDC", "5000000").catch((failure: Error) => failure);
    expect(error).toMatchObject({ code: "InsufficientTokens" });
    expect((error as Error).message).toMatch(/holds: 950000\. Send it USDC, or deposit less\.$/);
    expect(await nonce()).toBe(before);
  });

  it("a deposit with a key goes in once, whoever repeats it; another is refused", async () => {
    const held = () => exchange.balanceOf(exchange.usdc, exchange.mediator);
    const before = await held();
    const first = await ada.deposit("USDC", "7", { key: "monday" });
    const elsewhere = await join({ operator: exchange.url });
    const again = await elsewhere.deposit("USDC", "7", { key: "monday" });
    expect(again).toMatchObject({ transactionHash: first.transactionHash, wasThere: true });
    const other = elsewhere.deposit("USDC", "8", { key: "monday" });
    await expect(other).rejects.toMatchObject({ code: "BadInput", field: "key" });
    const both = [1, 2].map(() => ada.deposit("USDC", "5", { key: "tuesday" }));
    expect(new Set((await Promise.all(both)).map((one) => one.transactionHash)).size).toBe(1);
    expect((await held()) - before).toBe(12_000_000n);
    // Without a key, two deposits are two.
    await ada.deposit("USDC", "3");
    await ada.deposit("USDC", "3");
    expect((await held()) - before).toBe(18_000_000n);
  });

  it("a deposit whose outcome is not known is taken up by the same call", async () => {
    const proxy = await startHttpProxy(exchange.anvil.url);
    const client = await join({ operator: exchange.url, rpc: proxy.url });
    await client.deposit("USDC", "1");
    const before = await exchange.balanceOf(exchange.usdc, exchange.mediator);
    // From the deposit on, no receipt is found: its nonce is used, and nobody says by what.
    let sent = 0;
    proxy.meddle = async (call, forward) => {
      if (call.method === "eth_sendRawTransaction") sent += 1;
      const isHidden = call.method === "eth_getTransactionReceipt" && sent > 1;
      return isHidden ? { result: null } : forward();
    };
    const lost = await client.deposit("USDC", "4").catch((failure: unknown) => failure);
    expect(lost).toMatchObject({ code: "DepositUnsettled" });
    proxy.meddle = (_call, forward) => forward();
    const found = await client.deposit("USDC", "4");
    expect(found).toMatchObject({ wasThere: true, key: (lost as { key: string }).key });
    expect((await exchange.balanceOf(exchange.usdc, exchange.mediator)) - before).toBe(4_000_000n);
    // What is settled is done: the next one is another.
    expect(await client.deposit("USDC", "4")).toMatchObject({ wasThere: false });
    proxy.stop();
  });

  const NO_GAS = { gasUsed: null };
  const LEFT_OUT: readonly [string, string, (answer: Record<string, unknown>) => unknown][] = [
    ["the gas", "eth_getTransactionReceipt", (one) => delete one.gasUsed],
    ["the gas, as null", "eth_getTransactionReceipt", (one) => Object.assign(one, NO_GAS)],
    ["the price", "eth_getTransactionReceipt", (one) => delete one.effectiveGasPrice],
  ];

  it.each(LEFT_OUT)(
    "a deposit is found where the receipt leaves out %s, and costs at most its limits",
    async (what, method, leaveOut) => {
      const proxy = await startHttpProxy(exchange.anvil.url, async (call, forward) => {
        const answer = await forward();
        if (call.method === method) leaveOut(answer.result as Record<string, unknown>);
        return answer;
      });
      onTestFinished(() => proxy.stop());
      const made = await ada.deposit("USDC", "2", { key: what });
      const elsewhere = await join({ operator: exchange.url, rpc: proxy.url });
      const found = await elsewhere.deposit("USDC", "2", { key: what });
      const { transactionHash } = made;
      expect(found).toMatchObject({ transactionHash, block: made.block, wasThere: true });
      const { gas, maxFeePerGas = 0n } = await exchange.anvil.client.getTransaction({
        hash: transactionHash,
      });
      expect(found.gasUsed).toBeGreaterThanOrEqual(made.gasUsed);
      expect(found.gasUsed).toBeLessThanOrEqual(gas);
      expect(found.cost).toBeGreaterThanOrEqual(made.cost);
      expect(found.cost).toBeLessThanOrEqual(gas * maxFeePerGas);
    },
  );

  it("a transaction that comes without its input is read from another endpoint", async () => {
    const proxy = await startHttpProxy(exchange.anvil.url, async ({ method }, forward) => {
      const answer = await forward();
      const transaction = answer.result as { input?: unknown };
      if (method === "eth_getTransactionByHash") delete transaction.input;
      return answer;
    });
    onTestFinished(() => proxy.stop());
    const { transactionHash } = await ada.deposit("USDC", "2", { key: "input" });
    const rpc = [proxy.url, exchange.anvil.url];
    const elsewhere = await join({ operator: exchange.url, rpc });
    const found = await elsewhere.deposit("USDC", "2", { key: "input" });
    expect(found).toMatchObject({ transactionHash, wasThere: true });
  });
});
