import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { JournalDamaged } from "../errors.ts";
import { sealRecord } from "../record.ts";
import { journalFile } from "./connection.ts";
import { openSqliteJournal } from "./journal.ts";
import { openSqliteReader } from "./reader.ts";
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

async function damageOf(work: Promise<unknown>): Promise<JournalDamaged> {
  const error = await work.then(
    () => new Error("no damage was found"),
    (reason) => reason,
  );
  if (error instanceof JournalDamaged) return error;
  throw error;
}

async function verifyDamage(directory: string): Promise<JournalDamaged> {
  const reader = await openSqliteReader(directory);
  try {
    return await damageOf(reader.verify());
  } finally {
    await reader.close();
  }
}

/** Each alters a journal of five records; `at` is the record to be named. */
const alterations = [
  {
    what: "an altered payload",
    sql: "UPDATE record SET payload = CAST('record X' AS BLOB) WHERE sequence = 3",
    found: { damage: "recordAltered", sequence: 3 },
  },
  {
    what: "an altered checksum",
    sql: "UPDATE record SET checksum = checksum + 1 WHERE sequence = 2",
    found: { damage: "recordAltered", sequence: 2 },
  },
  {
    what: "an altered hash",
    sql: "UPDATE record SET hash = zeroblob(32) WHERE sequence = 4",
    found: { damage: "chainBroken", sequence: 4 },
  },
  {
    what: "an altered epoch",
    sql: "UPDATE record SET epoch = 0 WHERE sequence = 4",
    found: { damage: "chainBroken", sequence: 4 },
  },
  {
    what: "another version",
    sql: "UPDATE record SET version = 2 WHERE sequence = 5",
    found: { damage: "recordAltered", sequence: 5 },
  },
  {
    what: "a number that no record can have",
    sql: "UPDATE record SET epoch = 9223372036854775807 WHERE sequence = 5",
    found: { damage: "unreadable" },
  },
  {
    what: "a row deleted in the middle",
    sql: "DELETE FROM record WHERE sequence = 3",
    found: { damage: "recordMissing", sequence: 3 },
  },
  {
    what: "the first row deleted",
    sql: "DELETE FROM record WHERE sequence = 1",
    found: { damage: "recordMissing", sequence: 1 },
  },
  {
    what: "the tail deleted",
    sql: "DELETE FROM record WHERE sequence >= 4",
    found: { damage: "tailMissing", sequence: 4 },
  },
  {
    what: "everything deleted",
    sql: "DELETE FROM record",
    found: { damage: "tailMissing", sequence: 1 },
  },
  {
    what: "two rows swapped",
    sql:
      "UPDATE record SET sequence = 99 WHERE sequence = 2; " +
      "UPDATE record SET sequence = 2 WHERE sequence = 3; " +
      "UPDATE record SET sequence = 3 WHERE sequence = 99",
    found: { damage: "recordAltered", sequence: 2 },
  },
  {
    what: "a row after the head",
    sql: "INSERT INTO record SELECT 6, epoch, version, payload, checksum, hash FROM record WHERE sequence = 5",
    found: { damage: "recordBeyondHead", sequence: 6 },
  },
  {
    what: "the tail deleted and the head moved back to match",
    sql:
      "DELETE FROM record WHERE sequence >= 4; " +
      "UPDATE head SET sequence = 3, hash = (SELECT hash FROM record WHERE sequence = 3)",
    found: { damage: "tailMissing", sequence: 4 },
  },
  {
    what: "a head with another hash",
    sql: "UPDATE head SET hash = zeroblob(32)",
    found: { damage: "headAltered", sequence: 5 },
  },
  {
    what: "a head in an epoch before its records",
    sql: "UPDATE head SET epoch = 0",
    found: { damage: "headAltered" },
  },
  { what: "no head", sql: "DELETE FROM head", found: { damage: "headAltered" } },
  {
    what: "a head that makes no sense",
    sql: "UPDATE head SET sequence = -1",
    found: { damage: "headAltered" },
  },
] as const;

test.each(alterations)("damage is found on verify and opening: $what", async ({ sql, found }) => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 5);
  vandalise(directory, sql);

  const file = journalFile(directory);
  const opened = damageOf(openSqliteJournal(directory));
  expect(await opened).toMatchObject({ ...found, file, code: "JournalDamaged" });
  expect((await opened).message).toMatch(/expected .*, found .*\. Check the disk, keep a copy/);

  if (!("sequence" in found) && found.damage === "headAltered") {
    await expect(openSqliteReader(directory).then((reader) => reader.verify())).rejects.toThrow(
      JournalDamaged,
    );
  } else {
    expect(await verifyDamage(directory)).toMatchObject({ ...found, file });
  }
});

test("opening a damaged journal changes nothing in it and leaves no lock behind", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 5);
  vandalise(directory, "DELETE FROM record WHERE sequence = 3");
  for (let i = 0; i < 2; i++) {
    await expect(openSqliteJournal(directory)).rejects.toMatchObject({ damage: "recordMissing" });
  }
  const reader = await openSqliteReader(directory);
  expect(reader.head.sequence).toBe(5);
  await reader.close();
});

test("reading stops at a damaged record and does not hand it over", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 1000));
  vandalise(directory, "UPDATE record SET payload = x'00' WHERE sequence = 800");
  const read: number[] = [];
  const reading = (async () => {
    for await (const batch of journal.read(1)) read.push(...batch.map(({ sequence }) => sequence));
  })();
  await expect(reading).rejects.toMatchObject({ damage: "recordAltered", sequence: 800 });
  expect(Math.max(...read)).toBeLessThan(800);
  await expect(readAll(journal, 801)).resolves.toHaveLength(200);
});

test("reading from after a missing record, or up to a missing tail, is refused", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 10));
  vandalise(directory, "DELETE FROM record WHERE sequence IN (3, 9, 10)");
  const damage = (work: Promise<unknown>) => damageOf(work);
  expect(await damage(readAll(journal, 4))).toMatchObject({ damage: "recordMissing", sequence: 3 });
  expect(await damage(readAll(journal, 5))).toMatchObject({ damage: "tailMissing", sequence: 9 });
  expect(await damage(readAll(journal, 5, 5))).toMatchObject({ damage: "tailMissing" });
  expect(await readAll(journal, 5, 4)).toHaveLength(4);
});

test("opening checks only what follows the newest snapshot; verify checks all", async () => {
  const directory = temporaryDirectory();
  const first = await openSqliteJournal(directory);
  await first.append(payloads(1, 10));
  await first.saveSnapshot(6, bytesOf("state"), STATE);
  await first.close();

  vandalise(directory, "UPDATE record SET payload = x'00' WHERE sequence = 3");
  const journal = await openSqliteJournal(directory);
  await expect(journal.verify()).rejects.toMatchObject({ damage: "recordAltered", sequence: 3 });
  await journal.close();

  vandalise(directory, "UPDATE record SET payload = x'00' WHERE sequence = 7");
  await expect(openSqliteJournal(directory)).rejects.toMatchObject({ sequence: 7 });
});

test.each([
  ["DELETE FROM record WHERE sequence = 6", "recordMissing"],
  ["UPDATE record SET hash = zeroblob(32) WHERE sequence = 6", "chainBroken"],
])("a snapshot's own record is checked on opening: %s", async (sql, damage) => {
  const directory = temporaryDirectory();
  const journal = await openSqliteJournal(directory);
  await journal.append(payloads(1, 10));
  await journal.saveSnapshot(6, bytesOf("state"), STATE);
  await journal.close();
  vandalise(directory, sql);
  await expect(openSqliteJournal(directory)).rejects.toMatchObject({ damage, sequence: 6 });
});

test("a history that was rewritten with all its hashes is caught by what was acknowledged", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 1);
  const forged = sealRecord(new Uint8Array(32), 1, 1, bytesOf("forged"));
  const hash = Buffer.from(forged.hash).toString("hex");
  vandalise(
    directory,
    `UPDATE record SET payload = CAST('forged' AS BLOB), checksum = ${forged.checksum}, hash = x'${hash}';
     UPDATE head SET hash = x'${hash}';`,
  );
  const expected = { damage: "chainBroken", sequence: 1 };
  await expect(openSqliteJournal(directory)).rejects.toMatchObject(expected);
  await expect(openSqliteJournal(directory)).rejects.toThrow(/as it was acknowledged/);
  expect(await verifyDamage(directory)).toMatchObject(expected);
});

test("a damaged write-ahead log, whose tail SQLite drops in silence, is noticed", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  for (let n = 1; n <= 20; n++) await journal.append(payloads(n, n));

  const copy = join(temporaryDirectory(), "copy");
  copyStorage(directory, copy);
  const log = `${journalFile(copy)}-wal`;
  await flipByte(log, Math.floor(statSync(log).size / 2));
  const error = await damageOf(openSqliteJournal(copy));
  expect(error).toMatchObject({ damage: "tailMissing", expected: expect.stringContaining("20") });
  expect(error.message).toMatch(/which were acknowledged/);

  const whole = join(temporaryDirectory(), "copy");
  copyStorage(directory, whole);
  expect((await openJournal(whole)).head).toEqual(journal.head);
});

test("a torn page of the database is named and not read over", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 1000);
  const file = journalFile(directory);
  const bytes = Math.floor(statSync(file).size / 4096 / 2) * 4096;
  const handle = await open(file, "r+");
  await handle.write(Buffer.alloc(2048), 0, 2048, bytes);
  await handle.close();
  expect(await damageOf(openSqliteJournal(directory))).toMatchObject({ file });
  expect(await verifyDamage(directory)).toMatchObject({ file });
});

test("verify reports what it saw and how far it is", async () => {
  const journal = await openJournal(temporaryDirectory());
  expect(await journal.verify()).toMatchObject({ head: { sequence: 0 }, bytes: 0, snapshots: [] });
  await journal.append(payloads(1, 9));
  await journal.append(payloads(10, 1000));
  await journal.saveSnapshot(10, bytesOf("state"), STATE);
  const seen: number[] = [];
  const report = await journal.verify({ onProgress: (sequence) => seen.push(sequence) });
  expect(report).toEqual({
    head: journal.head,
    epoch: 1,
    bytes: payloads(1, 1000).reduce((sum, payload) => sum + payload.length, 0),
    snapshots: [10],
  });
  expect(seen).toEqual([512, 1000]);
});

async function flipByte(file: string, at: number): Promise<void> {
  const handle = await open(file, "r+");
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  await handle.write(Buffer.of((byte[0] as number) ^ 0xff), 0, 1, at);
  await handle.close();
}
