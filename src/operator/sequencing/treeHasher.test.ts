/** Over a round's edge the event loop goes on turning: a lease is renewed between two slices. */
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { apply, begin } from "../../exchange/apply.ts";
import type { BlocksEntry, Entry } from "../../exchange/model/entries.ts";
import type { State } from "../../exchange/model/state.ts";
import { areTreesHashed, proof, roots } from "../../exchange/queries/views.ts";
import { BASE, clientNo, GENESIS, QUOTE, SCHEDULE } from "../../exchange/world.testkit.ts";
import { type ChainView, owedDuties } from "../duties/duties.ts";
import { TreeHasher } from "./treeHasher.ts";

const CLIENTS = 20_000;
/** What TreeHasher does in one slice at most. */
const SLICE = 1024;
const EDGE = SCHEDULE.genesisBlock + SCHEDULE.roundSize;

function blocks(number: number, logs: readonly object[]): Entry {
  const to = { number, hash: `0x${number.toString(16).padStart(64, "0")}` as const };
  const place = { block: number, blockHash: to.hash, transactionHash: to.hash };
  const placed = logs.map((log, logIndex) => ({ ...log, ...place, logIndex }));
  return { kind: "blocks", to, logs: placed } as unknown as BlocksEntry;
}

/** Just before the first block of round 1, with money of everybody in two tokens. */
function crowd(): State {
  const state = begin(GENESIS);
  const tokens = [BASE, QUOTE];
  const list = (token: string) => ({ kind: "tokenListed", token, round: 0 });
  apply(state, blocks(SCHEDULE.genesisBlock, tokens.map(list)));
  const deposits = Array.from({ length: CLIENTS }, (_, n) =>
    tokens.map((token) => ({
      kind: "deposited",
      client: clientNo(n),
      token,
      amount: 5n,
      round: 0,
    })),
  );
  apply(state, blocks(SCHEDULE.genesisBlock + 1, deposits.flat()));
  return state;
}

const NOTHING_DONE: ChainView = {
  head: EDGE,
  isRequestActive: () => true,
  isCommitted: () => false,
  isDisputeOpen: () => true,
};

const unhashed = (state: State) =>
  [...state.tokens.values()].reduce((sum, { tree }) => sum + tree.unhashedLeaves, 0);

test("a leader renews its lease every slice, and the commit is owed once it can be sent", async () => {
  const state = crowd();
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
  apply(state, blocks(EDGE, []));
  hasher.offer();
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
  expect(proof(state, clientNo(777), BASE, 1)?.balance).toBe(5n);
});

test("a stopped hasher does nothing more, and what was left is made on demand", async () => {
  const state = crowd();
  const hasher = new TreeHasher({ state, onHashed: () => {}, onFailure: () => {} });
  apply(state, blocks(EDGE, []));
  hasher.offer();
  hasher.stop();
  await setImmediate();
  await setImmediate();
  expect(unhashed(state)).toBe(2 * CLIENTS);
  expect(roots(state, 1).map(({ total }) => total)).toEqual([5n * 20_000n, 5n * 20_000n]);
});
