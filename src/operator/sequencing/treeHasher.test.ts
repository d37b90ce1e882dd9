/** Over a round's edge the event loop goes on turning: a lease is renewed between two slices. */
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { apply, begin } from "../../exchange/apply.ts";
import type { BlocksEntry, Entry } from "../../exchange/model/entries.ts";
import type { State } from "../../exchange/model/state.ts";
import { areTreesHashed, book, proof, roots } from "../../exchange/queries/views.ts";
import { prepareTrees } from "../../exchange/rounds/prepareTrees.ts";
import {
  BASE,
  clientNo,
  depositsOfMany,
  GENESIS,
  limitOrder,
  MANY_CLIENTS,
  MARKET,
  QUOTE,
  SCHEDULE,
  SIGNATURE,
  World,
} from "../../exchange/world.testkit.ts";
import { type ChainView, owedDuties } from "../duties/duties.ts";
import { applyInTurns } from "../replay/applyInTurns.ts";
import { History } from "../replay/history.ts";
import { TreeHasher } from "./treeHasher.ts";

/** As large as the exchange whose edge docs/performance.md measures. */
const CLIENTS = 100_000;
/** Of 100 clients, so many have an open order when the round ends. */
const OPEN_OF_100 = 94;
/** Deposits of one block. */
const LOGS_AT_ONCE = 20_000;
const HELD = 1_000n;
/** What TreeHasher does in one slice at most. */
const SLICE = 1024;
const EDGE = SCHEDULE.genesisBlock + SCHEDULE.roundSize;

function blocks(number: number, logs: readonly object[]): Entry {
  const to = { number, hash: `0x${number.toString(16).padStart(64, "0")}` as const };
  const place = { block: number, blockHash: to.hash, transactionHash: to.hash };
  const placed = logs.map((log, logIndex) => ({ ...log, ...place, logIndex }));
  return { kind: "blocks", to, logs: placed } as unknown as BlocksEntry;
}

/** Just before the first block of round 1: everybody has money in two tokens, most an order. */
function crowd(clients: number): State {
  const state = begin(GENESIS);
  const tokens = [BASE, QUOTE];
  const list = (token: string) => ({ kind: "tokenListed", token, round: 0 });
  apply(state, blocks(SCHEDULE.genesisBlock, tokens.map(list)));
  const deposits = Array.from({ length: clients }, (_, n) =>
    tokens.map((token) => ({
      kind: "deposited",
      client: clientNo(n),
      token,
      amount: HELD,
      round: 0,
    })),
  );
  const logs = deposits.flat();
  for (let at = 0, block = SCHEDULE.genesisBlock + 1; at < logs.length; at += LOGS_AT_ONCE) {
    apply(state, blocks(block++, logs.slice(at, at + LOGS_AT_ONCE)));
  }
  for (let n = 0; n < clients; n++) {
    if (n % 100 >= OPEN_OF_100) continue;
    const order = limitOrder(clientNo(n), 0, 1, "bid", 1, 5 + 5 * (n % 100));
    const { refusal } = apply(state, { kind: "placeOrder", order, signature: SIGNATURE });
    if (refusal !== undefined) throw new Error(refusal.code);
  }
  return state;
}

const NOTHING_DONE: ChainView = {
  head: EDGE,
  isRequestActive: () => true,
  isCommitted: () => false,
  isDisputeOpen: () => true,
};

const openBids = (state: State) => {
  const pair = { sellToken: MARKET.base, buyToken: MARKET.quote };
  return (book(state, pair, 100)?.bids ?? []).reduce((sum, { orders }) => sum + orders, 0);
};
const unhashed = (state: State) =>
  [...state.tokens.values()].reduce((sum, { tree }) => sum + tree.unhashedLeaves, 0);

test("a leader renews its lease every slice, and the commit is owed once it can be sent", async () => {
  const state = crowd(CLIENTS);
  const told: [number, boolean][] = [];
  const hasher = new TreeHasher({
    state,
    onHashed: (...hashed) => told.push(hashed),
    onFailure: (error) => {
      throw error;
    },
  });
  hasher.offer();
  while ([...state.tokens.values()].some(({ changed }) => changed.size >= SLICE / 2)) {
    await setImmediate();
  }
  expect(openBids(state)).toBe((CLIENTS / 100) * OPEN_OF_100);
  apply(state, blocks(EDGE, []));
  hasher.offer();
  expect(openBids(state)).toBe(0);
  expect(told).toEqual([[0, false]]);
  expect(unhashed(state)).toBe(2 * CLIENTS);
  expect(owedDuties(state, NOTHING_DONE)).toMatchObject([{ kind: "commit", waitsFor: "round" }]);

  let renewals = 0;
  for (let before = unhashed(state); !areTreesHashed(state, 1); before = unhashed(state)) {
    await setImmediate();
    renewals += 1;
    expect(before - unhashed(state)).toBeLessThanOrEqual(SLICE);
  }
  expect(renewals).toBeGreaterThanOrEqual((4 * CLIENTS) / SLICE);
  expect(told).toEqual([
    [0, false],
    [1, true],
  ]);
  const [commit] = owedDuties(state, NOTHING_DONE);
  expect(commit).toMatchObject({ kind: "commit", round: 1, roots: roots(state, 1) });
  expect(commit?.waitsFor).toBeUndefined();
  expect(proof(state, clientNo(777), BASE, 1)?.balance).toBe(HELD);
});

test("a stopped hasher does nothing more, and what was left is made on demand", async () => {
  const clients = CLIENTS / 10;
  const state = crowd(clients);
  const hasher = new TreeHasher({ state, onHashed: () => {}, onFailure: () => {} });
  apply(state, blocks(EDGE, []));
  hasher.offer();
  hasher.stop();
  await setImmediate();
  await setImmediate();
  expect(unhashed(state)).toBe(2 * clients);
  const sum = HELD * BigInt(clients);
  expect(roots(state, 1).map(({ total }) => total)).toEqual([sum, sum]);
});

test("roots are told and owed once all of their block is applied, a late cancellation too", async () => {
  const world = depositsOfMany(new World().list(BASE, QUOTE));
  world.mine();
  world.toQuarter(2, 0);
  world.duties();
  world.withdraw(clientNo(0), BASE, 40n).toQuarter(2, 3);
  const edge = SCHEDULE.genesisBlock + 3 * SCHEDULE.roundSize;
  world.mineTo(edge - 1);
  for (let n = 1; n < MANY_CLIENTS; n++) {
    const side = n % 2 === 0 ? "ask" : "bid";
    expect(world.place(limitOrder(clientNo(n), 3, 1, side, 1, 50)).refusal).toBeUndefined();
  }
  const { state } = world;
  while (!prepareTrees(state, SLICE));
  const history = new History();
  const told: number[] = [];
  const hasher = new TreeHasher({
    state,
    onHashed: (round) => {
      told.push(round);
      if (round === 3) expect(state.head?.number).toBe(edge);
    },
    onFailure: (error) => {
      throw error;
    },
  });
  const cancelled = { kind: "withdrawalCancelled", client: clientNo(0), token: BASE, round: 2 };
  const entry = blocks(edge, [{ ...cancelled, amount: 40n }]) as BlocksEntry;
  const live = { state, history, onApplied: () => hasher.offer() };
  const applied = applyInTurns(live, entry, 9);
  let looks = 0;
  for (; state.head?.number !== edge; looks++) {
    hasher.offer();
    const owed = owedDuties(state, {
      ...NOTHING_DONE,
      head: edge + 2,
      isRequestActive: () => false,
    });
    for (const { waitsFor } of owed) expect(waitsFor).toBeDefined();
    await setImmediate();
  }
  expect(looks).toBeGreaterThan(2);
  await applied;
  while (!areTreesHashed(state, 3)) await setImmediate();
  hasher.offer();
  expect(told.at(-1)).toBe(3);
  const [commit] = owedDuties(state, { ...NOTHING_DONE, head: edge + 2 });
  expect(commit).toMatchObject({ kind: "commit", round: 3, roots: roots(state, 3) });
  expect(proof(state, clientNo(0), BASE, 3)?.balance).toBe(100n);
});
