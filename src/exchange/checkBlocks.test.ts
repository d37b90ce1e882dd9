/** Blocks are proven before they are written: the proof against the machine itself, on copies. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { UINT128_MAX } from "../base/bytes.ts";
import { apply, begin } from "./apply.ts";
import { checkBlocks } from "./checkBlocks.ts";
import { corrupted, corruption, historyOf, merged, step } from "./corruptions.testkit.ts";
import { type BlocksEntry, decodeEntry, type Entry, encodeEntry } from "./model/entries.ts";
import type { State } from "./model/state.ts";
import * as views from "./queries/views.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshots/snapshot.ts";
import { stateHash } from "./snapshots/stateHash.ts";
import {
  ALICE,
  BASE,
  BOB,
  GENESIS,
  hashOfBlock,
  type LooseLog,
  limitOrder,
  QUOTE,
  THIRD,
  tradingWorld,
  type World,
} from "./world.testkit.ts";

const copyOf = (state: State) => decodeSnapshot(encodeSnapshot(state));

/** Whether a start could read a record of `entry` that follows `state`. */
function isReadable(state: State, entry: BlocksEntry): boolean {
  try {
    apply(copyOf(state), decodeEntry(encodeEntry(entry)));
    return true;
  } catch {
    return false;
  }
}

test("the check takes what the machine takes, and nothing else, whatever the logs", () => {
  const seen = { sound: 0, taken: 0, refused: 0 };
  const kinds = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 80 }),
      fc.array(corruption, { minLength: 4, maxLength: 9 }),
      fc.integer({ min: 1, max: 6 }),
      (steps, corruptions, parts) => {
        const entries = merged(historyOf(steps), parts);
        const logs = entries.flatMap((entry) => (entry.kind === "blocks" ? entry.logs : []));
        for (const { kind } of logs) kinds.add(kind);
        const state = begin(GENESIS);
        for (const entry of entries.slice(1)) {
          if (entry.kind === "blocks") {
            expect(checkBlocks(state, entry)).toBeUndefined();
            seen.sound += 1;
            const how = corruptions[seen.sound % corruptions.length];
            const bad = how === undefined ? entry : corrupted(entry, how, logs);
            if (bad !== entry) {
              const problem = checkBlocks(state, bad);
              expect(problem === undefined, problem).toBe(isReadable(state, bad));
              seen[problem === undefined ? "taken" : "refused"] += 1;
            }
          }
          apply(state, entry);
        }
      },
    ),
    { numRuns: 150 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(300);
  expect(kinds.size).toBe(9);
});

test("the check changes nothing of the state", () => {
  const world = tradingWorld();
  world.toQuarter(1, 0);
  world.duties();
  const before = stateHash(world.state);
  const wide = world.block + 70;
  const to = { number: wide, hash: hashOfBlock(wide) };
  expect(checkBlocks(world.state, { kind: "blocks", to, logs: [] })).toBeUndefined();
  const twice = doubled(world);
  expect(checkBlocks(world.state, twice)).toMatch(/is not after the last one/);
  expect(stateHash(world.state)).toBe(before);
});

/** The next block with a deposit in it that stands there twice. */
function doubled(world: World): BlocksEntry {
  const number = world.block + 1;
  const blockHash = hashOfBlock(number);
  const place = { block: number, blockHash, logIndex: 0, transactionHash: blockHash };
  const round = world.nextRound();
  const log = {
    kind: "deposited",
    client: ALICE,
    token: BASE,
    amount: 1n,
    round,
    ...place,
  } as const;
  return { kind: "blocks", to: { number, hash: blockHash }, logs: [log, log] };
}

/** What the last entry of `world` says of a copy of the state before it. */
function verdictOn(world: World): string | undefined {
  const state = begin(GENESIS);
  const entries = world.entries;
  for (const entry of entries.slice(1, -1)) apply(state, entry);
  return checkBlocks(state, entries.at(-1) as BlocksEntry);
}

test.each<[string, (world: World) => void, RegExp]>([
  [
    "a deposit of a token whose listing is missing",
    (w) => w.deposit(ALICE, THIRD, 1n),
    /not listed/,
  ],
  ["a listing again", (w) => w.list(BASE), /is listed twice/],
  ["more than all accounts can hold", (w) => w.deposit(BOB, QUOTE, UINT128_MAX), /would hold/],
])("the check names what is wrong: %s", (_, spoil, problem) => {
  const world = tradingWorld();
  spoil(world);
  expect(() => world.mine()).toThrow(problem);
  world.entries.push(spoiltEntry(spoil));
  expect(verdictOn(world)).toMatch(problem);
});

function spoiltEntry(spoil: (world: World) => void): Entry {
  const world = tradingWorld();
  let entry: Entry | undefined;
  world.apply = (given) => {
    entry = given;
    return { events: [] };
  };
  spoil(world);
  world.mine();
  return entry as Entry;
}

test("a commit in the very block that opens its round is held against the root to come", () => {
  const world = tradingWorld();
  world.toQuarter(0, 3);
  world.mineTo(131);
  const { state } = world;
  const opened = copyOf(state);
  const to = { number: 132, hash: hashOfBlock(132) };
  apply(opened, { kind: "blocks", to, logs: [] });
  const logs = views.commit(opened).missing.map((root, logIndex) => ({
    kind: "committed" as const,
    round: 1,
    ...root,
    logIndex,
    transactionHash: to.hash,
    block: 132,
    blockHash: to.hash,
  }));
  const entry: BlocksEntry = { kind: "blocks", to, logs };
  expect(checkBlocks(state, entry)).toBeUndefined();
  const other: BlocksEntry = { ...entry, logs: logs.map((log) => ({ ...log, node: to.hash })) };
  expect(checkBlocks(state, other)).toMatch(/the commit of .* ours is/);
});

/** Blocks with these logs, all in the next block of `world`. */
function nextBlock(world: World, ...logs: readonly LooseLog[]): BlocksEntry {
  const number = world.block + 1;
  const hash = hashOfBlock(number);
  const place = { block: number, blockHash: hash, transactionHash: hash };
  const placed = logs.map((log, logIndex) => ({ ...log, ...place, logIndex }));
  return { kind: "blocks", to: { number, hash }, logs: placed as BlocksEntry["logs"] };
}

/** Round 2 with a request of Alice's in its last quarter, which her resting order outweighs or not. */
function requested(locked: number): World {
  const world = tradingWorld();
  world.toQuarter(2, 0);
  world.duties();
  world.toQuarter(2, 3);
  if (locked > 0) world.place(limitOrder(ALICE, 2, 1, "ask", locked, 500_000));
  world.withdraw(ALICE, BASE, 9_000n).mine();
  world.mineTo(195);
  return world;
}

const SUBJECT = { client: ALICE, token: BASE, round: 2, amount: 9_000n } as const;
const PAID: LooseLog = { kind: "withdrawalConfirmed", recipient: ALICE, ...SUBJECT };

test("the logs of a request's block show what the boundary will decide of it", () => {
  for (const [locked, problem] of [
    [0, /, asked for in round \d+, was paid before it was payable\.$/],
    [900, /^9000 of 0xB1B1B1B1b1B1b1b1b1B1B1B1B1b1b1B1b1b1B1B1 was paid that we did not debit\.$/],
  ] as const) {
    const world = requested(locked);
    const entry = nextBlock(world, PAID);
    expect(checkBlocks(world.state, entry)).toMatch(problem);
    expect(isReadable(world.state, entry)).toBe(false);
  }
});

test.each([
  ["in the block that opens the round", 195],
  ["after it", 196],
])("a commit holds what was given back just before it, %s", (_, block) => {
  const world = requested(0);
  world.mineTo(block);
  const cancelled: LooseLog = { kind: "withdrawalCancelled", ...SUBJECT };
  const later = copyOf(world.state);
  apply(later, nextBlock(world, cancelled));
  const commits = views
    .commit(later)
    .missing.map((root): LooseLog => ({ kind: "committed", round: 3, ...root }));
  expect(commits).toHaveLength(2);
  const whole = nextBlock(world, cancelled, ...commits);
  expect(checkBlocks(world.state, whole)).toBeUndefined();
  expect(isReadable(world.state, whole)).toBe(true);
  const without = nextBlock(world, ...commits);
  expect(checkBlocks(world.state, without)).toMatch(/the commit of .* ours is/);
  const tooLate = nextBlock(world, ...commits, cancelled);
  expect(checkBlocks(world.state, tooLate)).toMatch(/ours is/);
});
