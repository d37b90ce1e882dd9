/**
 * The faults of the reference operator and its client, each on a real EVM, to show that this one
 * does not have it. The whole list, with the tests that stand elsewhere, is in
 * docs/reference-faults.md.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nobleCurve } from "../src/base/curve.ts";
import { type Hex, hexToBytes } from "../src/base/hex.ts";
import { encodeDeposit } from "../src/chain/contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../src/chain/contracts/tokens.ts";
import { RefusedByOperator } from "../src/client/api.ts";
import { ExchangeClient } from "../src/client/client.ts";
import { dispute } from "../src/client/dispute.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { recover } from "../src/client/rounds/recover.ts";
import type { OrderStatus } from "../src/client/types.ts";
import { hashFill } from "../src/protocol/messages.ts";
import { firstBlockOf, roundOf } from "../src/protocol/rounds.ts";
import { signMessage } from "../src/protocol/signatures.ts";
import type { Fill } from "../src/protocol/units.ts";
import { toJson } from "../src/wire/schemas/values.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";
import { type Relay, startRelay } from "./support/faults/relay.ts";

const WETH = 10n ** 18n;
const USDC = 10n ** 6n;
const MARKET = "WETH/USDC";

let exchange: TestExchange;

async function round(): Promise<number> {
  return roundOf(exchange.schedule, await exchange.anvil.blockNumber());
}

/** To the next round, committed, and not HALTED. Gives its number. */
async function nextRound(): Promise<number> {
  const next = (await round()) + 1;
  await exchange.toQuarter(next, 0);
  const { halted, committedRound } = await exchange.reader.clock();
  expect({ halted, committedRound }).toEqual({ halted: false, committedRound: next });
  return next;
}

async function expectAudit(clients: readonly ExchangeClient[], of: number): Promise<bigint[][]> {
  const balances: bigint[][] = [];
  for (const client of clients) {
    const report = await client.audit(of);
    expect(report.faults).toEqual([]);
    balances.push(report.balances.map(({ balance }) => balance));
  }
  return balances;
}

async function untilClosed(client: ExchangeClient, of: number): Promise<void> {
  await until("the dispute is closed", async () => {
    await exchange.settle();
    return !(await exchange.reader.isDisputeOpen(client.address, of));
  });
}

describe("the reference operator is halted by, and this one is not", () => {
  beforeAll(async () => {
    exchange = await startExchange();
  });
  afterAll(() => exchange.stop());

  it("a stranger's deposit of 1 wei", async () => {
    const { anvil, weth, mediator } = exchange;
    const from = anvil.addresses[9] as Hex;
    const calls = [
      { to: weth, data: encodeMint(from, 1n) },
      { to: weth, data: encodeApprove(mediator, 1n) },
      { to: mediator, data: encodeDeposit(weth, 1n) },
    ];
    for (const call of calls) await anvil.transact({ from, ...call });
    await exchange.settle();
    expect(exchange.operator.api.balances(anvil.addresses[9] as Hex)[0]?.total).toBe(1n);
    await nextRound();
    await nextRound();
  });

  it("an order and its fee that together overspend: amounts are net, and nothing overspends", async () => {
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "1");
    await bob.deposit("USDC", "3000");
    await exchange.settle();
    const all = { market: MARKET, price: "3000", amount: "1" };
    await ada.createOrder({ ...all, side: "sell" });
    const more = ada.createOrder({ ...all, side: "sell", amount: "0.001" });
    await expect(more).rejects.toMatchObject({ code: "InsufficientFunds" });
    const above = bob.createOrder({ ...all, side: "buy", price: "3000.01" });
    await expect(above).rejects.toMatchObject({ code: "InsufficientFunds" });
    expect(await bob.createOrder({ ...all, side: "buy" })).toMatchObject({ state: "filled" });
    const committed = await nextRound();
    expect(await expectAudit([ada, bob], committed)).toEqual([
      [0n, 3000n * USDC],
      [WETH, 0n],
    ]);
  });

  it("110 tiny orders and a dispute: what one transaction cannot hold is not taken", async () => {
    const [cleo, dan] = [await exchange.client(2), await exchange.client(3)];
    await cleo.deposit("WETH", "1");
    await dan.deposit("USDC", "3000");
    await exchange.settle();
    const tiny = { market: MARKET, price: "3000", amount: "0.001", side: "sell" } as const;
    const codes: string[] = [];
    for (let i = 0; i < 110; i++) {
      const answer = await cleo.createOrder(tiny).catch((error: RefusedByOperator) => error);
      codes.push(answer instanceof RefusedByOperator ? answer.code : answer.state);
    }
    const { ordersPerClientAndRound: limit } = cleo.exchange.limits;
    expect(codes.filter((code) => code === "open").length).toBe(limit);
    expect(codes.slice(limit)).toEqual(codes.slice(limit).fill("TooManyOrders"));
    await dan.createOrder({ ...tiny, amount: "0.1", side: "buy" });
    expect((await cleo.fetchOrders()).filter(({ state }) => state === "filled").length).toBe(limit);
    const opened = await nextRound();
    expect(await dispute(cleo)).toMatchObject({ fills: limit });
    await untilClosed(cleo, opened);
    await nextRound();
    await exchange.toQuarter(opened + 1, 1);
    expect((await exchange.reader.clock()).halted).toBe(false);
  });

  it("a second dispute by one client in a round", async () => {
    const eve = await exchange.client(4);
    await eve.deposit("WETH", "1");
    const opened = await nextRound();
    await dispute(eve);
    await expect(dispute(eve)).rejects.toMatchObject({ errorName: "DisputeExists" });
    await untilClosed(eve, opened);
    await expect(dispute(eve)).rejects.toMatchObject({ errorName: "DisputeExists" });
    // One a round: the next may be disputed again.
    const again = await nextRound();
    await dispute(eve);
    await untilClosed(eve, again);
    await nextRound();
  });
});

describe("the reference operator loses count by, and this one does not", () => {
  let ada: ExchangeClient;
  let bob: ExchangeClient;
  beforeAll(async () => {
    exchange = await startExchange();
    [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "10");
    await bob.deposit("USDC", "30000");
    await exchange.settle();
  });
  afterAll(() => exchange.stop());

  it("orders that race with the commit", async () => {
    const stop = new AbortController();
    const placed: OrderStatus[] = [];
    const place = async (client: ExchangeClient, side: "buy" | "sell") => {
      while (!stop.signal.aborted) {
        const order = { market: MARKET, price: "3000", amount: "0.001", side };
        const answer = await client.createOrder(order).catch((error: RefusedByOperator) => error);
        if (!(answer instanceof Error)) placed.push(answer);
        else expect(["OrderRoundClosed", "TooManyOrders", "NotReady"]).toContain(answer.code);
      }
    };
    const racing = [place(ada, "sell"), place(bob, "buy")];
    for (let i = 0; i < 3; i++) await expectAudit([ada, bob], await nextRound());
    stop.abort();
    await Promise.all(racing);
    await expectAudit([ada, bob], await nextRound());
    const inRounds = new Set(placed.map((order) => order.round));
    expect(inRounds.size).toBeGreaterThan(1);
    expect(placed.some(({ bought }) => bought > 0n)).toBe(true);
  });

  it("a one-block reorganisation", async () => {
    const { anvil, operator, weth, usdc, mediator } = exchange;
    const approval = { from: ada.address, to: weth, data: encodeApprove(mediator, 5n * WETH) };
    await anvil.rpc("anvil_impersonateAccount", [ada.address]);
    await anvil.transact(approval);
    await exchange.settle();
    const totalOf = (client: ExchangeClient, token: string) =>
      operator.api.balances(client.address).find((one) => one.token === token)?.total as bigint;
    const before = [totalOf(ada, weth), totalOf(bob, usdc)] as const;
    const snapshot = await anvil.snapshot();
    const lost = await ada.deposit("WETH", "5");
    await until("the operator sees the block", () => operator.api.clock().chainHead === lost.block);
    await anvil.revert(snapshot);
    const kept = await bob.deposit("USDC", "7");
    expect(kept.block).toBeGreaterThanOrEqual(lost.block);
    await exchange.settle();
    expect([totalOf(ada, weth), totalOf(bob, usdc)]).toEqual([before[0], before[1] + 7n * USDC]);
    const committed = await nextRound();
    await expectAudit([ada, bob], committed);
    // Sent again it is taken once more, and counts once.
    await ada.deposit("WETH", "5");
    await exchange.settle();
    expect(totalOf(ada, weth)).toBe(before[0] + 5n * WETH);
  });

  it("a confirmation that comes while it restarts: later withdrawals are not blocked", async () => {
    const asked = await nextRound();
    await bob.withdraw("USDC", "100");
    await exchange.toQuarter(asked + 2, 1);
    await exchange.stopOperator();
    await bob.confirmWithdrawal("USDC");
    await exchange.anvil.mine(3);
    await exchange.startOperator();
    await exchange.settle();
    expect(await bob.fetchWithdrawals()).toEqual([]);

    await bob.withdraw("USDC", "50");
    await exchange.toQuarter(asked + 2, 2);
    expect(await bob.fetchWithdrawals()).toMatchObject([{ state: "debited", amount: 50n * USDC }]);
    await exchange.toQuarter(asked + 4, 1);
    const held = await exchange.balanceOf(exchange.usdc, bob.address);
    await bob.confirmWithdrawal("USDC");
    const paid = (await exchange.balanceOf(exchange.usdc, bob.address)) - held;
    expect(paid).toBe(50n * USDC);
    await expectAudit([ada, bob], await nextRound());
  });

  it("restarting around a boundary: nothing that falls due there is skipped", async () => {
    // Stopped some blocks before or after the first of a round, started a few later.
    for (const [stopAt, downFor] of [
      [-1, 1],
      [-1, 4],
      [0, 2],
      [1, 3],
    ] as const) {
      const boundary = firstBlockOf(exchange.schedule, (await round()) + 1);
      await ada.deposit("WETH", "0.5");
      // Undecided until the boundary at which the operator is away.
      await exchange.anvil.mineTo(boundary - 6);
      await exchange.settle();
      await bob.withdraw("USDC", "1").catch((error: { errorName?: string }) => {
        expect(error.errorName).toBe("WithdrawalActive");
      });
      await exchange.anvil.mineTo(boundary + stopAt);
      await exchange.stopOperator();
      await exchange.anvil.mine(downFor);
      await exchange.startOperator();
      const opened = await round();
      // The first block of the round becomes final.
      await exchange.settle();
      await until("the round is committed", async () => {
        return (await exchange.reader.clock()).committedRound === opened;
      });
      await exchange.settle();
      expect((await bob.fetchWithdrawals()).map(({ state }) => state)).toEqual(["debited"]);
      await expectAudit([ada, bob], opened);
    }
  });
});

describe("one exception of its endpoint in quarter 0", () => {
  let relay: Relay;
  /** Calls of each method that fail from now on. */
  let failures: Map<string, number> | undefined;
  const failed = new Map<string, number>();
  beforeAll(async () => {
    exchange = await startExchange({
      // Quarters long enough for many a retry.
      roundSize: 640,
      operatorRpc: async (url) => {
        relay = await startRelay(url, async ({ json }, pass) => {
          const { method } = json as { method: string };
          const left = failures === undefined ? 0 : (failures.get(method) ?? 3);
          // A transaction that is sent and whose answer is lost is the worst of them.
          if (left === 0 || method === "eth_sendRawTransaction") {
            const answer = await pass();
            if (left === 0) return answer;
          }
          failures?.set(method, left - 1);
          failed.set(method, (failed.get(method) ?? 0) + 1);
          throw new Error(`${method} fails`);
        });
        return relay.url;
      },
    });
  });
  afterAll(async () => {
    await exchange.stop();
    await relay.stop();
  });

  it("a commit is sent after an exception in quarter 0, whichever call it befalls", async () => {
    const ada = await exchange.client(0);
    await ada.deposit("WETH", "1");
    const first = firstBlockOf(exchange.schedule, 1);
    await exchange.anvil.mineTo(first - 1);
    await exchange.settle();
    failures = new Map();
    await exchange.anvil.mineTo(first + 1);
    await until("the round is committed", async () => {
      // It looks at its duties again with every block.
      await exchange.anvil.mine();
      await sleep(300);
      return (await exchange.reader.clock()).committedRound === 1;
    });
    failures = undefined;
    await exchange.settle();
    expect((await ada.audit(1)).faults).toEqual([]);
    for (const method of ["eth_getBlockByNumber", "eth_call", "eth_sendRawTransaction"]) {
      expect(failed.get(method), method).toBeGreaterThan(0);
    }
  });
});

describe("the reference client", () => {
  let ada: ExchangeClient;
  let bob: ExchangeClient;
  beforeAll(async () => {
    exchange = await startExchange();
    [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    await ada.deposit("WETH", "10");
    await bob.deposit("USDC", "30000");
    await exchange.settle();
  });
  afterAll(() => exchange.stop());

  /** A client like `index`, with evidence of its own, whose operator tampers with its fills. */
  async function cheated(index: number, change: (fill: Fill) => Fill) {
    const operatorKey = hexToBytes(exchange.anvil.keys[1] as Hex);
    const relay = await startRelay(exchange.url, async ({ path }, pass) => {
      const answer = (await pass()) as { fill?: { fill: Fill } | null };
      if (path !== "/v1/orders" || !answer.fill) return answer;
      const { sold, bought, sequence, ...rest } = answer.fill.fill;
      const fill = change({
        ...rest,
        sold: BigInt(sold),
        bought: BigInt(bought),
        sequence: BigInt(sequence),
      });
      const { domain } = ada.constants;
      const signature = signMessage(nobleCurve, domain, hashFill(fill), operatorKey);
      return { ...answer, fill: JSON.parse(toJson({ fill, signature })) };
    });
    const client = await ExchangeClient.join({
      operator: relay.url,
      rpc: [exchange.anvil.url],
      mediator: exchange.mediator,
      signer: exchange.anvil.keys[2 + index] as Hex,
      evidence: new MemoryEvidence(),
    });
    return { client, relay };
  }

  it.each([
    ["takes a fill at a worse price", (fill: Fill) => ({ ...fill, sold: fill.sold + 1n })],
    ["takes a fill that gives nothing", (fill: Fill) => ({ ...fill, bought: 0n })],
    [
      "takes a fill beyond its order",
      (fill: Fill) => ({ ...fill, sold: 2n * fill.sold, bought: 2n * fill.bought }),
    ],
    ["takes another's fill", (fill: Fill) => ({ ...fill, owner: ada.address })],
  ])("a client refuses, without a trace, what the reference does: it %s", async (_, change) => {
    const { client, relay } = await cheated(1, change);
    const order = { market: MARKET, price: "3000", amount: "0.5" };
    await ada.createOrder({ ...order, side: "sell" });
    const bought = client.createOrder({ ...order, side: "buy" });
    await expect(bought).rejects.toMatchObject({ code: "BadReceipt" });
    const kept = await client.evidence.orders(0);
    expect(kept.map(({ fill }) => fill)).toEqual([undefined]);
    await relay.stop();
  });

  it("this client needs nobody to poke a halt, and forfeits nothing without a proof", async () => {
    // Another device of Bob's, without what the first one kept.
    const { client: forgetful, relay } = await cheated(1, (fill) => fill);
    await bob.fetchOrders(0);
    await nextRound();
    await nextRound();
    await bob.deposit("USDC", "11");
    await exchange.stopOperator();
    await exchange.anvil.mineTo(firstBlockOf(exchange.schedule, 3, 1));
    // Nobody has sent the Mediator anything since: it is HALTED by its own clock.
    expect(await exchange.reader.clock()).toMatchObject({ halted: true, round: 3 });
    await expect(bob.deposit("USDC", "1")).rejects.toMatchObject({ errorName: "Halted" });

    const { weth, usdc } = exchange;
    const first = await recover(forgetful);
    expect(first).toEqual([
      { what: "missingProof", token: weth, round: 1 },
      { what: "deposits", token: usdc, amount: 11n * USDC },
      { what: "missingProof", token: usdc, round: 1 },
    ]);
    // The deposits are out and the balance is not lost: with its proof it follows.
    await exchange.startOperator();
    const second = await recover(forgetful);
    expect(second).toEqual([
      { what: "balance", token: weth, amount: 2n * WETH },
      { what: "balance", token: usdc, amount: 24_000n * USDC },
    ]);
    expect(await recover(forgetful)).toEqual([]);
    await relay.stop();
  });
});
