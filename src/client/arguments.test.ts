/**
 * Every public argument of the library, as JavaScript gives it: what makes no sense is refused by
 * its name, and nothing was signed, sent or asked.
 */
import { beforeEach, describe, expect, it } from "vitest";
import type { Address, Hex } from "../base/hex.ts";
import { parseOperatorUrl } from "./arguments.ts";
import { OrderIds } from "./checks/orderIds.ts";
import { BadArgument, ExchangeClient } from "./client.ts";
import { collectAnswer, dispute } from "./dispute.ts";
import { MemoryEvidence } from "./evidence/evidence.ts";
import { signedOrder } from "./fakeOperator.testkit.ts";
import { LatestOrders } from "./latestOrders.ts";
import { FileEvidence } from "./node/fileEvidence.ts";
import { Operators } from "./operators.ts";
import { parseOptions } from "./options.ts";
import { AccountQueries, MarketQueries } from "./queries.ts";
import { recover } from "./rounds/recover.ts";
import { addressOfKey } from "./signing/signers.ts";
import { listen } from "./streaming/hints.ts";
import { OrderWriter } from "./writes.ts";

const MEDIATOR = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const KEY: Hex = `0x${"11".repeat(32)}`;
const NOWHERE = "http://127.0.0.1:9";
const good = () => ({
  operator: NOWHERE,
  rpc: [NOWHERE],
  mediator: MEDIATOR,
  signer: KEY,
  evidence: new MemoryEvidence(),
});

/** A field, and values that it must not take. */
type Row = readonly [field: string, values: readonly unknown[]];

const TEXTS = [undefined, null, 5, 5n, {}, [], ""];
const DECIMALS = [
  undefined,
  null,
  1,
  0.1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1n,
  -1n,
  {},
  [],
  true,
  "",
  " 1",
  "1 ",
  "-1",
  "+1",
  "1e3",
  "1e-3",
  "1E5",
  ".5",
  "5.",
  "1,5",
  "0x10",
  "NaN",
  "1_000",
];
const COUNTS = [null, "5", 5n, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, {}];
const ADDRESSES = [
  undefined,
  null,
  5,
  {},
  "",
  "0x",
  "0x12",
  "vitalik.eth",
  MEDIATOR.slice(2),
  `${MEDIATOR}0`,
  // A wrong checksum is a mistyped address.
  "0x5fbDB2315678afecb367f032d93F642f64180aa3",
];

describe("options of join", () => {
  const rows: Row[] = [
    ["operator", [undefined, null, "", [], 5, {}, "127.0.0.1:8080", "localhost:8080", "ftp://x.y"]],
    [
      "operator.1",
      [
        [NOWHERE, 7],
        [NOWHERE, "ws://x.y"],
      ],
    ],
    ["rpc", [undefined, null, "", [], 5, {}, "mainnet.example/v2/key", "ipc:///x"]],
    ["mediator", ADDRESSES],
    ["signer", [...TEXTS, KEY.slice(0, -1), `0x${"00".repeat(32)}`, `0x${"ff".repeat(32)}`]],
    ["privateKey", [KEY, undefined]],
    ["evidence", [undefined, null, 5, {}, { proofs: () => [] }]],
    ["retryTimeoutMs", COUNTS],
    ["pollMs", [...COUNTS, 0]],
    ["maxFeePerGas", [null, 5, "5", 0n, -1n, 1.5, {}]],
    ["curve", [null, 5, {}, { sign: () => {} }]],
    ["markets", [null, 5, "WETH/USDC", {}]],
    ["markets.0.lot", [[{ market: "A/B", lot: 1, tick: "1" }]]],
    ["markets.0.tick", [[{ market: "A/B", lot: "1" }]]],
    ["markets.0.price", [[{ market: "A/B", lot: "1", tick: "1", price: "1" }]]],
    ["patience", [5]],
  ];

  it("every option of join has a row", () => {
    const named = new Set(rows.map(([field]) => field.split(".")[0]));
    for (const name of Object.keys(parseOptions(good()))) {
      expect(named, name).toContain(name === "operators" ? "operator" : name);
    }
  });

  it.each(rows)("options of join: %s", async (field, values) => {
    const [name = ""] = field.split(".");
    for (const value of values) {
      const joined = ExchangeClient.join({ ...good(), [name]: value } as never);
      const error: BadArgument = await joined.then(
        () => undefined as never,
        (failure) => failure,
      );
      expect(error, String(value)).toBeInstanceOf(BadArgument);
      expect(error.code).toBe("BadInput");
      expect(error.field).toMatch(new RegExp(`^options\\.${field.replaceAll(".", "\\.")}`));
    }
  });

  it("options of join are asked for as an object", async () => {
    for (const none of [undefined, null, 5, "x", []]) {
      await expect(ExchangeClient.join(none as never)).rejects.toMatchObject({ field: "options" });
    }
  });

  it("a secret is never repeated", async () => {
    const secret = "5ecre7".repeat(11);
    for (const wrong of [
      { signer: secret },
      { privateKey: secret },
      { signer: { owner: MEDIATOR, tradingKey: secret } },
      { rpc: `https://u:${secret}@x/${secret}?${secret}` },
    ]) {
      const broken = { ...good(), ...wrong, ...("rpc" in wrong && { rpc: `ipc${wrong.rpc}` }) };
      const error = await ExchangeClient.join(broken as never).catch((failure) => failure);
      expect(error).toBeInstanceOf(BadArgument);
      expect(error.message).not.toContain("5ecre7");
    }
  });

  it.each([
    ["127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["localhost:8080", "http://localhost:8080"],
    ["exchange.example/api", "http://exchange.example"],
  ])("options of join: %s should have been %s", (given, right) => {
    expect(() => parseOperatorUrl("operator", given)).toThrow(`Write http:// before it: ${right}.`);
  });

  it("options of join written in other ways are the same", async () => {
    const options = parseOptions({
      ...good(),
      operator: [` ${NOWHERE}/ `],
      rpc: NOWHERE,
      mediator: MEDIATOR.toLowerCase(),
      signer: ` ${KEY.toUpperCase().replace("X", "x")}`,
    });
    expect(options).toMatchObject({ operators: [`${NOWHERE}/`], rpc: [NOWHERE] });
    expect(options).toMatchObject({ mediator: MEDIATOR });
    expect((await options.signer.open()).address).toBe(addressOfKey(KEY));
  });
});

/** Queries that would ask nobody that is there. */
const queries = {
  get market() {
    const api = new Operators({ urls: [NOWHERE] });
    return new MarketQueries({ api, exchange: () => EXCHANGE as never });
  },
  get account() {
    const api = new Operators({ urls: [NOWHERE] });
    const own = async () => ({ params: { client: MEDIATOR as never }, session: "" });
    return new AccountQueries({ api, exchange: () => EXCHANGE as never, own });
  },
};

describe("of a client", () => {
  /** One that has joined nothing: whatever it would sign, send or ask shows as another error. */
  const client = new Proxy(Object.create(ExchangeClient.prototype) as ExchangeClient, {
    get: (target, name, receiver) => {
      if (name === "exchange") return EXCHANGE;
      if (name === "market") return queries.market;
      return Reflect.get(target, name, receiver);
    },
  });
  const call = (name: keyof ExchangeClient, ...args: unknown[]) =>
    Promise.resolve().then(() =>
      (client[name] as unknown as (...some: unknown[]) => unknown).call(client, ...args),
    );

  const rows: [keyof ExchangeClient, string, unknown[][]][] = [
    ["send", "what", TEXTS.map((value) => [value, "0x"])],
    ["send", "data", [undefined, null, 5, "", "x", "0x1"].map((value) => ["what", value])],
    ["send", "value", [null, 5, "5", -1n].map((value) => ["what", "0x", value])],
    ["deposit", "token", [...TEXTS, "DAI"].map((value) => [value, "1"])],
    ["deposit", "amount", [...DECIMALS, "0", "0.0000001"].map((value) => ["USDC", value])],
    ["deposit", "options", [null, 5, "key", []].map((value) => ["USDC", "1", value])],
    ["deposit", "options.key", [null, 5, "", "x".repeat(201)].map((key) => ["USDC", "1", { key }])],
    ["deposit", "options.id", [["USDC", "1", { id: 1 }]]],
    ["withdraw", "token", [...TEXTS, "DAI"].map((value) => [value, "1"])],
    ["withdraw", "amount", [...DECIMALS, "0"].map((value) => ["USDC", value])],
    ["withdraw", "recipient", ADDRESSES.slice(1).map((value) => ["USDC", "1", value])],
    ["confirmWithdrawal", "token", TEXTS.map((value) => [value])],
    ["confirmWithdrawal", "client", ADDRESSES.slice(1).map((value) => ["USDC", value])],
    ["redirectWithdrawal", "token", [...TEXTS, "DAI"].map((value) => [value, MEDIATOR])],
    ["redirectWithdrawal", "recipient", ADDRESSES.map((value) => ["USDC", value])],
    ["setTradingKey", "key", ADDRESSES.map((value) => [value])],
    ["provenBalance", "token", ADDRESSES.map((value) => [value, 1])],
    [
      "provenBalance",
      "round",
      [undefined, ...COUNTS.filter((value) => value !== -1)].map((value) => [MEDIATOR, value]),
    ],
    ["audit", "round", COUNTS.map((value) => [value])],
    ["fetchOrders", "round", COUNTS.map((value) => [value])],
    ["fetchOrders", "manner", [null, 5, "x"].map((value) => [1, value])],
    [
      "fetchOrders",
      "manner.retryTimeoutMs",
      COUNTS.map((retryTimeoutMs) => [1, { retryTimeoutMs }]),
    ],
    ["session", "manner.isElsewhere", [null, 5, "x"].map((isElsewhere) => [{ isElsewhere }])],
    ["session", "manner.patience", [[{ patience: 5 }]]],
    ["fetchOrderBook", "market", [...TEXTS, "weth/usdc", "WETH-USDC"].map((value) => [value])],
    ["fetchOrderBook", "depth", [...COUNTS, 0, 501].map((value) => ["WETH/USDC", value])],
    ["fetchTrades", "market", TEXTS.map((value) => [value])],
    ["fetchTrades", "limit", [...COUNTS, 0, 501].map((value) => ["WETH/USDC", value])],
    ["fetchMyTrades", "limit", [...COUNTS, 0, 501].map((value) => [value])],
    ["waitForCredit", "deposit.token", [undefined, null, {}, { block: 1 }].map((value) => [value])],
    ["waitForCredit", "deposit.block", COUNTS.map((block) => [{ token: MEDIATOR, block }])],
    ["waitForCredit", "retryTimeoutMs", COUNTS.map((ms) => [{ token: MEDIATOR, block: 1 }, ms])],
  ];

  it.each(rows)("%s refuses what is no %s", async (name, field, calls) => {
    expect(calls.length).toBeGreaterThan(0);
    for (const args of calls) {
      const error = (await call(name, ...args).catch((failure) => failure)) as BadArgument;
      expect(
        error,
        JSON.stringify(args, (_, one) => String(one)),
      ).toBeInstanceOf(BadArgument);
      expect(error.field).toBe(field);
    }
  });

  it("every method that takes something has a row, or is tried below", () => {
    const own = Object.getOwnPropertyDescriptors(ExchangeClient.prototype);
    const takes = Object.entries(own).filter(
      ([name, { value }]) =>
        name !== "constructor" && typeof value === "function" && value.length > 0,
    );
    const tried = [
      ...rows.map(([name]) => String(name)),
      "createOrder",
      "placeOrder",
      "cancelOrder",
    ];
    expect(takes.map(([name]) => name).filter((name) => !tried.includes(name))).toEqual([]);
  });
});

const NAME = "WETH/USDC";

describe("of queries", () => {
  const rows: [string, string, unknown[][]][] = [
    ...["fetchOrderBook", "fetchTrades", "fetchTicker", "fetchCandles"].map(
      (name): [string, string, unknown[][]] => [name, "market", TEXTS.map((value) => [value])],
    ),
    ["fetchOrderBook", "group", [null, 5, "", "0", "0.001"].map((group) => [NAME, { group }])],
    ["fetchOrderBook", "depth", [...COUNTS, 0, 501].map((depth) => [NAME, { depth }])],
    ["fetchOrderBook", "options", [null, 5, "x"].map((value) => [NAME, value])],
    ["fetchTrades", "before", [null, 5, -1n, "x"].map((before) => [NAME, { before }])],
    ["fetchTrades", "after", [null, 5, 2n ** 64n].map((after) => [NAME, { after }])],
    ["fetchTrades", "options.since", [[NAME, { since: 1 }]]],
    ["fetchCandles", "interval", ["2m", 5, ""].map((interval) => [NAME, { interval }])],
    ["fetchCandles", "from", COUNTS.map((from) => [NAME, { from }])],
    ["fetchCandles", "before", COUNTS.map((before) => [NAME, { before }])],
    ["fetchCandles", "limit", [...COUNTS, 0, 1501].map((limit) => [NAME, { limit }])],
    ["fetchFills", "limit", [0, 501, "5"].map((limit) => [{ limit }])],
    ["fetchFills", "before", [5, "x"].map((before) => [{ before }])],
    ["fetchLedger", "before", COUNTS.map((before) => [{ before }])],
    ["fetchDeposits", "limit", [...COUNTS, 0, 501].map((value) => [value])],
  ];

  it.each(rows)("%s refuses what is no %s", async (name, field, calls) => {
    const asked = { ...of(queries.market), ...of(queries.account) };
    for (const args of calls) {
      const refusal = await Promise.resolve()
        .then(() => asked[name]?.(...args))
        .catch((failure: unknown) => failure);
      expect(
        refusal,
        JSON.stringify(args, (_, one) => String(one)),
      ).toBeInstanceOf(BadArgument);
      expect((refusal as BadArgument).field).toBe(field);
    }
  });
});

/** The methods of an object by their names. */
function of(source: object): Record<string, (...args: unknown[]) => unknown> {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(source) as object);
  const methods = source as Record<string, (...args: unknown[]) => unknown>;
  return Object.fromEntries(names.map((name) => [name, methods[name]?.bind(source)])) as never;
}

const EXCHANGE = {
  chainId: 1,
  mediator: MEDIATOR,
  manager: MEDIATOR,
  operator: MEDIATOR,
  confirmations: 1,
  schedule: { genesisBlock: 0, roundSize: 8 },
  markets: [
    {
      name: "WETH/USDC",
      base: MEDIATOR,
      lot: 10n ** 15n,
      tick: 10n,
      quote: "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    },
  ],
  tokens: [
    { token: MEDIATOR, symbol: "WETH", decimals: 18, listedRound: 0 },
    {
      token: "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
      symbol: "USDC",
      decimals: 6,
      listedRound: 0,
    },
  ],
  limits: { ordersPerClientAndRound: 100 },
};

describe("of orders", () => {
  /** What was saved, and what operators were asked. */
  let deeds: string[];
  let writer: OrderWriter;
  const OWNER = signedOrder(1n).order.owner;
  beforeEach(() => {
    deeds = [];
    const noting = new Proxy({}, { get: (_, name) => () => deeds.push(String(name)) });
    writer = new OrderWriter({
      api: noting,
      evidence: noting,
      receipts: noting,
      clock: noting,
      sessions: noting,
      ids: new OrderIds(),
      statements: noting,
      owner: OWNER,
      domain: { chainId: 1, mediator: MEDIATOR },
      curve: noting,
      latest: new LatestOrders(),
      signer: noting,
      exchange: () => EXCHANGE,
      learnAnew: async () => {},
    } as never);
  });
  const refused = async (promise: Promise<unknown>, field: string, what: string) => {
    const error = (await promise.catch((failure) => failure)) as BadArgument;
    expect(error, what).toBeInstanceOf(BadArgument);
    expect(error.field).toBe(field);
    expect(deeds, what).toEqual([]);
  };
  const request = { market: "WETH/USDC", side: "buy", price: "3000", amount: "1", round: 1 };

  it.each<Row>([
    ["side", [undefined, null, 1, "", "BUY", "Buy", "SELL", "bid", "ask", " buy", true, {}]],
    ["price", [...DECIMALS, "0", "3000.001", "9".repeat(130)]],
    ["amount", [...DECIMALS, "0", "0.0001"]],
    ["market", [...TEXTS, "weth/usdc", "WETH-USDC", "USDC/WETH", "WETH/USDC "]],
    ["round", COUNTS],
    ["id", [null, 5, -1n, 2n ** 64n, "x", "-1", "01", {}]],
    ["order.sidee", ["buy"]],
  ])("createOrder signs nothing for what is no %s", async (field, values) => {
    const name = field.replace("order.", "");
    for (const value of values) {
      await refused(writer.create({ ...request, [name]: value }), field, String(value));
    }
  });

  it("createOrder takes an object", async () => {
    for (const none of [undefined, null, 5, "x", []])
      await refused(writer.create(none), "order", "");
  });

  const { order, signature } = signedOrder(1n);

  it.each<Row>([
    ["owner", [...ADDRESSES, MEDIATOR]],
    ["round", [undefined, ...COUNTS]],
    ["id", [undefined, null, 5, -1n, 2n ** 64n, "x"]],
    ["sellToken", ADDRESSES],
    ["sellAmount", [undefined, 5, "5"]],
    ["buyToken", ADDRESSES],
    ["buyAmount", [undefined, 5, "5"]],
    ["intent", [undefined, 0, 1, "buy", "BUYALL"]],
    ["colour", ["red"]],
  ])("placeOrder sends nothing that has no %s", async (name, values) => {
    for (const value of values) {
      const broken = { order: { ...order, [name]: value }, signature };
      await refused(writer.place(broken), `signed.order.${name}`, String(value));
    }
  });

  it.each([
    ["signed", undefined],
    ["signed", "order"],
    ["signed.more", { order, signature, more: 1 }],
    ["signed.order", { signature }],
    ["signed.order", { order: { ...order, sellAmount: 0n }, signature }],
    ["signed.signature", { order }],
    ["signed.signature", { order, signature: "0x12" }],
    ["signed.signature.r", { order, signature: { ...signature, r: "0x12" } }],
  ])("placeOrder refuses %s", async (field, given) => {
    await refused(writer.place(given), field, field);
  });

  it.each([
    ["order", undefined],
    ["order", 5],
    ["order.round", { id: 1n }],
    ["order.round", { round: "1", id: 1n }],
    ["order.id", { round: 1 }],
    ["order.id", { round: 1, id: 1 }],
    ["order.id", { round: 1, id: 2n ** 64n }],
  ])("cancelOrder refuses %s", async (field, given) => {
    await refused(writer.cancel(given), field, field);
  });
});

describe("of functions", () => {
  const listening = () => ({
    operators: new Operators({ urls: [NOWHERE] }),
    channels: [],
    latest: new LatestOrders(),
    onEvent: () => {},
    onGap: () => {},
  });
  const { signal } = new AbortController();

  it.each<Row>([
    ["operators", [undefined, null, 5, {}, NOWHERE]],
    ["channels", [undefined, null, 5, {}]],
    ["channels.0", [["clock"], [undefined]]],
    ["channels.0.kind", [[{}], [{ kind: "trades" }]]],
    ["channels.0.base", [[{ kind: "market", base: "WETH", quote: MEDIATOR }]]],
    ["channels.0.client", [[{ kind: "client", session: async () => "" }]]],
    ["channels.0", [[{ kind: "client", client: MEDIATOR, session: "x" }]]],
    ["latest", [undefined, null, {}]],
    ["silenceMs", [...COUNTS, 0]],
    ["onMessage", [() => {}]],
  ])("listen refuses %s", async (field, values) => {
    for (const value of values) {
      const options = { ...listening(), [field.split(".")[0] as string]: value };
      const error = await listen(options as never, signal).catch((failure) => failure);
      expect(error, String(value)).toBeInstanceOf(BadArgument);
      expect(error.field).toBe(`options.${field}`);
    }
  });

  it("listen refuses what is no listener and no signal", async () => {
    for (const name of ["onEvent", "onGap"]) {
      const options = { ...listening(), [name]: undefined };
      await expect(listen(options as never, signal)).rejects.toBeInstanceOf(BadArgument);
    }
    for (const none of [undefined, null, {}, "x"]) {
      const listened = listen(listening(), none as never);
      await expect(listened).rejects.toMatchObject({ field: "signal" });
    }
  });

  it.each([undefined, null, 5, {}])(
    "dispute, collectAnswer and recover refuse %s",
    async (none) => {
      for (const done of [
        dispute(none as never),
        collectAnswer(none as never, 1),
        recover(none as never),
      ]) {
        await expect(done).rejects.toMatchObject({ field: "client", code: "BadInput" });
      }
    },
  );

  it("collectAnswer refuses what is no round, and FileEvidence what is no path", async () => {
    const anybody = { send: () => {}, audit: () => {}, provenBalance: () => {} };
    for (const round of [undefined, ...COUNTS]) {
      const collected = collectAnswer(anybody as never, round as never);
      await expect(collected).rejects.toMatchObject({ field: "round" });
    }
    for (const path of TEXTS) {
      await expect(FileEvidence.open(path as never)).rejects.toMatchObject({ field: "path" });
    }
  });
});
