/** Blocks that do much are applied in turns of the event loop, and told as if they were not. */
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { apply } from "../../exchange/apply.ts";
import type { BlocksEntry, Entry } from "../../exchange/model/entries.ts";
import { type ExchangeEvent, ORDERS_OF_A_PART } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import { balances, roots } from "../../exchange/queries/views.ts";
import { prepareTrees } from "../../exchange/rounds/prepareTrees.ts";
import { decodeSnapshot, encodeSnapshot } from "../../exchange/snapshots/snapshot.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import {
  BASE,
  clientNo,
  depositsOfMany,
  hashOfBlock,
  limitOrder,
  MANY_CLIENTS,
  QUEUED_UNTIL,
  QUOTE,
  queuedWorld,
  SCHEDULE,
  SIGNATURE,
  World,
} from "../../exchange/world.testkit.ts";
import { FIRST_TERMS_ID } from "../../protocol/trading/terms.ts";
import { applyInTurns } from "./applyInTurns.ts";
import { History } from "./history.ts";

const ZERO = hashOfBlock(0);

function blocksTo(number: number, logs: BlocksEntry["logs"] = []): BlocksEntry {
  return { kind: "blocks", to: { number, hash: hashOfBlock(number) }, logs, timeMs: 1 };
}

function copyOf(state: State): State {
  return decodeSnapshot(encodeSnapshot(state));
}

/** A history, and everything that was told. */
function listener(state: State) {
  const history = new History();
  const told: ExchangeEvent[][] = [];
  const expired: number[] = [];
  const onApplied = (
    _: Entry,
    outcome: { events: readonly ExchangeEvent[]; expired?: Iterable<unknown> },
  ) => {
    told.push([...outcome.events]);
    if (outcome.expired !== undefined) expired.push(told.length);
  };
  return { live: { state, history, onApplied }, history, told, expired };
}

const sumOf = (state: State, token: string) =>
  state.clientList
    .flatMap(({ address }) => balances(state, address) ?? [])
    .filter((one) => one.token === token)
    .reduce((sum, { total }) => sum + total, 0n);

test("a round that opens with many orders is applied in turns, and money adds up at each", async () => {
  const { state } = queuedWorld();
  const { live, history, told, expired } = listener(state);
  const whole = copyOf(state);
  const sums = [BASE, QUOTE].map((token) => sumOf(state, token));
  const entry = blocksTo(QUEUED_UNTIL);

  let turns = 0;
  let isDone = false;
  const applied = Promise.resolve(applyInTurns(live, entry, 9)).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    expect([BASE, QUOTE].map((token) => sumOf(state, token))).toEqual(sums);
    if (told.length === 0) expect(history.upTo).toBe(0);
    expect(history.whenWhole()).toBeDefined();
    turns++;
    // As the hasher does, in turns of its own.
    prepareTrees(state, 100);
    await setImmediate();
  }
  expect(turns).toBeGreaterThan(MANY_CLIENTS / ORDERS_OF_A_PART);
  expect(history.whenWhole()).toBeUndefined();
  expect(history.upTo).toBe(9);

  const expected = apply(whole, entry);
  const outcome = await applied;
  expect(outcome.events).toEqual(expected.events);
  expect(told.flat()).toEqual(expected.events);
  expect(Math.max(...told.map(({ length }) => length))).toBeLessThanOrEqual(512);
  expect(expired).toEqual([told.length]);
  expect(stateHash(state)).toBe(stateHash(whole));
  expect(roots(state, 1)).toEqual(roots(whole, 1));
  // The trees with which round 2 opens are made of what was written ahead meanwhile.
  const block = QUEUED_UNTIL + 1;
  const committed = roots(state, 1).map((root, logIndex) => {
    const place = { block, blockHash: hashOfBlock(block), logIndex, transactionHash: ZERO };
    return { kind: "committed", round: 1, ...root, ...place } as const;
  });
  for (const one of [state, whole]) {
    apply(one, blocksTo(block, committed));
    apply(one, blocksTo(QUEUED_UNTIL + SCHEDULE.roundSize));
  }
  expect(roots(state, 2)).toEqual(roots(whole, 2));
  expect(roots(state, 2)).not.toEqual(roots(state, 1));
  const what = new Set(told.flat().map((event) => event.what));
  expect([...what].sort()).toEqual([
    "orderFilled",
    "orderRested",
    "quarterBegan",
    "roundClosed",
    "trade",
  ]);
  const atOnce = new History();
  atOnce.record(9, expected.events, whole.timeMs);
  expect(history.encode()).toEqual(atOnce.encode());
});

const END = SCHEDULE.genesisBlock + 6;

/** In round 0, each of many clients with an order that ends with a block. */
function endingWorld(how: "goodTillBlock" | "deadMan"): World {
  const world = new World().list(BASE, QUOTE);
  world.mine();
  depositsOfMany(world).mine();
  for (let n = 0; n < MANY_CLIENTS; n++) {
    const owner = clientNo(n);
    const [side, price] = n % 2 === 0 ? (["ask", 10] as const) : (["bid", 5] as const);
    const order = { ...limitOrder(owner, 0, 1, side, 1, price), id: FIRST_TERMS_ID };
    const terms = how === "goodTillBlock" ? { goodTillBlock: END - 1 } : {};
    expect(world.place(order, terms).refusal).toBeUndefined();
    if (how === "goodTillBlock") continue;
    const wish = { owner, round: 0, nonce: 1n, block: END - 1, graceBlocks: 0 };
    const { refusal } = world.apply({ kind: "cancelAfter", ...wish, signature: SIGNATURE });
    expect(refusal).toBeUndefined();
  }
  return world;
}

test.each([
  ["goodTillBlock", "orderExpired"],
  ["deadMan", "orderCancelled"],
] as const)(
  "orders that end with one block do so in turns, and as at once: %s",
  async (how, what) => {
    const { state } = endingWorld(how);
    const whole = copyOf(state);
    const { live, history, told } = listener(state);
    const entry = blocksTo(END);
    const applied = applyInTurns(live, entry, 9);
    let turns = 0;
    // All is applied before anything is told.
    for (; told.length === 0; turns++) await setImmediate();
    expect(turns).toBeGreaterThanOrEqual(3);
    const { events } = await applied;
    expect(events).toEqual(apply(whole, entry).events);
    expect(events.filter((event) => event.what === what)).toHaveLength(MANY_CLIENTS);
    expect(told.flat()).toEqual(events);
    expect(stateHash(state)).toBe(stateHash(whole));
    expect(history.whenWhole()).toBeUndefined();
  },
);

test("a reader that waits for whole records goes on once all was told", async () => {
  const { state } = queuedWorld();
  const { live, history, told } = listener(state);
  const applied = applyInTurns(live, blocksTo(QUEUED_UNTIL), 9);
  await history.whenWhole();
  const seen = told.flat().length;
  expect(seen).toBe((await applied).events.length);
});

test("deposits of a block have the places in it that they have when told at once", async () => {
  const world = depositsOfMany(new World().list(BASE, QUOTE));
  const state = copyOf(world.state);
  world.mine();
  const entry = world.entries.at(-1) as BlocksEntry;
  const { live, history, told } = listener(state);
  const outcome = await applyInTurns(live, entry, 2);
  expect(told.length).toBeGreaterThan(3);
  const atOnce = new History();
  atOnce.record(2, outcome.events, state.timeMs);
  expect(history.encode()).toEqual(atOnce.encode());
});

test("blocks that do little are applied at once", () => {
  const { state } = new World().list(BASE);
  const { live, history, told } = listener(state);
  expect(applyInTurns(live, blocksTo(SCHEDULE.genesisBlock), 2)).toMatchObject({ events: [] });
  expect([history.upTo, history.whenWhole(), told]).toEqual([2, undefined, [[]]]);
});

test("readers are told nothing of a state in whose midst the machine failed", async () => {
  const { state } = queuedWorld();
  const { live, history } = listener(state);
  const failing = { ...live, onApplied: () => expect.fail("told") };
  await expect(applyInTurns(failing, blocksTo(QUEUED_UNTIL), 9)).rejects.toThrow("told");
  await setImmediate();
  expect(history.whenWhole()).toBeDefined();
});
