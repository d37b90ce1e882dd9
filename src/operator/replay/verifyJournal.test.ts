/** What `journal verify` finds in real files. Comparing with a chain: test/journal-cli.test.ts. */
import { expect, onTestFinished, test } from "vitest";
import { encodeEntry } from "../../exchange/model/entries.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import { GENESIS } from "../../exchange/world.testkit.ts";
import { restoreBackup } from "../../journal/sqlite/backup.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { openSqliteReader } from "../../journal/sqlite/reader.ts";
import { vandalise } from "../../journal/sqlite/storage.testkit.ts";
import { flipStored, storedJournal, temporaryFolder, tradingEntries } from "./journals.testkit.ts";
import { replayRecords } from "./replay.ts";
import { type JournalProof, proveJournal } from "./verifyJournal.ts";

const entries = tradingEntries();

async function proofOf(folder: string, onProgress?: (step: string, done: number) => void) {
  const journal = await openSqliteReader(folder);
  onTestFinished(() => journal.close());
  return proveJournal(journal, { ...(onProgress && { onProgress }) });
}

function onlyFinding({ findings }: JournalProof) {
  expect(findings).toHaveLength(1);
  return findings[0];
}

test("a whole journal is proven: records, snapshots, the state they lead to", async () => {
  const folder = await storedJournal(entries, [10, 20, 30]);
  const steps: [string, number][] = [];
  const proof = await proofOf(folder, (step, done) => steps.push([step, done]));

  const journal = await openSqliteReader(folder);
  onTestFinished(() => journal.close());
  const { state } = await replayRecords(journal, undefined, () => {});
  expect(proof).toEqual({
    findings: [],
    storage: { head: journal.head, epoch: 1, bytes: expect.any(Number), snapshots: [] },
    replayed: {
      genesis: state.genesis,
      records: entries.length,
      snapshots: [10, 20, 30],
      stateHash: stateHash(state),
      block: state.head?.number,
      round: 2,
    },
    chain: undefined,
  });
  expect(steps).toEqual([
    ["checked", entries.length],
    ["replayed", entries.length],
  ]);
});

test("a flipped bit in a record is named by its sequence, with what differs", async () => {
  const folder = await storedJournal(entries, [30]);
  flipStored(folder, encodeEntry(entries[11] as (typeof entries)[number]));
  const proof = await proofOf(folder);
  expect(onlyFinding(proof)).toEqual({
    what: "record",
    sequence: 12,
    problem: expect.stringMatching(
      /recordAltered.*sequence 12.*expected checksum .* found checksum/,
    ),
  });
  expect(proof).toMatchObject({ storage: undefined, replayed: undefined });
});

test("a torn tail is named by the first record that is missing", async () => {
  const folder = await storedJournal(entries);
  vandalise(folder, "DELETE FROM record WHERE sequence > 25");
  expect(onlyFinding(await proofOf(folder))).toMatchObject({ what: "record", sequence: 26 });
});

test("a damaged snapshot is found, and the rest is proven all the same", async () => {
  const folder = await storedJournal(entries, [10, 20]);
  const reader = await openSqliteReader(folder);
  const snapshot = await reader.latestSnapshot();
  await reader.close();
  flipStored(folder, snapshot?.bytes ?? new Uint8Array());
  const proof = await proofOf(folder);
  expect(onlyFinding(proof)).toMatchObject({ what: "snapshot", sequence: 20 });
  expect(proof.replayed).toMatchObject({ records: entries.length, snapshots: [10] });
});

test("a whole snapshot of another state than the records lead to is found", async () => {
  const folder = await storedJournal(entries, [10]);
  const journal = await openSqliteJournal(folder);
  const saved = await journal.latestSnapshot();
  if (saved === undefined) throw new Error("no snapshot");
  await journal.saveSnapshot(20, saved.bytes, saved.stateHash);
  await journal.close();
  expect(onlyFinding(await proofOf(folder))).toEqual({
    what: "snapshot",
    sequence: 20,
    problem: expect.stringMatching(/holds the state 0x.*records lead to 0x/),
  });
});

test("a whole record that cannot be replayed is named", async () => {
  const folder = await storedJournal([...entries]);
  const journal = await openSqliteJournal(folder);
  await journal.append([encodeEntry(GENESIS)]);
  await journal.close();
  const proof = await proofOf(folder);
  expect(onlyFinding(proof)).toMatchObject({ what: "replay", sequence: entries.length + 1 });
  expect(proof.storage?.head.sequence).toBe(entries.length + 1);
});

test("an endpoint that nobody answers at is an error, not a finding", async () => {
  const folder = await storedJournal(entries);
  const journal = await openSqliteReader(folder);
  onTestFinished(() => journal.close());
  const attempt = proveJournal(journal, { rpc: ["http://127.0.0.1:1"] });
  await expect(attempt).rejects.toMatchObject({ code: "RpcUnavailable" });
});

test("a backup of a journal with a damaged snapshot is made without it, and is whole", async () => {
  const folder = await storedJournal(entries, [10, 20]);
  const reader = await openSqliteReader(folder);
  onTestFinished(() => reader.close());
  const newest = await reader.latestSnapshot();
  flipStored(folder, newest?.bytes ?? new Uint8Array());
  const damaged: (number | undefined)[] = [];
  const path = `${temporaryFolder()}/backup`;
  const again = await openSqliteReader(folder);
  onTestFinished(() => again.close());
  await again.backup(path, { onDamagedSnapshot: ({ sequence }) => damaged.push(sequence) });
  expect(damaged).toEqual([20]);

  const copied = temporaryFolder();
  await restoreBackup(path, copied);
  expect(await proofOf(copied)).toMatchObject({ findings: [], replayed: { snapshots: [10] } });
});
