import { expect, test } from "vitest";
import { MAX_PATH_LENGTH } from "../../protocol/limits.ts";
import { apply } from "../apply.ts";
import { DecodeError } from "../form/codec.ts";
import { createState } from "../model/state.ts";
import * as views from "../queries/views.ts";
import {
  ALICE,
  BASE,
  BOB,
  CAROL,
  GENESIS,
  hashOfBlock,
  limitOrder,
  QUOTE,
  tradingWorld,
  type World,
} from "../world.testkit.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { stateHash } from "./stateHash.ts";

/** One more than a block of signatures takes. */
const longPath = Array.from({ length: MAX_PATH_LENGTH + 1 }, () => `0x${"c3".repeat(32)}` as const);

/** Everything at once: open, filled, queued and cancelled orders, requests, keys, a dispute. */
function busyWorld(): World {
  const world = tradingWorld();
  world.toQuarter(2, 0);
  world.duties();
  world.place(limitOrder(ALICE, 2, 1, "ask", 10, 50));
  world.place(limitOrder(BOB, 2, 1, "bid", 4, 50));
  world.place(limitOrder(CAROL, 2, 2, "ask", 3, 50));
  world.place(limitOrder(CAROL, 2, 1, "bid", 3, 45));
  world.place(limitOrder(ALICE, 3, 1, "ask", 1, 45));
  world.place(limitOrder(BOB, 3, 1, "bid", 1, 45));
  world.cancel(BOB, 3, 1);
  world.withdraw(BOB, QUOTE, 500n).mine();
  world.toQuarter(2, 1);
  world.withdraw(ALICE, BASE, 10_000n);
  world.log({ kind: "tradingKeySet", client: ALICE, fromRound: 3, key: BOB });
  world.log({
    kind: "disputeOpened",
    client: CAROL,
    round: 2,
    opener: CAROL,
    mustProveOpenings: false,
    openingsPresented: true,
    presented: 0,
  });
  world.mine();
  return world;
}

test("a restored exchange is the same, and goes on as the other does", () => {
  const world = busyWorld();
  const restored = decodeSnapshot([...encodeSnapshot(world.state)]);
  expect(stateHash(restored)).toBe(stateHash(world.state));
  expect(views.disputes(restored)).toEqual(views.disputes(world.state));
  expect(views.proof(restored, ALICE, BASE, 2)).toEqual(views.proof(world.state, ALICE, BASE, 2));

  const order = limitOrder(BOB, 2, 2, "bid", 8, 50);
  const signature = { r: hashOfBlock(1), vs: hashOfBlock(2), path: [] };
  const to = { number: 195, hash: hashOfBlock(195) };
  for (const entry of [
    { kind: "placeOrder", order, signature },
    { kind: "blocks", to, logs: [] },
  ] as const) {
    expect(apply(restored, entry)).toEqual(apply(world.state, entry));
    expect(stateHash(restored)).toBe(stateHash(world.state));
  }
});

test.each([
  ["with a path", { path: [`0x${"c3".repeat(32)}`, `0x${"d4".repeat(32)}`] }],
  ["with a path that is too long to be kept as bytes", { path: longPath }],
  ["with digits in upper case", { r: `0x${"aB".repeat(32)}` }],
  ["with such digits in its path", { path: [`0x${"aB".repeat(32)}`] }],
] as const)("an order's signature %s is kept as it came, in a snapshot too", (_, part) => {
  const world = busyWorld();
  const order = limitOrder(BOB, 2, 2, "bid", 8, 50);
  const signature = { r: hashOfBlock(1), vs: hashOfBlock(2), path: [], ...part };
  expect(apply(world.state, { kind: "placeOrder", order, signature }).refusal).toBeUndefined();
  const restored = decodeSnapshot([...encodeSnapshot(world.state)]);
  for (const state of [world.state, restored]) {
    const kept = state.clients.get(BOB)?.rounds.get(order.round)?.orders.get(order.id);
    expect({ order: kept?.order, signature: kept?.signature }).toEqual({ order, signature });
  }
});

test("the hash tells states apart", () => {
  const one = busyWorld();
  const other = busyWorld();
  expect(stateHash(one.state)).toBe(stateHash(other.state));
  other.cancel(CAROL, 2, 1);
  expect(stateHash(one.state)).not.toBe(stateHash(other.state));
});

test("a snapshot that is not whole is refused", () => {
  const records = [...encodeSnapshot(busyWorld().state)];
  expect(() => decodeSnapshot([])).toThrow(DecodeError);
  for (let missing = 0; missing < records.length; missing++) {
    const rest = records.filter((_, i) => i !== missing);
    expect(() => decodeSnapshot(rest), `without record ${missing}`).toThrow(DecodeError);
  }
  expect(() => decodeSnapshot([...records, records[1] as Uint8Array])).toThrow(DecodeError);
});

test.each([
  ["sells nothing", "fits no market", (row: Row) => ({ ...row.order, sellAmount: "0" })],
  ["buys nothing", "fits no market", (row: Row) => ({ ...row.order, buyAmount: "0" })],
  ["is filled beyond its lots", "is filled beyond its lots", undefined],
])("a snapshot with an order that %s is refused", (_, message, orderOf) => {
  const records = [...encodeSnapshot(busyWorld().state, 3)].map((record) => {
    const one = JSON.parse(new TextDecoder().decode(record)) as { rounds?: { orders: Row[] }[] };
    for (const { orders } of one.rounds ?? []) {
      for (const row of orders) {
        if (orderOf === undefined) row.filledLots = "1000000";
        else row.order = orderOf(row);
      }
    }
    return new TextEncoder().encode(JSON.stringify(one));
  });
  expect(() => decodeSnapshot(records)).toThrow(DecodeError);
  expect(() => decodeSnapshot(records)).toThrow(message);
});

/** An order as the JSON of older snapshots has it. */
interface Row {
  order: object;
  filledLots: string;
}

test.each([
  ["a round of 10 blocks", { schedule: { genesisBlock: 1, roundSize: 10 } }],
  ["no block left to commit in", { confirmations: 7 }],
  ["no orders", { limits: { ordersPerClientAndRound: 0 } }],
  ["one token", { markets: [{ base: BASE, quote: BASE, lot: 1n, tick: 1n }] }],
  ["no lot", { markets: [{ base: BASE, quote: QUOTE, lot: 0n, tick: 1n }] }],
  [
    "a pair both ways",
    {
      markets: [
        { base: BASE, quote: QUOTE, lot: 1n, tick: 1n },
        { base: QUOTE, quote: BASE, lot: 1n, tick: 1n },
      ],
    },
  ],
])("a genesis with %s is refused", (_, change) => {
  expect(() => createState({ ...GENESIS, ...change })).toThrow(
    expect.objectContaining({ code: "BadGenesis" }),
  );
});

test("the last confirmations that leave a block to commit in are taken", () => {
  expect(createState({ ...GENESIS, confirmations: 6 }).genesis.confirmations).toBe(6);
});
