import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { StorageFailure, StorageInUse } from "../errors.ts";
import type { Head, Journal } from "../journal.ts";
import { restoreBackup } from "./backup.ts";
import { journalFile } from "./connection.ts";
import { openSqliteJournal } from "./journal.ts";
import { openSqliteBackup, openSqliteReader } from "./reader.ts";
import {
  bytesOf,
  copyStorage,
  openJournal,
  payloads,
  readAll,
  temporaryDirectory,
  vandalise,
  writeJournal,
} from "./storage.testkit.ts";

const STATE = `0x${"ab".repeat(32)}` as const;

/** A journal of `count` records, its backup, and `more` records that came after it. */
async function backedUp(count: number, more: number) {
  const directory = join(temporaryDirectory(), "storage");
  const backup = join(temporaryDirectory(), "backup.sqlite");
  const journal = await openJournal(directory);
  await journal.append(payloads(1, count));
  const head = await journal.backup(backup);
  if (more > 0) await journal.append(payloads(count + 1, count + more));
  await journal.close();
  return { directory, backup, head };
}

/** Loses the journal, and keeps what else is in the storage directory. */
function loseJournal(directory: string): void {
  rmSync(journalFile(directory));
}

test("a backup that is verified or read has no other file beside it, then or later", async () => {
  const { backup, head } = await backedUp(5, 2);
  const folder = dirname(backup);
  const before = readdirSync(folder);
  const reader = await openSqliteBackup(backup);
  expect(await reader.verify()).toMatchObject({ head });
  expect(await readAll(reader)).toHaveLength(5);
  expect(readdirSync(folder)).toEqual(before);
  await reader.close();
  expect(readdirSync(folder)).toEqual(before);
});

test("a backup is one file, a whole journal, with its snapshots", async () => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append(payloads(1, 10));
  await journal.saveSnapshot(7, bytesOf("state"), STATE);
  const folder = temporaryDirectory();
  const path = join(folder, "backup.sqlite");
  expect(await journal.backup(path)).toEqual(journal.head);
  expect(readdirSync(folder)).toEqual(["backup.sqlite"]);

  const reader = await openSqliteBackup(path);
  expect(await reader.verify()).toMatchObject({ head: journal.head, snapshots: [7] });
  expect((await readAll(reader)).map(({ payload }) => payload)).toHaveLength(10);
  expect(reader.restoredFrom).toMatchObject({ head: journal.head, lostUpTo: undefined });
  expect(journal.restoredFrom).toBeUndefined();
  await reader.close();
});

test("a backup is consistent while appends flow, and the journal goes on", async () => {
  const journal = await openJournal(temporaryDirectory());
  const large = Array.from({ length: 500 }, (_, i) => new Uint8Array(10_000).fill(i));
  await journal.append(large);
  const before = journal.head.sequence;

  const { backup, appended } = await backupUnderLoad(journal);
  expect(appended).toBeGreaterThan(0);
  const reader = await openSqliteBackup(backup.path);
  onTestFinished(() => reader.close());
  expect(await reader.verify()).toMatchObject({ head: backup.head });
  expect(backup.head.sequence).toBeGreaterThanOrEqual(before);
  const [record] = await readAll(journal, backup.head.sequence, 1);
  expect(record?.hash).toBe(backup.head.hash);
  expect(await journal.verify()).toMatchObject({ head: { sequence: before + appended } });
});

async function backupUnderLoad(journal: Journal) {
  const path = join(temporaryDirectory(), "backup.sqlite");
  let head: Head | undefined;
  const running = journal.backup(path).then((done) => {
    head = done;
  });
  let appended = 0;
  while (head === undefined) {
    await journal.append([bytesOf("meanwhile")]);
    appended += 1;
  }
  await running;
  return { backup: { path, head: head as Head }, appended };
}

test("an existing file is not overwritten, a bad path is named, and the journal goes on", async () => {
  const journal = await openJournal(temporaryDirectory());
  const folder = temporaryDirectory();
  const path = join(folder, "taken");
  writeFileSync(path, "precious");
  await expect(journal.backup(path)).rejects.toMatchObject({ code: "StorageNotEmpty", file: path });
  const nowhere = journal.backup(join(folder, "no", "where"));
  await expect(nowhere).rejects.toThrow(StorageFailure);
  await expect(nowhere).rejects.toThrow(/no\/where/);
  await expect(journal.append(payloads(1, 1))).resolves.toEqual({ first: 1, last: 1 });
});

test("the remains of an interrupted backup are no obstacle", async () => {
  const journal = await openJournal(temporaryDirectory());
  const path = join(temporaryDirectory(), "backup.sqlite");
  writeFileSync(`${path}.partial`, "torn");
  expect(await journal.backup(path)).toEqual(journal.head);
  expect(existsSync(`${path}.partial`)).toBe(false);
});

test("a restored journal opens, says so each time, and goes on in a later epoch", async () => {
  const { backup, head } = await backedUp(5, 0);
  const directory = join(temporaryDirectory(), "storage");
  const mark = await restoreBackup(backup, directory);
  expect(mark).toEqual({ head, backedUpAt: expect.any(Number), lostUpTo: undefined });

  const journal = await openSqliteJournal(directory);
  expect(journal).toMatchObject({ epoch: 2, head, restoredFrom: mark });
  expect(await journal.append(payloads(6, 6))).toEqual({ first: 6, last: 6 });
  await journal.close();
  const again = await openJournal(directory);
  expect(again).toMatchObject({ epoch: 3, head: { sequence: 6 }, restoredFrom: mark });
});

test("restoring beside what was acknowledged says which records are lost", async () => {
  const { directory, backup, head } = await backedUp(5, 3);
  loseJournal(directory);
  const mark = await restoreBackup(backup, directory);
  expect(mark).toMatchObject({ head: { sequence: 5 }, lostUpTo: 8 });

  const journal = await openSqliteJournal(directory);
  expect(journal).toMatchObject({ head, restoredFrom: { lostUpTo: 8 } });
  await journal.append(payloads(6, 6));
  await journal.close();
  expect((await openJournal(directory)).restoredFrom).toEqual(mark);
});

test("a backup of everything loses nothing", async () => {
  const { directory, backup } = await backedUp(5, 0);
  loseJournal(directory);
  expect(await restoreBackup(backup, directory)).toMatchObject({ lostUpTo: undefined });
  expect((await openJournal(directory)).head.sequence).toBe(5);
});

test("a backup copied over the journal by hand is refused: acknowledged records are missing", async () => {
  const { directory, backup } = await backedUp(5, 3);
  loseJournal(directory);
  copyStorage(backup, journalFile(directory));
  await expect(openSqliteJournal(directory)).rejects.toMatchObject({
    damage: "tailMissing",
    sequence: 6,
  });
});

test("restoring refuses a directory with a journal, and one in use", async () => {
  const { directory, backup } = await backedUp(2, 1);
  await expect(restoreBackup(backup, directory)).rejects.toMatchObject({ code: "StorageNotEmpty" });
  const journal = await openJournal(directory);
  await expect(restoreBackup(backup, directory)).rejects.toThrow(StorageInUse);
  expect(journal.head.sequence).toBe(3);
});

test("restoring refuses what is damaged, missing, no journal, or at work; then the lock is free", async () => {
  const { directory: original, backup } = await backedUp(5, 0);
  const directory = join(temporaryDirectory(), "storage");

  const live = await openJournal(original);
  await live.append(payloads(6, 6));
  await expect(restoreBackup(live.location, directory)).rejects.toMatchObject({
    code: "NotABackup",
  });
  await expect(restoreBackup(`${backup}.no`, directory)).rejects.toMatchObject({
    code: "StorageMissing",
  });
  const text = join(temporaryDirectory(), "notes.txt");
  writeFileSync(text, "no database at all, but long enough to be looked at".repeat(20));
  await expect(restoreBackup(text, directory)).rejects.toMatchObject({ code: "NotAJournal" });

  const damaged = temporaryDirectory();
  copyStorage(backup, journalFile(damaged));
  vandalise(damaged, "DELETE FROM record WHERE sequence = 2");
  await expect(restoreBackup(journalFile(damaged), directory)).rejects.toMatchObject({
    damage: "recordMissing",
    sequence: 2,
  });

  expect(existsSync(journalFile(directory))).toBe(false);
  await expect(restoreBackup(backup, directory)).resolves.toMatchObject({ head: { sequence: 5 } });
});

test("the backup of another journal is refused where this one's memory is still there", async () => {
  const { backup } = await backedUp(5, 0);
  const directory = temporaryDirectory();
  const other = await openSqliteJournal(directory);
  await other.append([bytesOf("something else")]);
  await other.close();
  loseJournal(directory);
  await expect(restoreBackup(backup, directory)).rejects.toThrow(
    /It remembers another journal: .*acknowledged/,
  );
});

test("a backup of a restored journal is marked anew", async () => {
  const { backup } = await backedUp(2, 0);
  const directory = join(temporaryDirectory(), "storage");
  await restoreBackup(backup, directory);
  const journal = await openJournal(directory);
  await journal.append(payloads(3, 4));
  const second = join(temporaryDirectory(), "second.sqlite");
  await journal.backup(second);
  const reader = await openSqliteBackup(second);
  expect(reader.restoredFrom?.head).toEqual(journal.head);
  await reader.close();
});

test("a backup is made from a journal that is only open for reading, too", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 4);
  const reader = await openSqliteBackup(journalFile(directory));
  const path = join(temporaryDirectory(), "backup.sqlite");
  expect(await reader.backup(path)).toEqual(reader.head);
  await reader.close();
});

test("no backup is made of damaged records, and none is left behind", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 5);
  vandalise(directory, "UPDATE record SET payload = x'00' WHERE sequence = 3");
  const reader = await openSqliteReader(directory);
  onTestFinished(() => reader.close());
  const folder = temporaryDirectory();
  const attempt = reader.backup(join(folder, "backup.sqlite"));
  await expect(attempt).rejects.toMatchObject({ damage: "recordAltered", sequence: 3 });
  expect(readdirSync(folder)).toEqual([]);
});

test("a folder that holds something else is not restored into", async () => {
  const { backup } = await backedUp(2, 0);
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "notes.txt"), "mine");
  await expect(restoreBackup(backup, directory)).rejects.toMatchObject({
    code: "StorageNotEmpty",
    file: join(directory, "notes.txt"),
  });
});
