import { expect, test } from "vitest";
import type { CancelAfterEntry, CancelAllEntry } from "../model/entries.ts";
import { decodeEntry, encodeEntry } from "../model/entries.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import * as views from "../queries/views.ts";
import { decodeSnapshot, encodeSnapshot } from "../snapshots/snapshot.ts";
import { stateHash } from "../snapshots/stateHash.ts";
import {
  ALICE,
  BASE,
  BOB,
  CAROL,
  clientNo,
  limitOrder,
  QUOTE,
  SIGNATURE,
  tradingWorld,
  type World,
} from "../world.testkit.ts";

const cancelled = (events: readonly ExchangeEvent[]) =>
  events.flatMap((one) => (one.what === "orderCancelled" ? [[one.reason, one.id]] : []));

function all(owner = ALICE, nonce = 5n, round = 0): CancelAllEntry {
  return { kind: "cancelAll", owner, round, nonce, signature: SIGNATURE };
}

function after(block: number, nonce = 5n, graceBlocks = 0, owner = ALICE): CancelAfterEntry {
  const command = { owner, round: 0, nonce, block, graceBlocks };
  return { kind: "cancelAfter", ...command, signature: SIGNATURE };
}

/** Two resting orders of Alice and one that waits, and one of Bob. */
function quotedWorld(): World {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 2, 50));
  world.place(limitOrder(ALICE, 0, 2, "bid", 2, 45));
  world.place(limitOrder(ALICE, 1, 3, "ask", 2, 50));
  world.place(limitOrder(BOB, 0, 4, "ask", 2, 55));
  return world;
}

function restart(world: World): void {
  const restored = decodeSnapshot(encodeSnapshot(world.state));
  expect(stateHash(restored)).toBe(stateHash(world.state));
  world.state = restored;
}

test("cancel all takes out the open and waiting orders of its owner alone", () => {
  const world = quotedWorld();
  const { events } = world.apply(all());
  expect(cancelled(events)).toEqual([
    ["cancelAll", 1n],
    ["cancelAll", 2n],
    ["cancelAll", 3n],
  ]);
  for (const token of [BASE, QUOTE]) expect(world.balance(ALICE, token)?.locked).toBe(0n);
  expect(views.order(world.state, { owner: BOB, round: 0, id: 4n })?.state).toBe("open");
  expect(world.state.clients.get(ALICE)?.cancelledAll?.orders).toHaveLength(3);
});

test("a command counts once, and none comes after a newer one, a restart later too", () => {
  const world = quotedWorld();
  world.apply(all());
  world.place(limitOrder(ALICE, 0, 6, "ask", 2, 50));
  restart(world);
  for (const entry of [all(), all(ALICE, 4n), after(200)]) {
    const { nonce } = entry;
    expect(world.apply(entry).refusal).toEqual({ code: "OldNonce", nonce, last: 5n });
  }
  expect(views.order(world.state, { owner: ALICE, round: 0, id: 6n })?.state).toBe("open");
  expect(world.apply(all(ALICE, 6n)).refusal).toBeUndefined();
});

test.each([
  ["OrderRoundClosed", all(ALICE, 5n, 1)],
  ["UnknownClient", all(clientNo(77))],
  ["Expired", after(100)],
])("%s", (code, entry) => {
  expect(quotedWorld().apply(entry).refusal?.code).toBe(code);
});

test("the dead-man switch fires after its block, once, also after a restart", () => {
  const world = quotedWorld();
  const block = world.block + 3;
  world.apply(after(block));
  restart(world);
  expect(world.mineTo(block)).toEqual([]);
  expect(cancelled(world.mine())).toEqual([
    ["deadMan", 1n],
    ["deadMan", 2n],
    ["deadMan", 3n],
  ]);
  world.place(limitOrder(ALICE, 0, 6, "ask", 2, 50));
  expect(world.mine(3)).toEqual([]);
});

test("a switch that is set anew or taken off does not fire", () => {
  const world = quotedWorld();
  world.apply(after(world.block + 2));
  world.apply(after(world.block + 9, 6n));
  expect(cancelled(world.mine(5))).toEqual([]);
  world.apply(after(0, 7n));
  expect(cancelled(world.mine(9))).toEqual([]);
});

test("a client's sign of life moves a switch with grace, and no other", () => {
  const world = quotedWorld();
  world.apply(after(world.block + 2, 5n, 4));
  world.apply(after(world.block + 2, 5n, 0, BOB));
  world.mine(2);
  world.apply({ kind: "keepAlive", clients: [ALICE, BOB, CAROL, clientNo(77)] });
  restart(world);
  expect(cancelled(world.mine(3))).toEqual([["deadMan", 4n]]);
  expect(cancelled(world.mine(2))).toHaveLength(3);
});

test("money that a switch frees counts for a withdrawal at the same boundary", () => {
  const world = tradingWorld();
  world.toQuarter(2, 0);
  world.duties();
  world.place(limitOrder(ALICE, 2, 1, "ask", 1_000, 50));
  world.apply({ ...after(world.block + 2), round: 2 });
  world.withdraw(ALICE, BASE, 10_000n).mine();
  expect(world.mineTo(100 + 2 * 32 + 8)).toContainEqual(
    expect.objectContaining({ what: "withdrawalDecided", decision: "debited" }),
  );
});

test("replace: both or neither, with the money of the old order, and nothing traded between", () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 1_000, 50));
  const replace = (id: number, order: ReturnType<typeof limitOrder>) =>
    world.apply({
      kind: "replaceOrder",
      cancel: { owner: ALICE, round: 0, id: BigInt(id) },
      cancelSignature: SIGNATURE,
      order,
      signature: SIGNATURE,
    });
  const tooDear = replace(1, limitOrder(ALICE, 0, 2, "ask", 1_001, 55));
  expect(tooDear.refusal).toMatchObject({ code: "InsufficientFunds", free: 10_000n });
  expect(world.balance(ALICE, BASE)).toEqual({ total: 10_000n, locked: 10_000n });
  // Its own order would be met, were it still there.
  const { events } = replace(1, limitOrder(ALICE, 0, 2, "bid", 2, 60));
  expect(events.map(({ what }) => what)).toEqual(["orderCancelled", "orderRested"]);
  expect(cancelled(events)).toEqual([["replaced", 1n]]);
  const again = replace(1, limitOrder(ALICE, 0, 3, "bid", 2, 60));
  expect(again.refusal).toMatchObject({ code: "OrderNotOpen", end: "cancelled" });
  expect(views.order(world.state, { owner: ALICE, round: 0, id: 3n })).toBeUndefined();
});

test("a block takes as many orders as fit, and the next block as many again", () => {
  const world = tradingWorld();
  const client = world.state.clients.get(ALICE);
  if (client === undefined) throw new Error("no client");
  world.place(limitOrder(ALICE, 0, 1, "ask", 1, 50));
  expect(views.limits(world.state, ALICE)).toMatchObject({
    rounds: [
      { round: 0, orders: { limit: 12, used: 1, left: 11 }, placements: { used: 1 } },
      { round: 1, orders: { used: 0 } },
    ],
    blockPlacements: { used: 1 },
  });
  client.placed = { block: world.block, count: 500 };
  restart(world);
  const { refusal } = world.place(limitOrder(ALICE, 0, 2, "ask", 1, 50));
  expect(refusal).toEqual({ code: "PlacedTooFast", block: world.block, limit: 500 });
  world.mine();
  expect(world.place(limitOrder(ALICE, 0, 2, "ask", 1, 50)).refusal).toBeUndefined();
});

test("commands are records of version 2 only", () => {
  const entries = [all(), after(120, 6n, 3), { kind: "keepAlive", clients: [ALICE] } as const];
  for (const entry of entries) {
    const timed = { ...entry, timeMs: 7 };
    expect(decodeEntry(encodeEntry(timed))).toEqual(timed);
    expect(() => encodeEntry(entry)).toThrow(/without its time/);
  }
});
