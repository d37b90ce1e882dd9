import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AppendTooLarge, FencedOff, JournalDamaged, JournalStopped } from "../errors.ts";
import { MAX_COMMIT_RECORDS, READ_BATCH_BYTES, READ_BATCH_RECORDS } from "../journal.ts";
import { EMPTY_HEAD, GENESIS_HASH, sealRecord } from "../record.ts";
import { journalFile } from "./connection.ts";
import { openSqliteJournal } from "./journal.ts";
import {
  bytesOf,
  copyStorage,
  openJournal,
  payloads,
  readAll,
  temporaryDirectory,
  textOf,
  vandalise,
  writeJournal,
} from "./storage.testkit.ts";

test("opening creates the storage directory; a new journal is empty and in epoch 1", async () => {
  const directory = join(temporaryDirectory(), "deep", "storage");
  const journal = await openJournal(directory);
  expect(journal.head).toEqual(EMPTY_HEAD);
  expect(journal).toMatchObject({ epoch: 1, restoredFrom: undefined });
  expect(journal.location).toBe(join(directory, "journal.sqlite"));
  expect(await readAll(journal)).toEqual([]);
  expect(await journal.latestSnapshot()).toBeUndefined();
  expect(existsSync(journal.location)).toBe(true);
});

test("sequences start at 1 and are dense; the head follows", async () => {
  const journal = await openJournal(temporaryDirectory());
  expect(await journal.append(payloads(1, 3))).toEqual({ first: 1, last: 3 });
  expect(await journal.append(payloads(4, 4))).toEqual({ first: 4, last: 4 });
  const records = await readAll(journal);
  expect(records.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  expect(records.map(({ payload }) => textOf(payload))).toEqual([
    "record 1",
    "record 2",
    "record 3",
    "record 4",
  ]);
  expect(journal.head).toEqual({ sequence: 4, hash: records[3]?.hash });
});

test("a reopened journal goes on where it was, in the next epoch", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 3);
  const journal = await openJournal(directory);
  expect(journal).toMatchObject({ epoch: 2, head: { sequence: 3 } });
  expect(await journal.append(payloads(4, 5))).toEqual({ first: 4, last: 5 });
  const records = await readAll(journal);
  expect(records.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 2, 2]);
  expect(await journal.verify()).toMatchObject({ head: { sequence: 5 }, epoch: 2 });
});

test("a closed journal leaves one database file and no log", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 3);
  expect(readdirSync(directory).sort()).toEqual(["acknowledged", "journal.sqlite", "lock.sqlite"]);
});

test("reading starts and stops where it is told, in bounded batches", async () => {
  const journal = await openJournal(temporaryDirectory());
  for (let first = 1; first <= 1500; first += 500) {
    await journal.append(payloads(first, first + 499));
  }
  const sizes: number[] = [];
  for await (const batch of journal.read(10, 1000)) sizes.push(batch.length);
  expect(sizes).toEqual([READ_BATCH_RECORDS, 1000 - READ_BATCH_RECORDS]);

  const some = await readAll(journal, 1499, 10);
  expect(some.map(({ sequence }) => sequence)).toEqual([1499, 1500]);
  expect(await readAll(journal, 1501)).toEqual([]);
  expect(await readAll(journal, 5, 0)).toEqual([]);
  expect(await readAll(journal, 7, 1)).toHaveLength(1);
  await expect(readAll(journal, 0)).rejects.toThrow(/records read from 0 on/);
});

test("large records are handed over in small batches", async () => {
  const journal = await openJournal(temporaryDirectory());
  const large = new Uint8Array(READ_BATCH_BYTES / 2 + 1);
  await journal.append([large, large, large]);
  const sizes: number[] = [];
  for await (const batch of journal.read(1)) sizes.push(batch.length);
  expect(sizes).toEqual([2, 1]);
});

test("a read ends at the head that it began with, whatever is appended meanwhile", async () => {
  const journal = await openJournal(temporaryDirectory());
  await journal.append(payloads(1, READ_BATCH_RECORDS + 1));
  let seen = 0;
  for await (const batch of journal.read(1)) {
    seen += batch.length;
    await journal.append(payloads(1, 5));
  }
  expect(seen).toBe(READ_BATCH_RECORDS + 1);
});

test("a record that is too large is refused, and the journal goes on", async () => {
  const journal = await openJournal(temporaryDirectory());
  const many = payloads(1, MAX_COMMIT_RECORDS + 1);
  await expect(journal.append(many)).rejects.toThrow(AppendTooLarge);
  expect(await journal.append([bytesOf("fits"), new Uint8Array(0)])).toEqual({ first: 1, last: 2 });
});

test("law: whatever is appended by whomever is read back as it was, in order", async () => {
  const calls = fc.array(fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1 }), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(calls, async (appends) => {
      const journal = await openSqliteJournal(temporaryDirectory());
      const answers = await Promise.all(appends.map((records) => journal.append(records)));
      const read = await readAll(journal);
      expect(read.map(({ payload }) => [...payload])).toEqual(
        appends.flat().map((payload) => [...payload]),
      );
      expect(answers.map(({ first, last }) => last - first + 1)).toEqual(
        appends.map(({ length }) => length),
      );
      await journal.close();
    }),
    { numRuns: 15 },
  );
});

test("a raised epoch fences the writer off: nothing is written, all that wait are told", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 2));
  vandalise(directory, "UPDATE head SET epoch = 7");

  const many = payloads(1, MAX_COMMIT_RECORDS);
  const waiting = [journal.append(many), journal.append(many)];
  for (const append of waiting) {
    await expect(append).rejects.toThrow(FencedOff);
    await expect(append).rejects.toMatchObject({ ownEpoch: 1, foundEpoch: 7 });
  }
  const later = journal.append(payloads(3, 3));
  await expect(later).rejects.toThrow(JournalStopped);
  await expect(later).rejects.toMatchObject({ cause: { code: "FencedOff" } });
  expect(await readAll(journal)).toHaveLength(2);
  // The refused writer holds nobody up, although it is still open.
  vandalise(directory, "UPDATE head SET epoch = 8");
  await journal.close();
  await expect(openJournal(directory)).resolves.toMatchObject({ epoch: 9, head: { sequence: 2 } });
});

test("records by another hand in the same epoch fence the writer off", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  const other = sealRecord(GENESIS_HASH, 1, 1, bytesOf("other"));
  const hash = Buffer.from(other.hash).toString("hex");
  vandalise(
    directory,
    `INSERT INTO record VALUES (1, 1, 1, CAST('other' AS BLOB), ${other.checksum}, x'${hash}');
     UPDATE head SET sequence = 1, hash = x'${hash}';`,
  );
  await expect(journal.append([bytesOf("mine")])).rejects.toThrow(FencedOff);
  expect((await readAll(journal)).map(({ payload }) => textOf(payload))).toEqual(["other"]);
});

test("refresh tells a writer that it has been fenced off", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 1));
  expect(await journal.refresh()).toEqual(journal.head);
  vandalise(directory, "UPDATE head SET epoch = epoch + 1");
  await expect(journal.refresh()).rejects.toThrow(FencedOff);
  await expect(journal.append(payloads(2, 2))).rejects.toThrow(JournalStopped);
});

test("a record in the way of an append is damage, and nothing is overwritten", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  vandalise(directory, "INSERT INTO record VALUES (1, 1, 1, x'00', 0, zeroblob(32))");
  await expect(journal.append(payloads(1, 1))).rejects.toThrow(JournalDamaged);
  await journal.close();
  await expect(openSqliteJournal(directory)).rejects.toMatchObject({ damage: "recordBeyondHead" });
});

test("the database itself refuses to change or delete a record", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 2);
  const connection = new DatabaseSync(journalFile(directory));
  for (const sql of ["DELETE FROM record", "UPDATE record SET payload = x'00'"]) {
    expect(() => connection.exec(sql)).toThrow("the journal is append-only");
  }
  connection.close();
});

test("opening moves what a killed writer left in the log into the database, durably", async () => {
  const directory = temporaryDirectory();
  const original = await openJournal(join(directory, "original"));
  for (let n = 1; n <= 30; n++) await original.append([new Uint8Array(10_000).fill(n)]);
  const killed = join(directory, "killed");
  copyStorage(join(directory, "original"), killed);
  const log = `${journalFile(killed)}-wal`;
  expect(statSync(log).size).toBeGreaterThan(300_000);

  const journal = await openJournal(killed);
  // What is left is the raised epoch.
  expect(statSync(log).size).toBeLessThan(20_000);
  expect(await journal.verify()).toMatchObject({ head: original.head, epoch: 2 });
});

test("closing lets waiting appends finish, then refuses everything; twice is once", async () => {
  const directory = temporaryDirectory();
  const journal = await openSqliteJournal(directory);
  const waiting = journal.append(payloads(1, 3));
  await Promise.all([journal.close(), journal.close()]);
  await expect(waiting).resolves.toEqual({ first: 1, last: 3 });
  await expect(journal.append(payloads(4, 4))).rejects.toThrow(JournalStopped);
  await expect(journal.refresh()).rejects.toThrow(JournalStopped);
  await expect(readAll(journal)).rejects.toThrow(JournalStopped);
  await expect(journal.verify()).rejects.toThrow(JournalStopped);
  expect((await openJournal(directory)).head.sequence).toBe(3);
});
