import { expect, test } from "vitest";
import type { OrderTerms } from "../../protocol/trading/terms.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import * as views from "../queries/views.ts";
import { decodeSnapshot, encodeSnapshot } from "../snapshots/snapshot.ts";
import { stateHash } from "../snapshots/stateHash.ts";
import {
  ALICE,
  BASE,
  BOB,
  CAROL,
  limitOrder,
  QUOTE,
  tradingWorld,
  type World,
} from "../world.testkit.ts";

const kinds = (events: readonly ExchangeEvent[]) => events.map((one) => one.what);
const viewOf = (world: World, owner: typeof ALICE, id: number, round = 0) =>
  views.order(world.state, { owner, round, id: BigInt(id) });

/** Asks of Alice: 2 lots at 50, 3 at 60; Bob's own 1 at 55 between them. */
function worldWithAsks(): World {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 2, 50));
  world.place(limitOrder(BOB, 0, 1, "ask", 1, 55));
  world.place(limitOrder(ALICE, 0, 2, "ask", 3, 60));
  return world;
}

test("an immediate-or-cancel order is cancelled beyond its fill, with its money free", () => {
  const world = worldWithAsks();
  const { events } = world.place(limitOrder(CAROL, 0, 1, "bid", 4, 55), { timeInForce: "ioc" });
  expect(kinds(events)).toEqual(["trade", "orderFilled", "trade", "orderFilled", "orderCancelled"]);
  expect(events.at(-1)).toMatchObject({ reason: "ioc", owner: CAROL, id: 1n });
  expect(world.balance(CAROL, QUOTE)).toEqual({ total: 10_000n - 155n, locked: 0n });
  expect(viewOf(world, CAROL, 1)).toMatchObject({ state: "cancelled", reason: "ioc", bought: 30n });
});

test("an immediate-or-cancel order that meets nobody is taken, and cancelled", () => {
  const world = tradingWorld();
  const { events } = world.place(limitOrder(CAROL, 0, 1, "bid", 4, 50), { timeInForce: "ioc" });
  expect(kinds(events)).toEqual(["orderCancelled"]);
  expect(world.balance(CAROL, QUOTE)).toEqual({ total: 10_000n, locked: 0n });
});

test("a fill-or-kill order is filled whole, or refused with what is there", () => {
  const world = worldWithAsks();
  const fok = { timeInForce: "fok" } as const;
  const refused = world.place(limitOrder(CAROL, 0, 1, "bid", 4, 55), fok);
  expect(refused.refusal).toEqual({ code: "NotFilled", wanted: 40n, available: 30n });
  expect(viewOf(world, CAROL, 1)).toBeUndefined();
  const { events } = world.place(limitOrder(CAROL, 0, 1, "bid", 4, 60), fok);
  expect(kinds(events).filter((what) => what === "trade")).toHaveLength(3);
  expect(viewOf(world, CAROL, 1)?.state).toBe("filled");
});

test.each<[OrderTerms["selfTrade"], bigint | undefined]>([
  ["cancelTaker", 20n],
  ["cancelBoth", 20n],
  ["cancelMaker", undefined],
])("a fill-or-kill order that meets its owner's own, %s", (selfTrade, available) => {
  const world = worldWithAsks();
  const terms = { timeInForce: "fok", selfTrade } as const;
  const { refusal, events } = world.place(limitOrder(BOB, 0, 9, "bid", 5, 60), terms);
  if (available !== undefined) {
    expect(refusal).toMatchObject({ code: "NotFilled", available });
    expect(viewOf(world, BOB, 1)?.state).toBe("open");
    return;
  }
  expect(refusal).toBeUndefined();
  expect(events).toContainEqual(
    expect.objectContaining({ what: "orderCancelled", reason: "selfTrade", owner: BOB, id: 1n }),
  );
  expect(viewOf(world, BOB, 9)?.state).toBe("filled");
});

test.each<[OrderTerms["selfTrade"], string, string]>([
  ["cancelTaker", "open", "cancelled"],
  ["cancelMaker", "cancelled", "open"],
  ["cancelBoth", "cancelled", "cancelled"],
])("an order that meets its owner's own, %s", (selfTrade, maker, taker) => {
  const world = worldWithAsks();
  world.place(limitOrder(BOB, 0, 9, "bid", 9, 55), { selfTrade });
  expect(viewOf(world, BOB, 1)?.state).toBe(maker);
  expect(viewOf(world, BOB, 9)).toMatchObject({ state: taker, bought: 20n });
  const locked = taker === "open" ? 7n * 55n : 0n;
  expect(world.balance(BOB, QUOTE)?.locked).toBe(locked);
  expect(world.balance(BOB, BASE)?.locked).toBe(maker === "open" ? 10n : 0n);
});

test("post-only: refused where it would take, its owner's own orders too", () => {
  const world = worldWithAsks();
  const terms = { timeInForce: "postOnly" } as const;
  for (const owner of [CAROL, ALICE]) {
    const { refusal } = world.place(limitOrder(owner, 0, 9, "bid", 1, 50), terms);
    expect(refusal).toEqual({ code: "WouldTake", price: 50n });
  }
  const { events } = world.place(limitOrder(CAROL, 0, 9, "bid", 1, 45), terms);
  expect(kinds(events)).toEqual(["orderRested"]);
});

test("an order good till a block is open in it, and expires after that block", () => {
  const world = tradingWorld();
  const last = world.block + 3;
  world.place(limitOrder(ALICE, 0, 1, "ask", 2, 50), { goodTillBlock: last });
  expect(world.mineTo(last)).toEqual([]);
  expect(viewOf(world, ALICE, 1)?.state).toBe("open");
  expect(world.mine()).toEqual([
    { what: "orderExpired", reason: "goodTillBlock", owner: ALICE, round: 0, id: 1n },
  ]);
  expect(viewOf(world, ALICE, 1)).toMatchObject({ state: "expired", reason: "goodTillBlock" });
  expect(world.balance(ALICE, BASE)).toEqual({ total: 10_000n, locked: 0n });
  const { refusal } = world.place(limitOrder(ALICE, 0, 2, "ask", 2, 50), { goodTillBlock: last });
  expect(refusal).toEqual({ code: "Expired", goodTillBlock: last, block: last + 1 });
});

test("an order good till a block beyond the round ends with the round", () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 2, 50), { goodTillBlock: 5_000 });
  expect(kinds(world.toQuarter(1, 0))).toContain("orderExpired");
  expect(viewOf(world, ALICE, 1)).toMatchObject({ state: "expired", reason: "roundEnded" });
});

test("an order that waits for its round needs time in it, and ends in it", () => {
  const world = tradingWorld();
  const early = world.place(limitOrder(ALICE, 1, 1, "ask", 2, 50), { goodTillBlock: 131 });
  expect(early.refusal).toEqual({ code: "Expired", goodTillBlock: 131, block: 132 });
  world.place(limitOrder(ALICE, 1, 2, "ask", 2, 50), { goodTillBlock: 133 });
  world.toQuarter(1, 0);
  expect(viewOf(world, ALICE, 2, 1)?.state).toBe("open");
  world.duties();
  world.mineTo(134);
  expect(viewOf(world, ALICE, 2, 1)).toMatchObject({ state: "expired", reason: "goodTillBlock" });
});

test("orders that waited are held to their terms when their round opens", () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 1, 1, "ask", 2, 50));
  world.place(limitOrder(BOB, 1, 2, "bid", 2, 50), { timeInForce: "postOnly" });
  world.place(limitOrder(BOB, 1, 3, "bid", 3, 50), { timeInForce: "fok" });
  world.place(limitOrder(CAROL, 1, 4, "bid", 3, 50), { timeInForce: "ioc" });
  const events = world.toQuarter(1, 0);
  expect(events.filter(({ what }) => what === "orderRefused")).toMatchObject([
    { id: 2n, refusal: { code: "WouldTake" } },
    { id: 3n, refusal: { code: "NotFilled", wanted: 30n, available: 20n } },
  ]);
  expect(viewOf(world, BOB, 2, 1)).toMatchObject({ state: "refused", reason: "wouldTake" });
  expect(viewOf(world, BOB, 3, 1)).toMatchObject({ state: "refused", reason: "notFilled" });
  expect(viewOf(world, CAROL, 4, 1)).toMatchObject({ state: "cancelled", bought: 20n });
});

test("money of an order that ends before the quarter is free for a withdrawal", () => {
  const world = tradingWorld();
  world.toQuarter(2, 0);
  world.duties();
  const last = world.block + 2;
  world.place(limitOrder(ALICE, 2, 1, "ask", 1_000, 50), { goodTillBlock: last });
  world.withdraw(ALICE, BASE, 10_000n).mine();
  // In one leap over the order's end and the quarter's.
  expect(world.mineTo(100 + 2 * 32 + 8)).toContainEqual(
    expect.objectContaining({ what: "withdrawalDecided", decision: "debited" }),
  );
});

test("terms, times and reasons outlive a snapshot, and one of version 1 is read without them", () => {
  const world = worldWithAsks();
  world.place(limitOrder(CAROL, 0, 1, "bid", 1, 45), {
    timeInForce: "postOnly",
    goodTillBlock: world.block + 2,
    selfTrade: "cancelBoth",
    tag: "quote 1",
  });
  world.cancel(ALICE, 0, 2);
  const restored = decodeSnapshot(encodeSnapshot(world.state));
  expect(stateHash(restored)).toBe(stateHash(world.state));
  const found = views.order(restored, { owner: CAROL, round: 0, id: 1n });
  expect(found).toEqual(viewOf(world, CAROL, 1));
  expect(found?.placedMs).toBe(world.timeMs - 250);
  expect(views.order(restored, { owner: ALICE, round: 0, id: 2n })?.reason).toBe("owner");
  world.state = restored;
  expect(kinds(world.mine(4))).toContain("orderExpired");

  const old = decodeSnapshot(encodeSnapshot(restored, 1));
  expect(stateHash(old, 1)).toBe(stateHash(restored, 1));
  expect(views.orders(old, ALICE, 0)).toMatchObject([
    { state: "open", placedMs: 0, reason: undefined, terms: { timeInForce: "round" } },
    { state: "cancelled", reason: undefined },
  ]);
});

test("trades carry the writer's time, which never goes back", () => {
  const world = worldWithAsks();
  const trade = (events: readonly ExchangeEvent[]) => {
    const [first] = events;
    return first?.what === "trade" ? first.trade : undefined;
  };
  const { events } = world.place(limitOrder(CAROL, 0, 1, "bid", 1, 50));
  expect(trade(events)?.timeMs).toBe(world.timeMs);
  const before = world.timeMs;
  world.timeMs -= 60_000;
  const late = world.place(limitOrder(CAROL, 0, 2, "bid", 1, 50));
  expect(trade(late.events)?.timeMs).toBe(before);
});
