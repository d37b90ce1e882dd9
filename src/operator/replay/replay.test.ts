/** Recovery from real files: what a damaged snapshot costs, and what a damaged record stops. */
import { expect, onTestFinished, test } from "vitest";
import { apply, begin } from "../../exchange/apply.ts";
import { type Entry, encodeEntry } from "../../exchange/model/entries.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import { GENESIS } from "../../exchange/world.testkit.ts";
import { JournalDamaged } from "../../journal/errors.ts";
import { Database } from "../../journal/postgres/database.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { openSqliteReader } from "../../journal/sqlite/reader.ts";
import { vandalise } from "../../journal/sqlite/storage.testkit.ts";
import { collectingLog, flipStored, storedJournal, tradingEntries } from "./journals.testkit.ts";
import { type Recovered, ReplayFailed, recover, requireSame } from "./replay.ts";

const { kind: _, ...genesis } = GENESIS;
const entries = tradingEntries();
const SNAPSHOTS = [10, 20, 30];
const expected = stateAfter(entries);

function stateAfter(all: readonly Entry[]): string {
  const state = begin(all[0] as Entry);
  for (const entry of all.slice(1)) apply(state, entry);
  return stateHash(state);
}

async function recovered(folder: string) {
  const log = collectingLog();
  const journal = await openSqliteJournal(folder);
  onTestFinished(() => journal.close());
  return { found: await recover(journal, genesis, log), log };
}

/** Asserts that all of the exchange is there, from snapshot `from` on. */
function expectWhole(found: Recovered, from: number): void {
  expect(stateHash(found.state)).toBe(expected);
  expect(found).toMatchObject({
    snapshot: from,
    sequence: entries.length,
    replayed: entries.length - from,
  });
  const { base, quote } = GENESIS.markets[0] as { base: `0x${string}`; quote: `0x${string}` };
  expect(found.history.ofMarket(base, quote, { limit: 100 })).toHaveLength(16);
}

async function snapshotBytes(folder: string, sequence: number): Promise<Uint8Array> {
  const reader = await openSqliteReader(folder);
  const snapshot = await reader.latestSnapshot(sequence);
  await reader.close();
  return snapshot?.bytes ?? new Uint8Array();
}

test("a replay begins from the newest snapshot, and says nothing when all is well", async () => {
  const { found, log } = await recovered(await storedJournal(entries, SNAPSHOTS));
  expectWhole(found, 30);
  expect(log.lines).toEqual([]);
});

test.each([
  { damaged: [30], from: 20 },
  { damaged: [30, 20], from: 10 },
  { damaged: [30, 20, 10], from: 0 },
  { damaged: [20], from: 30 },
])("a replay begins at $from if bits of snapshots $damaged flip", async ({ damaged, from }) => {
  const folder = await storedJournal(entries, SNAPSHOTS);
  const all = await Promise.all(SNAPSHOTS.map((sequence) => snapshotBytes(folder, sequence)));
  for (const [i, snapshot] of all.entries()) {
    const others = all.filter((other) => other !== snapshot);
    if (damaged.includes(SNAPSHOTS[i] as number)) flipStored(folder, snapshot, others);
  }

  const { found, log } = await recovered(folder);
  expectWhole(found, from);
  const passedOver = damaged.filter((sequence) => sequence > from);
  expect(log.lines).toEqual(
    passedOver.map((sequence) => ({
      level: "error",
      event: "snapshotUnusable",
      fields: {
        sequence,
        problem: expect.stringMatching(/snapshotAltered.*expected 0x.*found 0x/),
        hint: expect.stringMatching(/journal verify/),
      },
    })),
  );
});

test.each([
  ["no list of trades", "nonsense\n", /at record 31 cannot be decoded/],
  ["another version", '[]\n{"version":99}\n', /at record 31 cannot be decoded: .*version/],
  ["nothing", "", /at record 31 cannot be decoded/],
])("a whole snapshot that holds %s is passed over", async (_, text, problem) => {
  const folder = await storedJournal(entries, SNAPSHOTS);
  const journal = await openSqliteJournal(folder);
  await journal.saveSnapshot(31, new TextEncoder().encode(text), `0x${"00".repeat(32)}`);
  await journal.close();

  const { found, log } = await recovered(folder);
  expectWhole(found, 30);
  expect(log.lines).toEqual([
    {
      level: "error",
      event: "snapshotUnusable",
      fields: expect.objectContaining({ sequence: 31, problem: expect.stringMatching(problem) }),
    },
  ]);
});

test("a snapshot that leads to another state than it says is passed over", async () => {
  const folder = await storedJournal(entries, SNAPSHOTS);
  const stale = await snapshotBytes(folder, 30);
  const journal = await openSqliteJournal(folder);
  await journal.saveSnapshot(31, stale, `0x${"ab".repeat(32)}`);
  await journal.close();

  const { found, log } = await recovered(folder);
  expectWhole(found, 30);
  expect(log.lines[0]?.fields["problem"]).toMatch(/says 0xabab.* and leads to 0x/);
});

test("a flipped bit in a record after the snapshot refuses the start and names the record", async () => {
  const folder = await storedJournal(entries, SNAPSHOTS);
  flipStored(folder, encodeEntry(entries[33] as Entry));
  const opening = openSqliteJournal(folder);
  await expect(opening).rejects.toThrow(JournalDamaged);
  await expect(opening).rejects.toMatchObject({ damage: "recordAltered", sequence: 34 });
});

test("a damaged record is not skipped either when only an older snapshot is left", async () => {
  const folder = await storedJournal(entries, SNAPSHOTS);
  const newest = await snapshotBytes(folder, 30);
  flipStored(folder, newest);
  flipStored(folder, encodeEntry(entries[24] as Entry));
  const attempt = recovered(folder);
  await expect(attempt).rejects.toMatchObject({ damage: "recordAltered", sequence: 25 });
});

test("a snapshot that is whole while its record is not refuses the start", async () => {
  const folder = await storedJournal(entries, [10]);
  vandalise(folder, "UPDATE record SET hash = zeroblob(32) WHERE sequence = 10");
  await expect(recovered(folder)).rejects.toMatchObject({ damage: "chainBroken", sequence: 10 });
});

test.each([
  ["is no entry", new TextEncoder().encode("no entry"), /is no JSON/],
  ["is a second genesis", encodeEntry(GENESIS), /a genesis is in the middle/],
])("a whole record that %s refuses the start and is named", async (_, payload, problem) => {
  const folder = await storedJournal(entries, SNAPSHOTS);
  const journal = await openSqliteJournal(folder);
  await journal.append([payload]);
  await journal.close();
  const attempt = recovered(folder);
  await expect(attempt).rejects.toThrow(ReplayFailed);
  await expect(attempt).rejects.toMatchObject({ sequence: entries.length + 1 });
  await expect(attempt).rejects.toThrow(problem);
});

test.each(["postgres", "postgresql"])(
  "a journal of another exchange in a %s: database wants another schema, no folder",
  (scheme) => {
    const url = `${scheme}://user:secret@db.example:5432/exchanges`;
    const { location } = new Database({ url, schema: "quarterdeck", answerMs: 1 });
    const another = { ...genesis, chainId: 1 };
    expect(() => requireSame(another, genesis, location)).toThrow(
      expect.objectContaining({
        code: "WrongJournal",
        hint: expect.stringMatching(/database.*schema.*`database\.url`, `database\.schema`/),
      }),
    );
  },
);

test("a journal of another exchange in a folder wants another folder", async () => {
  const folder = await storedJournal(entries, SNAPSHOTS);
  const journal = await openSqliteJournal(folder);
  onTestFinished(() => journal.close());
  const recovering = recover(journal, { ...genesis, chainId: 1 }, collectingLog());
  await expect(recovering).rejects.toMatchObject({
    code: "WrongJournal",
    hint: expect.stringMatching(/storage folder of this exchange, or an empty one/),
  });
});
