/** Snapshots by a real thread over real files, while the journal is written to. */
import { expect, onTestFinished, test } from "vitest";
import { apply, begin } from "../../exchange/apply.ts";
import { type Entry, encodeEntry } from "../../exchange/model/entries.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import { GENESIS } from "../../exchange/world.testkit.ts";
import type { Journal } from "../../journal/journal.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { vandalise } from "../../journal/sqlite/storage.testkit.ts";
import {
  collectingLog,
  temporaryFolder,
  tradingEntries,
  writeEntries,
} from "./journals.testkit.ts";
import { newestSavedState } from "./savedState.ts";
import { Snapshotter } from "./snapshotter.ts";
import { proveJournal } from "./verifyJournal.ts";

const entries = tradingEntries();

/** An open journal with the first `count` entries, and who makes its snapshots. */
async function started(count: number, { snapshots = [] as number[], last = 0 } = {}) {
  const storage = temporaryFolder();
  const journal = await openSqliteJournal(storage);
  onTestFinished(() => journal.close());
  await writeEntries(journal, entries.slice(0, count), snapshots);
  const log = collectingLog();
  const source = { kind: "sqlite", folder: storage } as const;
  const snapshotter = new Snapshotter({ journal, source, last, log, everyRecords: 10 });
  onTestFinished(() => snapshotter.stop());
  return { storage, journal, snapshotter, log };
}

function append(journal: Journal, more: readonly Entry[]): Promise<unknown[]> {
  return Promise.all(more.map((entry) => journal.append([encodeEntry(entry)])));
}

function hashAfter(count: number): string {
  const state = begin(entries[0] as Entry);
  for (const entry of entries.slice(1, count)) apply(state, entry);
  return stateHash(state);
}

test("a snapshot is made when it is due, of the state that the records lead to", async () => {
  const { journal, snapshotter, log } = await started(25);
  snapshotter.offer();
  snapshotter.offer();
  await snapshotter.idle();
  expect(await journal.latestSnapshot()).toMatchObject({ sequence: 25, stateHash: hashAfter(25) });
  expect((await journal.verify()).snapshots).toEqual([25]);
  expect(log.lines).toEqual([
    expect.objectContaining({
      event: "snapshotSaved",
      fields: { sequence: 25, bytes: expect.any(Number), tookMs: expect.any(Number) },
    }),
  ]);
});

test("a snapshot that a former leader has made meanwhile is not made again", async () => {
  const { storage, journal, log } = await started(25, { snapshots: [20] });
  const source = { kind: "sqlite", folder: storage } as const;
  const newest = async () => (await journal.verify()).snapshots.at(-1) ?? 0;
  const how = { journal, source, last: 0, newest, log, everyRecords: 10 };
  const snapshotter = new Snapshotter(how);
  onTestFinished(() => snapshotter.stop());
  snapshotter.offer();
  await snapshotter.idle();
  expect((await journal.verify()).snapshots).toEqual([20]);
  await append(journal, entries.slice(25, 31));
  const offered = async () => {
    snapshotter.offer();
    await snapshotter.idle();
    return (await journal.verify()).snapshots;
  };
  // It rests for a moment after each poll.
  await expect.poll(offered).toEqual([20, 31]);
});

test("a snapshot is not made before it is due", async () => {
  const { journal, snapshotter } = await started(25, { last: 16 });
  snapshotter.offer();
  await snapshotter.idle();
  expect(await journal.latestSnapshot()).toBeUndefined();
});

test("a snapshot is of one moment, whatever is appended meanwhile", async () => {
  const { journal, snapshotter } = await started(25);
  snapshotter.offer();
  await append(journal, entries.slice(25));
  await snapshotter.idle();
  const saved = await newestSavedState(journal, () => {});
  expect(saved?.sequence).toBeGreaterThanOrEqual(25);
  const proof = await proveJournal(journal);
  expect(proof.findings).toEqual([]);
  expect(proof.replayed).toMatchObject({ records: entries.length, snapshots: [saved?.sequence] });
});

test("a snapshot begins from the one before, and says when that is damaged", async () => {
  const { storage, journal, snapshotter, log } = await started(25, { snapshots: [10, 20] });
  vandalise(storage, "UPDATE snapshot_part SET bytes = x'00' WHERE sequence = 20");
  snapshotter.offer();
  await snapshotter.idle();
  expect((await journal.latestSnapshot())?.stateHash).toBe(hashAfter(25));
  expect(log.lines.map(({ level, event, fields }) => [level, event, fields["sequence"]])).toEqual([
    ["error", "snapshotUnusable", 20],
    ["info", "snapshotSaved", 25],
  ]);
});

test("a snapshot that cannot be made is told, and the journal goes on", async () => {
  const { journal, snapshotter, log } = await started(25);
  await journal.append([encodeEntry(GENESIS)]);
  snapshotter.offer();
  await snapshotter.idle();
  expect(log.lines).toMatchObject([{ level: "error", event: "snapshotFailed" }]);
  expect(String(log.lines[0]?.fields["problem"])).toMatch(/Record 26 .*cannot be replayed/);
  expect(await journal.append([encodeEntry(entries[25] as Entry)])).toEqual({
    first: 27,
    last: 27,
  });

  snapshotter.offer();
  await snapshotter.idle();
  expect(log.lines, "not with every batch").toHaveLength(1);
});

test("a snapshotter stopped midway leaves the journal whole and says nothing", async () => {
  const { storage, journal, snapshotter, log } = await started(25);
  snapshotter.offer();
  await Promise.all([snapshotter.stop(), journal.close()]);
  expect(log.lines).toEqual([]);
  snapshotter.offer();
  await snapshotter.idle();

  const again = await openSqliteJournal(storage);
  onTestFinished(() => again.close());
  expect(await again.verify()).toMatchObject({ head: { sequence: 25 }, snapshots: [] });
});

test("a snapshotter stopped while it asks what others made begins no snapshot", async () => {
  const { storage, journal, log } = await started(25);
  const source = { kind: "sqlite", folder: storage } as const;
  const asked = Promise.withResolvers<number>();
  const newest = () => asked.promise;
  const snapshotter = new Snapshotter({
    journal,
    source,
    last: 0,
    newest,
    log,
    everyRecords: 10,
  });
  snapshotter.offer();
  const stopped = snapshotter.stop();
  asked.resolve(0);
  await stopped;
  expect(await journal.latestSnapshot()).toBeUndefined();
  expect(log.lines).toEqual([]);
});
