import { expect, test } from "vitest";
import { Alarm } from "../base/errors.ts";
import { checkAnswer } from "../protocol/disputeRule.ts";
import { checkEvidence } from "../protocol/withdrawalRule.ts";
import { checkOrder } from "./matching/checkOrder.ts";
import type { ExchangeEvent } from "./model/outcome.ts";
import * as views from "./queries/views.ts";
import { stateHash } from "./snapshots/stateHash.ts";
import {
  ALICE,
  BASE,
  BOB,
  CAROL,
  clientNo,
  GENESIS,
  hashOfBlock,
  limitOrder,
  QUOTE,
  THIRD,
  tradingWorld,
  World,
} from "./world.testkit.ts";

const kinds = (events: readonly ExchangeEvent[]) => events.map((one) => one.what);
const trades = (events: readonly ExchangeEvent[]) =>
  events.flatMap((one) => (one.what === "trade" ? [one.trade] : []));
const decisions = (events: readonly ExchangeEvent[]) =>
  events.flatMap((one) => (one.what === "withdrawalDecided" ? [one.decision] : []));

test("a stranger's deposit of 1 wei admits it, and the total matches", () => {
  const world = tradingWorld();
  const stranger = clientNo(77);
  world.toQuarter(1, 3);
  expect(kinds(world.deposit(stranger, BASE, 1n).mine())).toEqual([
    "clientAdmitted",
    "depositCredited",
  ]);
  const events = world.toQuarter(2, 1);
  expect(kinds(events)).toContain("roundCommitted");
  const root = views.roots(world.state, 2)[0];
  expect(root).toMatchObject({ token: BASE, total: 30_001n, leafCount: 4 });
  expect(views.proof(world.state, stranger, BASE, 2)?.balance).toBe(1n);
  expect(views.proof(world.state, stranger, BASE, 1)).toBeUndefined();
});

test("two deposits in one transaction count twice, the same log only once", () => {
  const world = tradingWorld();
  world.deposit(ALICE, BASE, 5n).deposit(ALICE, BASE, 5n).mine();
  expect(world.balance(ALICE, BASE)).toEqual({ total: 10_010n, locked: 0n });

  const block = world.block + 1;
  const log = {
    kind: "deposited",
    client: ALICE,
    token: BASE,
    amount: 5n,
    round: 0,
    block,
    blockHash: hashOfBlock(block),
    logIndex: 3,
    transactionHash: hashOfBlock(7),
  } as const;
  const to = { number: block, hash: hashOfBlock(block) };
  expect(() => world.apply({ kind: "blocks", to, logs: [log, log] })).toThrow(Alarm);
});

test("a trade moves whole lots at the price of the order that rests", () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 10, 50));
  expect(world.balance(ALICE, BASE)).toEqual({ total: 10_000n, locked: 100n });
  const { events } = world.place(limitOrder(BOB, 0, 1, "bid", 4, 60));
  expect(kinds(events)).toEqual(["trade", "orderFilled"]);
  expect(trades(events)[0]).toMatchObject({
    price: 50n,
    lots: 4n,
    baseAmount: 40n,
    quoteAmount: 200n,
    takerSide: "bid",
    maker: { owner: ALICE, id: 1n },
    taker: { owner: BOB, id: 1n },
  });
  expect(world.balance(ALICE, BASE)).toEqual({ total: 9_960n, locked: 60n });
  expect(world.balance(ALICE, QUOTE)).toEqual({ total: 10_200n, locked: 0n });
  expect(world.balance(BOB, QUOTE)).toEqual({ total: 9_800n, locked: 0n });
  expect(world.balance(BOB, BASE)).toEqual({ total: 10_040n, locked: 0n });
  expect(views.fill(world.state, { owner: ALICE, round: 0, id: 1n })).toMatchObject({
    sold: 40n,
    bought: 200n,
    sequence: 1n,
  });
});

test("orders match at the best price first, and at one price in the order of arrival", () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 1, 60));
  world.place(limitOrder(ALICE, 0, 2, "ask", 1, 50));
  world.place(limitOrder(BOB, 0, 3, "ask", 1, 50));
  world.place(limitOrder(ALICE, 0, 4, "ask", 1, 50));
  world.cancel(ALICE, 0, 2);
  const { events } = world.place(limitOrder(CAROL, 0, 1, "bid", 5, 60));
  expect(trades(events).map((trade) => trade.maker.id)).toEqual([3n, 4n, 1n]);
  expect(kinds(events).at(-1)).toBe("orderRested");
  expect(views.book(world.state, { sellToken: BASE, buyToken: QUOTE }, 5)).toMatchObject({
    bids: [{ price: 60n, baseAmount: 20n, orders: 1 }],
    asks: [],
  });
});

test("an order that meets its own owner's is cancelled with what is left", () => {
  const world = tradingWorld();
  world.place(limitOrder(BOB, 0, 1, "ask", 1, 50));
  world.place(limitOrder(ALICE, 0, 2, "ask", 1, 55));
  const { events } = world.place(limitOrder(ALICE, 0, 3, "bid", 5, 60));
  expect(kinds(events)).toEqual(["trade", "orderFilled", "orderCancelled"]);
  expect(events.at(-1)).toMatchObject({ reason: "selfTrade", id: 3n });
  expect(world.balance(ALICE, QUOTE)).toEqual({ total: 9_950n, locked: 0n });
  expect(views.order(world.state, { owner: ALICE, round: 0, id: 2n })?.state).toBe("open");
});

test("orders expire with their round, and their money is free", () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 10, 50));
  const events = world.toQuarter(1, 0);
  expect(events).toContainEqual({ what: "orderExpired", owner: ALICE, round: 0, id: 1n });
  expect(world.balance(ALICE, BASE)).toEqual({ total: 10_000n, locked: 0n });
  expect(world.cancel(ALICE, 0, 1).refusal).toMatchObject({ code: "OrderNotOpen", end: "expired" });
  expect(world.place(limitOrder(ALICE, 0, 2, "ask", 1, 50)).refusal?.code).toBe("OrderRoundClosed");
});

test("orders for the next round wait unlocked, and come in as they arrived", () => {
  const world = tradingWorld();
  world.toQuarter(0, 3);
  world.place(limitOrder(ALICE, 1, 1, "ask", 600, 50));
  world.place(limitOrder(ALICE, 1, 2, "ask", 600, 50));
  world.place(limitOrder(BOB, 1, 1, "bid", 2, 50));
  world.place(limitOrder(CAROL, 1, 9, "bid", 2, 50));
  world.cancel(CAROL, 1, 9);
  expect(world.balance(ALICE, BASE)).toEqual({ total: 10_000n, locked: 0n });
  expect(world.place(limitOrder(BOB, 2, 1, "bid", 2, 50)).refusal?.code).toBe("OrderRoundClosed");

  const events = world.toQuarter(1, 0);
  expect(kinds(events).slice(-5)).toEqual([
    "quarterBegan",
    "orderRested",
    "orderRefused",
    "trade",
    "orderFilled",
  ]);
  expect(events).toContainEqual(
    expect.objectContaining({
      what: "orderRefused",
      id: 2n,
      refusal: { code: "InsufficientFunds", token: BASE, needed: 6_000n, free: 4_000n },
    }),
  );
  expect(views.orders(world.state, ALICE, 1).map((order) => order.state)).toEqual([
    "open",
    "refused",
  ]);
  expect(views.roots(world.state, 1)[0]?.total).toBe(30_000n);
});

test("a seller in r-1 who withdraws in r is refused, with evidence that suffices", () => {
  const world = tradingWorld();
  world.toQuarter(1, 1);
  world.place(limitOrder(ALICE, 1, 1, "ask", 900, 5));
  world.place(limitOrder(ALICE, 1, 2, "ask", 1, 10));
  world.place(limitOrder(BOB, 1, 1, "bid", 900, 5));
  world.toQuarter(2, 0);
  world.duties();
  world.withdraw(ALICE, BASE, 5_000n).mine();
  expect(decisions(world.toQuarter(2, 1))).toEqual(["refused"]);

  const evidence = views.evidenceAgainst(world.state, ALICE, BASE);
  expect(evidence?.orders.map(({ order }) => order.id)).toEqual([1n]);
  expect(
    evidence &&
      checkEvidence(
        evidence,
        evidence.orders.map(({ order }) => order),
      ),
  ).toBeUndefined();
  expect(evidence).toMatchObject({ firstBlock: 164, lastBlock: 203, opening: 10_000n });
  expect(world.duties()).toMatchObject([{ what: "withdrawalCancelled", credited: false }]);
  expect(views.withdrawals(world.state)).toEqual([]);
  world.toQuarter(3, 1);
  expect(views.clock(world.state).haltRound).toBeUndefined();
});

test.each([0, 1, 2, 3])("a request of quarter %i is decided when the next begins", (quarter) => {
  const world = tradingWorld();
  world.toQuarter(2, quarter);
  world.duties();
  world.withdraw(ALICE, BASE, 3_000n).mine();
  expect(views.withdrawals(world.state)).toMatchObject([{ state: "seen" }]);
  const next: [number, number] = quarter === 3 ? [3, 0] : [2, quarter + 1];
  expect(decisions(world.mineTo(100 + 32 * next[0] + 8 * next[1] - 1))).toEqual([]);
  expect(decisions(world.toQuarter(...next))).toEqual(["debited"]);
  expect(world.balance(ALICE, BASE)?.total).toBe(7_000n);

  world.toQuarter(3, 1);
  expect(views.roots(world.state, 3)[0]?.total).toBe(27_000n);
  world.toQuarter(4, 1);
  const [withdrawal] = views.withdrawals(world.state, { client: ALICE });
  expect(withdrawal).toMatchObject({ state: "debited", round: 2, amount: 3_000n });
  world.log({
    kind: "withdrawalConfirmed",
    client: ALICE,
    token: BASE,
    round: 2,
    amount: 3_000n,
    recipient: ALICE,
  });
  expect(kinds(world.mine())).toEqual(["withdrawalConfirmed"]);
  expect(views.withdrawals(world.state)).toEqual([]);
});

test("money in open orders is not free for a withdrawal", () => {
  const world = tradingWorld();
  world.toQuarter(2, 0);
  world.duties();
  world.place(limitOrder(ALICE, 2, 1, "ask", 1, 500));
  world.withdraw(ALICE, BASE, 9_991n).withdraw(BOB, BASE, 10_000n).mine();
  expect(decisions(world.toQuarter(2, 1))).toEqual(["refused", "debited"]);
});

test("another operator's cancellation gives the money back, also into the tree just opened", () => {
  const world = tradingWorld();
  world.toQuarter(2, 3);
  world.place(limitOrder(ALICE, 2, 1, "ask", 1_000, 5_000));
  world.cancel(ALICE, 2, 1);
  world.withdraw(ALICE, BASE, 3_000n).mine();
  world.toQuarter(3, 0);
  expect(views.roots(world.state, 3)[0]?.total).toBe(27_000n);
  world.log({ kind: "withdrawalCancelled", client: ALICE, token: BASE, round: 2, amount: 3_000n });
  expect(kinds(world.mine())).toEqual(["withdrawalCancelled", "rootChanged"]);
  expect(views.roots(world.state, 3)[0]?.total).toBe(30_000n);
  expect(views.proof(world.state, ALICE, BASE, 3)?.balance).toBe(10_000n);
  expect(world.balance(ALICE, BASE)).toEqual({ total: 10_000n, locked: 0n });
  expect(kinds(world.duties())).toContain("roundCommitted");
  expect(kinds(world.toQuarter(4, 1))).not.toContain("halted");
});

test("a second request on a token, or an opening that is not ours, is an alarm", () => {
  const world = tradingWorld();
  world.toQuarter(2, 0);
  world.duties();
  expect(() => world.withdraw(ALICE, BASE, 1n).withdraw(ALICE, BASE, 1n).mine()).toThrow(Alarm);
  const other = tradingWorld();
  other.toQuarter(2, 0);
  other.log({
    kind: "withdrawalInitiated",
    client: ALICE,
    token: BASE,
    amount: 1n,
    opening: 9_999n,
    recipient: ALICE,
    round: 2,
  });
  expect(() => other.mine()).toThrow(/9999 proven, ours is 10000/);
});

test("a commit that is not ours is an alarm", () => {
  const world = tradingWorld();
  world.toQuarter(1, 0);
  const [root] = views.roots(world.state, 1);
  if (root === undefined) throw new Error("no root");
  world.log({ kind: "committed", round: 1, ...root, leafCount: 4 });
  expect(() => world.mine()).toThrow(/the commit of .* ours is/);
});

test("the exchange halts at quarter 1 without a commit: no orders, but every view", () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 1, 50));
  world.toQuarter(1, 0);
  expect(views.clock(world.state).haltBlock).toBe(140);
  const events = world.mineTo(400);
  expect(events).toContainEqual({ what: "halted", round: 1, block: 140 });
  expect(views.clock(world.state)).toMatchObject({
    head: { number: 400 },
    moment: { block: 140, round: 1, quarter: 1 },
    haltRound: 1,
  });
  expect(world.place(limitOrder(ALICE, 1, 1, "ask", 1, 50)).refusal).toEqual({
    code: "ExchangeHalted",
    haltRound: 1,
  });
  expect(views.proof(world.state, ALICE, BASE, 1)?.balance).toBe(10_000n);
  expect(() => world.deposit(ALICE, BASE, 1n).mine()).toThrow(Alarm);
});

test("a dispute not closed halts at the end of the next round's quarter 0", () => {
  const world = tradingWorld();
  world.toQuarter(2, 1);
  world.log({
    kind: "disputeOpened",
    client: ALICE,
    round: 2,
    opener: ALICE,
    mustProveOpenings: false,
    openingsPresented: true,
    presented: 0,
  });
  world.mine();
  expect(views.disputes(world.state)).toMatchObject([{ openedBlock: 173, deadlineBlock: 187 }]);
  expect(views.clock(world.state).haltBlock).toBe(204);
  expect(views.disputeAnswer(world.state, ALICE, 2)).toMatchObject({
    disputedRound: 1,
    leafIndex: 0,
    openingTokens: [BASE, QUOTE],
    executions: [],
  });
});

test("a dispute of quarter 3 is answered in the next round's quarter 0, orders ascending", () => {
  const world = tradingWorld();
  world.toQuarter(1, 1);
  world.place(limitOrder(ALICE, 1, 9, "ask", 3, 50));
  world.place(limitOrder(ALICE, 1, 4, "ask", 2, 55));
  world.place(limitOrder(ALICE, 1, 5, "ask", 2, 90));
  world.place(limitOrder(BOB, 1, 1, "bid", 5, 60));
  world.toQuarter(2, 3);
  world.deposit(ALICE, BASE, 7n);
  world.log({
    kind: "disputeOpened",
    client: ALICE,
    round: 2,
    opener: BOB,
    mustProveOpenings: true,
    openingsPresented: false,
    presented: 1,
  });
  world.mine();
  world.toQuarter(3, 0);
  const answer = views.disputeAnswer(world.state, ALICE, 2);
  expect(answer?.deadlineBlock).toBe(203);
  expect(answer?.executions.map(({ order, sold, bought }) => [order.id, sold, bought])).toEqual([
    [4n, 20n, 110n],
    [9n, 30n, 150n],
  ]);
  expect(answer?.tokens).toEqual([
    { token: BASE, opening: 10_000n, deposits: 0n, requested: 0n, closing: 9_950n },
    { token: QUOTE, opening: 10_000n, deposits: 0n, requested: 0n, closing: 10_260n },
  ]);
  expect(answer && checkAnswer({ ...answer, presented: [] })).toBeUndefined();
  const [fill] = views.fills(world.state, ALICE, 1);
  expect(answer && fill && checkAnswer({ ...answer, presented: [fill] })).toBeUndefined();
});

test("refusals come in one order and change nothing", () => {
  const world = tradingWorld();
  const before = stateHash(world.state);
  const good = limitOrder(ALICE, 0, 1, "bid", 10, 50);
  const code = (order: typeof good) => {
    const refusal = checkOrder(world.state, order);
    expect(world.place(order)).toEqual({ refusal, events: [] });
    return refusal?.code;
  };
  expect(code({ ...good, sellAmount: 0n })).toBe("InvalidOrder");
  expect(code({ ...good, intent: "sellAll" })).toBe("InvalidOrder");
  expect(code({ ...good, round: 2 })).toBe("OrderRoundClosed");
  expect(code({ ...good, buyToken: THIRD })).toBe("UnknownToken");
  expect(code({ ...good, owner: clientNo(9) })).toBe("UnknownClient");
  expect(code(limitOrder(ALICE, 0, 1, "bid", 201, 50))).toBe("InsufficientFunds");
  expect(stateHash(world.state)).toBe(before);

  world.list(THIRD).mine();
  expect(code({ ...good, sellToken: BASE, buyToken: THIRD })).toBe("UnknownMarket");
  expect(world.place(good).refusal).toBeUndefined();
  expect(code(good)).toBe("DuplicateOrderId");
  world.cancel(ALICE, 0, 1);
  expect(code(good)).toBe("DuplicateOrderId");
  // The cancelled one, of which nothing was executed, counts no more.
  for (let id = 2; id <= 1 + GENESIS.limits.ordersPerClientAndRound; id++) {
    expect(world.place(limitOrder(ALICE, 0, id, "bid", 1, 5)).refusal).toBeUndefined();
  }
  expect(code(limitOrder(ALICE, 0, 99, "bid", 1, 5))).toBe("TooManyOrders");
  expect(world.place(limitOrder(ALICE, 1, 99, "bid", 1, 5)).refusal).toBeUndefined();
  expect(world.cancel(ALICE, 0, 98).refusal?.code).toBe("UnknownOrder");
});

test("misaligned amounts are refused with the nearest aligned ones", () => {
  const world = tradingWorld();
  const order = { ...limitOrder(ALICE, 0, 1, "bid", 3, 50), buyAmount: 35n, sellAmount: 182n };
  expect(checkOrder(world.state, order)).toEqual({
    code: "MisalignedAmount",
    buyAmount: 35n,
    sellAmount: 182n,
    nearest: [
      { buyAmount: 30n, sellAmount: 150n },
      { buyAmount: 30n, sellAmount: 165n },
      { buyAmount: 40n, sellAmount: 200n },
      { buyAmount: 40n, sellAmount: 220n },
    ],
  });
  const mended = { ...order, buyAmount: 30n, sellAmount: 165n };
  expect(checkOrder(world.state, mended)).toBeUndefined();
});

test("a trading key signs from the next round on, and what held in a round stays", () => {
  const world = tradingWorld();
  const set = (key: typeof ALICE) =>
    world
      .log({ kind: "tradingKeySet", client: ALICE, fromRound: world.nextRound() + 1, key })
      .mine();
  set(BOB);
  set(CAROL);
  world.toQuarter(1, 2);
  set(BOB);
  expect([0, 1, 2, 3].map((r) => views.tradingKeyOf(world.state, ALICE, r))).toEqual([
    undefined,
    CAROL,
    BOB,
    BOB,
  ]);
});

test("keys are kept for the last rounds only, however often one is set", () => {
  const world = tradingWorld();
  for (let round = 0; round < 6; round++) {
    world.toQuarter(round, 2);
    for (const key of [ALICE, BOB, CAROL]) {
      world.log({ kind: "tradingKeySet", client: BOB, fromRound: round + 1, key }).mine();
    }
  }
  expect(world.state.tradingKeys.get(BOB)).toEqual(
    [3, 4, 5, 6].map((fromRound) => ({ fromRound, key: CAROL })),
  );
});

test("blocks that do not follow are an alarm", () => {
  const world = tradingWorld();
  const to = { number: world.block, hash: hashOfBlock(world.block) };
  expect(() => world.apply({ kind: "blocks", to, logs: [] })).toThrow(Alarm);
  world.deposit(ALICE, BASE, 1n);
  world.log({ kind: "tokenListed", token: THIRD, round: 1 });
  expect(() => world.mine()).toThrow(/tokenListed of round 1 in round 0/);
  expect(() => new World().apply(GENESIS)).toThrow(Alarm);
});
