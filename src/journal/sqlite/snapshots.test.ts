import { open } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { Alarm } from "../../base/errors.ts";
import { FencedOff, JournalDamaged, JournalStopped } from "../errors.ts";
import { KEPT_SNAPSHOTS } from "../journal.ts";
import { journalFile } from "./connection.ts";
import { saveSqliteSnapshot } from "./snapshots.ts";
import {
  bytesOf,
  openJournal,
  payloads,
  temporaryDirectory,
  textOf,
  vandalise,
} from "./storage.testkit.ts";

const STATE = `0x${"ab".repeat(32)}` as const;
const OTHER_STATE = `0x${"cd".repeat(32)}` as const;

function looseParts(directory: string): number {
  const connection = new DatabaseSync(journalFile(directory));
  const row = connection
    .prepare(
      "SELECT count(*) AS n FROM snapshot_part WHERE sequence NOT IN (SELECT sequence FROM snapshot)",
    )
    .get();
  connection.close();
  return row?.n as number;
}

test("a snapshot comes back as it was, also after reopening", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 5));
  const bytes = new Uint8Array(1_000_000).map((_, i) => i % 251);
  await journal.saveSnapshot(3, bytes, STATE);
  const expected = { sequence: 3, stateHash: STATE };
  expect(await journal.latestSnapshot()).toMatchObject(expected);

  await journal.close();
  const snapshot = await (await openJournal(directory)).latestSnapshot();
  expect(snapshot).toMatchObject(expected);
  expect(Buffer.from(snapshot?.bytes ?? []).equals(bytes)).toBe(true);
});

test("a snapshot is saved beside the writer, whose appends go on", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 5));
  const bytes = new Uint8Array(3_000_000).map((_, i) => i % 251);
  const saving = saveSqliteSnapshot(directory, journal.epoch, {
    sequence: 3,
    bytes,
    stateHash: STATE,
  });
  for (let i = 6; i <= 40; i++) await journal.append(payloads(i, i));
  await saving;
  expect(await journal.verify()).toMatchObject({ head: { sequence: 40 }, snapshots: [3] });
  const snapshot = await journal.latestSnapshot();
  expect(Buffer.from(snapshot?.bytes ?? []).equals(bytes)).toBe(true);
});

test("nobody saves a snapshot beside a writer of another epoch", async () => {
  const directory = temporaryDirectory();
  const former = await openJournal(directory);
  await former.append(payloads(1, 5));
  await former.close();
  const journal = await openJournal(directory);
  const snapshot = { sequence: 3, bytes: new Uint8Array(300_000), stateHash: STATE } as const;
  const saving = saveSqliteSnapshot(directory, former.epoch, snapshot);
  await expect(saving).rejects.toThrow(FencedOff);
  expect((await journal.verify()).snapshots).toEqual([]);
  expect(await journal.append(payloads(6, 6))).toEqual({ first: 6, last: 6 });
});

test("an empty snapshot is one, too", async () => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append(payloads(1, 1));
  await journal.saveSnapshot(1, new Uint8Array(0), STATE);
  expect((await journal.latestSnapshot())?.bytes).toHaveLength(0);
});

test("the newest at or before a sequence is found, and only the newest few are kept", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 10));
  for (let sequence = 1; sequence <= 5; sequence++) {
    await journal.saveSnapshot(sequence, bytesOf(`state ${sequence}`), STATE);
  }
  const { snapshots } = await journal.verify();
  expect(snapshots).toEqual([3, 4, 5]);
  expect(snapshots).toHaveLength(KEPT_SNAPSHOTS);
  expect((await journal.latestSnapshot(4))?.sequence).toBe(4);
  expect(textOf((await journal.latestSnapshot(10))?.bytes ?? bytesOf(""))).toBe("state 5");
  expect(await journal.latestSnapshot(2)).toBeUndefined();
  expect(looseParts(directory)).toBe(0);
});

test("appends get in while a large snapshot is being saved", async () => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append(payloads(1, 1));
  let saved = false;
  const saving = journal.saveSnapshot(1, new Uint8Array(5_000_000), STATE).then(() => {
    saved = true;
  });
  await journal.append(payloads(2, 2));
  expect(saved).toBe(false);
  await saving;
  expect(await journal.verify()).toMatchObject({ head: { sequence: 2 }, snapshots: [1] });
});

test("the same snapshot twice is once; a different one of the same records is an alarm", async () => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append(payloads(1, 1));
  await journal.saveSnapshot(1, bytesOf("state"), STATE);
  await journal.saveSnapshot(1, bytesOf("state"), STATE);
  const different = journal.saveSnapshot(1, bytesOf("state"), OTHER_STATE);
  await expect(different).rejects.toThrow(Alarm);
  await expect(different).rejects.toMatchObject({ code: "SnapshotDiffers" });
  await expect(journal.append(payloads(2, 2))).rejects.toThrow(JournalStopped);
});

test.each([
  [0, STATE, /snapshot of record 0, which is not there/],
  [2, STATE, /snapshot of record 2, which is not there/],
  [1, "0xab", /the state hash 0xab is not 32 bytes/],
] as const)("a snapshot of record %i with state hash %s is refused", async (at, state, message) => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append(payloads(1, 1));
  await expect(journal.saveSnapshot(at, bytesOf("state"), state)).rejects.toThrow(message);
});

test("two at a time are refused, and the first one is kept whole", async () => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append(payloads(1, 2));
  const first = journal.saveSnapshot(1, new Uint8Array(600_000), STATE);
  await expect(journal.saveSnapshot(2, bytesOf("two"), STATE)).rejects.toThrow(Alarm);
  await first;
  expect(await journal.verify()).toMatchObject({ snapshots: [1] });
});

test("a writer that is fenced off gets no snapshot in", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 1));
  vandalise(directory, "UPDATE head SET epoch = 9");
  await expect(journal.saveSnapshot(1, bytesOf("state"), STATE)).rejects.toThrow(FencedOff);
  await expect(journal.append(payloads(2, 2))).rejects.toThrow(JournalStopped);
});

test("the remains of a crashed snapshot do not count and are removed by the next one", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 2));
  for (let part = 0; part < 40; part++) {
    vandalise(directory, `INSERT INTO snapshot_part VALUES (1, ${part}, x'00')`);
  }
  expect(await journal.latestSnapshot()).toBeUndefined();
  await journal.saveSnapshot(1, bytesOf("state"), STATE);
  expect(textOf((await journal.latestSnapshot())?.bytes ?? bytesOf(""))).toBe("state");
  expect(looseParts(directory)).toBe(0);
});

test.each([
  ["a byte", "UPDATE snapshot_part SET bytes = CAST('stale' AS BLOB) WHERE sequence = 2"],
  ["a part gone", "DELETE FROM snapshot_part WHERE sequence = 2"],
  ["a part more", "INSERT INTO snapshot_part VALUES (2, 1, x'00')"],
  ["the state hash", "UPDATE snapshot SET state_hash = zeroblob(32) WHERE sequence = 2"],
  ["the checksum", "UPDATE snapshot SET checksum = x'00' WHERE sequence = 2"],
  [
    "the sequence",
    "DELETE FROM snapshot WHERE sequence = 1; DELETE FROM snapshot_part WHERE sequence = 1; " +
      "UPDATE snapshot SET sequence = 1; UPDATE snapshot_part SET sequence = 1",
  ],
])("an altered snapshot is named and never handed out: %s", async (_, sql) => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 2));
  await journal.saveSnapshot(1, bytesOf("first"), STATE);
  await journal.saveSnapshot(2, bytesOf("state"), STATE);
  vandalise(directory, sql);

  const damage = { damage: "snapshotAltered", file: journal.location };
  await expect(journal.latestSnapshot()).rejects.toThrow(JournalDamaged);
  await expect(journal.latestSnapshot()).rejects.toMatchObject(damage);
  await expect(journal.latestSnapshot()).rejects.toThrow(/start from an older snapshot/);
  await expect(journal.verify()).rejects.toMatchObject(damage);
});

test.each([
  ["another record", "UPDATE record SET hash = zeroblob(32) WHERE sequence = 2", "chainBroken"],
  ["no record", "DELETE FROM record WHERE sequence = 2", "recordMissing"],
])("a whole snapshot that stands for %s is not handed out", async (_, sql, damage) => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 3));
  await journal.saveSnapshot(2, bytesOf("state"), STATE);
  vandalise(directory, sql);
  await expect(journal.latestSnapshot()).rejects.toMatchObject({
    damage,
    sequence: 2,
    expected: expect.stringMatching(/^0x.*as the snapshot of that record says/),
  });
});

test.each([
  ["its record's hash", "UPDATE snapshot SET record_hash = zeroblob(32) WHERE sequence = 2"],
  ["the hash of every one's record", "UPDATE snapshot SET record_hash = zeroblob(32)"],
])("opening passes over a damaged snapshot: %s", async (_, sql) => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 3));
  await journal.saveSnapshot(1, bytesOf("one"), STATE);
  await journal.saveSnapshot(2, bytesOf("two"), STATE);
  vandalise(directory, sql);
  await journal.close();
  expect((await openJournal(directory)).head.sequence).toBe(3);
});

test("snapshots whose pages cannot be read are damage of their own, and records go on", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 2));
  await journal.saveSnapshot(1, bytesOf("one"), STATE);
  await journal.close();
  await tearRootOf(directory, "snapshot_part");
  const reopened = await openJournal(directory);
  await expect(reopened.latestSnapshot()).rejects.toMatchObject({
    damage: "snapshotAltered",
    sequence: 1,
  });
  await reopened.close();

  await tearRootOf(directory, "snapshot");
  const again = await openJournal(directory);
  await expect(again.latestSnapshot()).rejects.toMatchObject({
    damage: "snapshotAltered",
    sequence: undefined,
  });
  expect(again.head.sequence).toBe(2);
});

/** Overwrites the first page of a table. */
async function tearRootOf(directory: string, table: string): Promise<void> {
  const connection = new DatabaseSync(journalFile(directory));
  const row = connection.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(table);
  connection.close();
  const handle = await open(journalFile(directory), "r+");
  await handle.write(Buffer.alloc(2048, 0xee), 0, 2048, ((row?.rootpage as number) - 1) * 4096);
  await handle.close();
}

test("the older snapshot can be asked for after a damaged one", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 2));
  await journal.saveSnapshot(1, bytesOf("one"), STATE);
  await journal.saveSnapshot(2, bytesOf("two"), STATE);
  vandalise(directory, "UPDATE snapshot_part SET bytes = x'00' WHERE sequence = 2");
  await journal.close();

  const reopened = await openJournal(directory);
  await expect(reopened.latestSnapshot()).rejects.toMatchObject({ sequence: 2 });
  expect((await reopened.latestSnapshot(1))?.sequence).toBe(1);
});
