import { expect, it } from "vitest";
import { ZERO_ADDRESS } from "../../base/address.ts";
import { checkAnswer } from "../../protocol/disputeRule.ts";
import { sumUp } from "../../protocol/statementRule.ts";
import type { Statement } from "../../protocol/units.ts";
import { checkEvidence } from "../../protocol/withdrawalRule.ts";
import { apply, begin } from "../apply.ts";
import { decodeEntry, type Entry, encodeEntry } from "../model/entries.ts";
import { countedOrders } from "../model/orderLimits.ts";
import { clientOf } from "../model/state.ts";
import * as views from "../queries/views.ts";
import { decodeSnapshot, encodeSnapshot } from "../snapshots/snapshot.ts";
import {
  ALICE,
  BASE,
  BOB,
  limitOrder,
  QUOTE,
  SIGNATURE,
  tradingWorld,
  type World,
} from "../world.testkit.ts";

const LIMIT = 12;

/** Alice buys a lot of Bob's, `id` by `id`; each is executed at once. */
function trade(world: World, from: number, to: number): void {
  for (let id = from; id < to; id++) {
    expect(world.place(limitOrder(BOB, world.round, id, "ask", 1, 5)).refusal).toBeUndefined();
    expect(world.place(limitOrder(ALICE, world.round, id, "bid", 1, 5)).refusal).toBeUndefined();
  }
}

/** What the journal says of the client's orders below the watermark. */
function stated(world: World, client: typeof ALICE, watermark: bigint, except: bigint[] = []) {
  const { round } = world;
  return sumUp(client, { round, watermark, except }, views.orders(world.state, client, round));
}

function countersign(world: World, statement: Statement) {
  return world.apply({
    kind: "countersign",
    statement,
    signature: SIGNATURE,
    countersignature: SIGNATURE,
  });
}

function faultOf(world: World, statement: Statement) {
  const { refusal } = countersign(world, statement);
  return refusal?.code === "WrongStatement" ? refusal.fault.fault : refusal?.code;
}

it("a statement lets a client trade on without limit, order by order", () => {
  const world = tradingWorld();
  trade(world, 1, LIMIT + 1);
  const beyond = limitOrder(ALICE, 0, 50, "bid", 1, 5);
  expect(world.place(beyond).refusal).toMatchObject({ code: "TooManyOrders", limit: LIMIT });
  for (const client of [ALICE, BOB]) {
    expect(countersign(world, stated(world, client, 13n)).refusal).toBeUndefined();
  }
  trade(world, 13, 25);
  expect(countedOrders(clientOf(world.state, ALICE), 0)).toBe(LIMIT);
  expect(views.limits(world.state, ALICE).rounds[0]).toMatchObject({
    orders: { used: LIMIT, left: 0 },
    watermark: 13n,
  });
  expect(views.orders(world.state, ALICE, 0, true).map(({ order: { id } }) => id)).toEqual(
    Array.from({ length: 12 }, (_, i) => BigInt(13 + i)),
  );
});

it("the order limit counts no order that ended with nothing executed", () => {
  const world = tradingWorld();
  for (let id = 1; id <= 3 * LIMIT; id++) {
    expect(world.place(limitOrder(ALICE, 0, id, "bid", 1, 5)).refusal).toBeUndefined();
    expect(world.cancel(ALICE, 0, id).refusal).toBeUndefined();
  }
  expect(countedOrders(clientOf(world.state, ALICE), 0)).toBe(0);
});

it("an order below the watermark is taken no more, not even one that was excepted", () => {
  const world = tradingWorld();
  trade(world, 10, 12);
  countersign(world, stated(world, ALICE, 20n, [5n]));
  for (const id of [5, 19]) {
    const { refusal } = world.place(limitOrder(ALICE, 0, id, "bid", 1, 5));
    expect(refusal).toEqual({ code: "IdBelowWatermark", round: 0, id: BigInt(id), watermark: 20n });
  }
  expect(world.place(limitOrder(ALICE, 0, 20, "bid", 1, 5)).refusal).toBeUndefined();
});

it("the operator countersigns nothing but what the journal says", () => {
  const world = tradingWorld();
  trade(world, 1, 4);
  world.place(limitOrder(ALICE, 0, 4, "ask", 2, 50));
  const right = stated(world, ALICE, 5n, [4n]);
  expect(faultOf(world, { ...right, except: [] })).toBe("openOrder");
  expect(faultOf(world, { ...right, sold: right.sold.map((sum) => sum + 1n) })).toBe("sums");
  expect(faultOf(world, { ...right, bought: right.bought.map(() => 0n) })).toBe("sums");
  expect(faultOf(world, { ...right, tokens: [], sold: [], bought: [] })).toBe("sums");
  const third = [...right.tokens, `0x${"ff".repeat(20)}` as const];
  const zeros = { sold: [...right.sold, 0n], bought: [...right.bought, 0n] };
  expect(faultOf(world, { ...right, tokens: third, ...zeros })).toBe("sums");
  expect(faultOf(world, { ...right, watermark: 0n, except: [] })).toBe("form");
  expect(faultOf(world, { ...right, round: 1 })).toBe("round");
  expect(faultOf(world, { ...right, client: QUOTE })).toBe("UnknownClient");
  expect(faultOf(world, { ...stated(world, ALICE, 1n) })).toBe("nothing");
  expect(faultOf(world, right)).toBeUndefined();
  expect(faultOf(world, right)).toBe("nothing");
  trade(world, 5, 7);
  expect(faultOf(world, stated(world, ALICE, 7n, [3n, 4n]))).toBe("coversLess");
  expect(faultOf(world, stated(world, ALICE, 6n, [4n]))).toBeUndefined();
});

it("a past round can be stated until it is disputed", () => {
  const world = tradingWorld();
  trade(world, 1, 3);
  world.place(limitOrder(ALICE, 0, 9, "bid", 2, 5));
  const statement = stated(world, ALICE, 10n);
  world.toQuarter(1, 0);
  dispute(world, 1);
  expect(faultOf(world, statement)).toBe("disputed");
  const other = tradingWorld();
  trade(other, 1, 3);
  const past = stated(other, ALICE, 10n);
  other.toQuarter(1, 0);
  expect(faultOf(other, past)).toBeUndefined();
});

function dispute(world: World, round: number): void {
  world
    .log({
      kind: "disputeOpened",
      client: ALICE,
      round,
      opener: ALICE,
      openingsPresented: false,
      mustProveOpenings: false,
      presented: 0,
    })
    .mine();
}

it("a dispute is answered with the statement and the executions that it does not cover", () => {
  const world = tradingWorld();
  trade(world, 1, 4);
  countersign(world, stated(world, ALICE, 4n));
  trade(world, 4, 6);
  world.toQuarter(1, 0);
  world.log({
    kind: "statementPresented",
    client: ALICE,
    token: ZERO_ADDRESS,
    round: 1,
    statementRound: 0,
    watermark: 4n,
    except: [],
  });
  dispute(world, 1);
  const answer = views.disputeAnswer(world.state, ALICE, 1);
  if (answer === undefined) throw new Error("no dispute is open.");
  expect(answer.statement?.watermark).toBe(4n);
  expect(answer.presentedCover).toEqual({ round: 0, watermark: 4n, except: [] });
  expect(answer.executions.map(({ order: { id } }) => id)).toEqual([4n, 5n]);
  expect(checkAnswer({ ...answer, presented: [] })).toBeUndefined();
  const without = { ...answer, statement: undefined, presented: [] };
  expect(checkAnswer(without)?.fault).toBe("NotCovered");
  const covered = views.coveredExecutions(world.state, answer);
  expect(covered.map(({ order: { id } }) => id)).toEqual([1n, 2n, 3n]);
});

function replayed({ entries: [first, ...rest] }: World): World["state"] {
  const state = begin(first as Entry);
  for (const entry of rest) apply(state, entry as Entry);
  return state;
}

/** Alice sells some of her base, states a part of it, and asks for more than is left. */
function overdraw(world: World): void {
  world.toQuarter(1, 1);
  const opening = views.openingBalance(world.state, ALICE, BASE, 1) ?? 0n;
  for (let id = 1; id <= 6; id++) {
    world.place(limitOrder(BOB, 1, id, "bid", 1, 5));
    world.place(limitOrder(ALICE, 1, id, "ask", 1, 5));
  }
  countersign(world, stated(world, ALICE, 5n));
  world.toQuarter(2, 1);
  world.log({
    kind: "withdrawalInitiated",
    client: ALICE,
    token: BASE,
    amount: opening - 45n,
    opening,
    recipient: ALICE,
    round: 2,
  });
  world.log({
    kind: "statementPresented",
    client: ALICE,
    token: BASE,
    round: 2,
    statementRound: 1,
    watermark: 5n,
    except: [],
  });
  world.mine();
}

it("the statement and the fewest orders prove a request overdrawn, once and for all", () => {
  const world = tradingWorld();
  overdraw(world);
  world.place(limitOrder(ALICE, 2, 1, "ask", 2, 50));
  world.toQuarter(2, 2);
  const evidence = views.evidenceAgainst(world.state, ALICE, BASE);
  if (evidence === undefined) throw new Error("the request was not refused.");
  const orders = evidence.orders.map(({ order }) => order);
  const statements = evidence.statements.map(({ statement }) => statement);
  expect(statements).toHaveLength(1);
  expect(orders.map(({ round, id }) => [round, id])).toEqual([[2, 1n]]);
  expect(evidence.presented).toEqual([{ round: 1, watermark: 5n, except: [] }]);
  expect(checkEvidence(evidence, orders, statements)).toBeUndefined();
  // What ends afterwards, and a statement about it, are no part of it.
  world.cancel(ALICE, 2, 1);
  world.place(limitOrder(ALICE, 2, 2, "ask", 1, 5));
  world.place(limitOrder(BOB, 2, 7, "bid", 1, 5));
  countersign(world, stated(world, ALICE, 3n));
  expect(views.evidenceAgainst(world.state, ALICE, BASE)).toEqual(evidence);
  const again = decodeSnapshot(encodeSnapshot(world.state));
  expect(views.evidenceAgainst(again, ALICE, BASE)).toEqual(evidence);
});

it("a replay and a snapshot give the same state, statements among the records", () => {
  const world = tradingWorld();
  overdraw(world);
  world.toQuarter(2, 2);
  const bytes = (state: World["state"]) =>
    [...encodeSnapshot(state)].map((part) => Buffer.from(part).toString());
  expect(bytes(replayed(world))).toEqual(bytes(world.state));
  expect(bytes(decodeSnapshot(encodeSnapshot(world.state)))).toEqual(bytes(world.state));
  const records = world.entries.map(encodeEntry).map((one) => Buffer.from(one).toString());
  const versions = records.map((text) => /^\{"version":(\d)/.exec(text)?.[1]);
  for (const [i, { kind }] of world.entries.entries()) {
    const isNew = kind === "countersign" || records[i]?.includes("statementPresented");
    expect(versions[i]).toBe(kind === "genesis" ? "1" : isNew ? "3" : "2");
    expect(decodeEntry(Buffer.from(records[i] as string))).toEqual(world.entries[i]);
  }
});
