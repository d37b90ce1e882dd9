/** Whatever an endpoint makes of the logs, the journal can be read: real files, the real writer. */

import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { begin } from "../../exchange/apply.ts";
import {
  corrupted,
  corruption,
  historyOf,
  merged,
  step,
} from "../../exchange/corruptions.testkit.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import {
  clientNo,
  GENESIS,
  hashOfBlock,
  limitOrder,
  MANY_CLIENTS,
  QUEUED_UNTIL,
  queuedWorld,
  SIGNATURE,
} from "../../exchange/world.testkit.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { openSqliteReader } from "../../journal/sqlite/reader.ts";
import { History } from "../replay/history.ts";
import { collectingLog, storedJournal, temporaryFolder } from "../replay/journals.testkit.ts";
import { recover, replay } from "../replay/replay.ts";
import { headAt, Replica } from "./replica.ts";
import { BlocksRefused, Sequencer } from "./sequencer.ts";

/** Submits `entries` one by one; gives how many blocks were refused, and the state in memory. */
async function write(folder: string, entries: readonly Entry[]) {
  const journal = await openSqliteJournal(folder);
  await recover(journal, GENESIS, collectingLog());
  const state = begin(GENESIS);
  const failures: Error[] = [];
  const sequencer = new Sequencer({
    journal,
    state,
    history: new History(),
    onApplied: () => {},
    onFailure: (error) => failures.push(error),
  });
  let refused = 0;
  for (const entry of entries) {
    await sequencer.submit(entry).catch((error) => {
      if (!(error instanceof BlocksRefused)) throw error;
      refused += 1;
    });
  }
  await sequencer.drain();
  await journal.close();
  expect(failures).toEqual([]);
  return { refused, hash: stateHash(state) };
}

async function read(folder: string): Promise<string> {
  const journal = await openSqliteReader(folder);
  try {
    return stateHash((await replay(journal, () => {})).state);
  } finally {
    await journal.close();
  }
}

test("corrupted logs are refused, or make a journal that replays to the same state", async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 40 }),
      fc.array(corruption, { minLength: 3, maxLength: 8 }),
      fc.integer({ min: 1, max: 5 }),
      async (steps, corruptions, parts) => {
        const entries = merged(historyOf(steps), parts).slice(1);
        const logs = entries.flatMap((entry) => (entry.kind === "blocks" ? entry.logs : []));
        const given = entries.flatMap((entry, i): Entry[] => {
          const how = corruptions[i % corruptions.length];
          if (entry.kind !== "blocks" || how === undefined || i % 3 !== 0) return [entry];
          // As a follower would: the true blocks come after those that were refused.
          return [corrupted(entry, how, logs), entry];
        });
        const folder = temporaryFolder();
        const written = await write(folder, given);
        expect(await read(folder)).toBe(written.hash);
        refused += written.refused;
      },
    ),
    { numRuns: 25 },
  );
  expect(refused).toBeGreaterThan(100);
});

test("blocks that cannot follow are refused alone; orders beside them are answered", async () => {
  const [, listed, ...rest] = historyOf([
    [4, 0, 2],
    [13, 0, 1],
  ]);
  const folder = temporaryFolder();
  const journal = await openSqliteJournal(folder);
  await recover(journal, GENESIS, collectingLog());
  const state = begin(GENESIS);
  const failures: Error[] = [];
  const sequencer = new Sequencer({
    journal,
    state,
    history: new History(),
    onApplied: () => {},
    onFailure: (error) => failures.push(error),
  });
  const [order, next] = rest as [Entry, Entry];
  await sequencer.submit(listed as Entry);
  const results = await Promise.allSettled(
    [order, listed as Entry, next].map((entry) => sequencer.submit(entry)),
  );
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
    code: "BlocksRefused",
    problem: "block 100 comes after block 100.",
  });
  expect([failures, journal.head.sequence]).toEqual([[], 4]);
  await journal.close();
  expect(await read(folder)).toBe(stateHash(state));
});

test("writes that come while a round opens wait for all of it, at a writer and at a follower", async () => {
  const { entries } = queuedWorld();
  const folder = await storedJournal(entries);
  const journal = await openSqliteJournal(folder);
  const { state, history, sequence } = await replay(journal, () => {});
  const reader = await openSqliteReader(folder);
  const follower = await replay(reader, () => {});
  const head = await headAt(reader, sequence);
  const told: string[] = [];
  const onApplied = (entry: Entry) => void told.push(entry.kind);
  const failures: Error[] = [];
  const sequencer = new Sequencer({
    journal,
    state,
    history,
    onApplied,
    onFailure: (error) => failures.push(error),
  });
  const to = { number: QUEUED_UNTIL, hash: hashOfBlock(QUEUED_UNTIL) };
  const opened = sequencer.submit({ kind: "blocks", to, logs: [] });
  // It is flushed, and is being applied.
  while (history.whenWhole() === undefined) await setImmediate();
  expect(told).toEqual([]);
  // Its owner's money is locked by the order that is placed last.
  const owner = clientNo(MANY_CLIENTS - 1);
  const order = limitOrder(owner, 1, 2, "ask", 10, 500);
  const placed = await sequencer.submit({ kind: "placeOrder", order, signature: SIGNATURE });
  expect(placed.refusal?.code).toBe("InsufficientFunds");
  expect(history.whenWhole()).toBeUndefined();
  expect((await opened).events.length).toBeGreaterThan(MANY_CLIENTS);

  const replica = new Replica({ ...follower, head, onApplied: () => {} });
  const caughtUp = replica.catchUp(reader);
  while (follower.history.whenWhole() === undefined) await setImmediate();
  await caughtUp;
  await sequencer.drain();
  expect(stateHash(follower.state)).toBe(stateHash(state));
  expect(follower.history.encode()).toEqual(history.encode());
  expect([new Set(told), failures]).toEqual([new Set(["blocks"]), []]);
  await reader.close();
  await journal.close();
  expect(await read(folder)).toBe(stateHash(state));
});
