import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { JournalStopped, StorageFailure } from "../errors.ts";
import { assertDurable, journalFile, openForWriting, pragma } from "./connection.ts";
import { openSqliteJournal } from "./journal.ts";
import { openSqliteReader } from "./reader.ts";
import {
  openJournal,
  readAll,
  startChild,
  temporaryDirectory,
  vandalise,
  writeJournal,
} from "./storage.testkit.ts";

const TEN_KB = new Uint8Array(10_000);

test("durability is on: WAL, synchronous FULL, no memory map, readers let in", () => {
  const connection = openForWriting(join(temporaryDirectory(), "journal.sqlite"));
  onTestFinished(() => connection.close());
  expect(pragma(connection, "journal_mode")).toBe("wal");
  expect(pragma(connection, "synchronous")).toBe(2);
  expect(pragma(connection, "mmap_size")).toBe(0);
  expect(pragma(connection, "locking_mode")).toBe("normal");
});

test.each(["synchronous = NORMAL", "journal_mode = DELETE", "locking_mode = EXCLUSIVE"])(
  "opening would stop if the engine had settled for %s",
  (setting) => {
    const connection = openForWriting(join(temporaryDirectory(), "journal.sqlite"));
    onTestFinished(() => connection.close());
    assertDurable(connection);
    connection.exec(`PRAGMA ${setting}`);
    expect(() => assertDurable(connection)).toThrow(/SQLite has .* instead of/);
  },
);

test("a full database refuses the append; what was acknowledged is there afterwards", async () => {
  const directory = temporaryDirectory();
  const journal = await openSqliteJournal(directory, { maxBytes: 400_000 });
  const { acknowledged, error } = await fillUp(() => journal.append([TEN_KB]));
  expect(error).toBeInstanceOf(StorageFailure);
  expect(error).toMatchObject({ code: "StorageFull", file: journal.location });
  expect((error as Error).message).toMatch(/Free disk space or raise the storage limit/);
  expect(acknowledged).toBeGreaterThan(10);

  const waiting = [journal.append([TEN_KB]), journal.append([TEN_KB])];
  for (const append of waiting) await expect(append).rejects.toThrow(JournalStopped);
  expect(journal.head.sequence).toBe(acknowledged);
  await journal.close();

  const reopened = await openJournal(directory);
  expect(await reopened.verify()).toMatchObject({ head: { sequence: acknowledged } });
  expect(await reopened.append([TEN_KB])).toEqual({
    first: acknowledged + 1,
    last: acknowledged + 1,
  });
});

test("all that wait for the flush that finds the disk full are told the same", async () => {
  const journal = await openSqliteJournal(temporaryDirectory(), { maxBytes: 200_000 });
  onTestFinished(() => journal.close());
  const large = new Uint8Array(8_000_000);
  const answers = await Promise.allSettled([1, 2, 3].map(() => journal.append([large])));
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: "rejected", reason: { code: "StorageFull" } });
  }
});

test("a snapshot that finds the disk full stops the journal and leaves no half of it", async () => {
  const directory = temporaryDirectory();
  const journal = await openSqliteJournal(directory, { maxBytes: 400_000 });
  await journal.append([TEN_KB]);
  const state = `0x${"00".repeat(32)}` as const;
  const saving = journal.saveSnapshot(1, new Uint8Array(1_000_000), state);
  await expect(saving).rejects.toMatchObject({ code: "StorageFull" });
  await expect(journal.append([TEN_KB])).rejects.toThrow(JournalStopped);
  await journal.close();
  const reopened = await openJournal(directory);
  expect(await reopened.latestSnapshot()).toBeUndefined();
  expect(await readAll(reopened)).toHaveLength(1);
});

test("a write that the operating system refuses fails the append, and loses nothing", async () => {
  const directory = temporaryDirectory();
  // Blocks of 1 KiB: no file of that process grows beyond half a megabyte.
  const child = startChild(["fill", directory], "ulimit -f 512");
  expect(await child.ended).toBe(0);
  expect(child.lines.at(-1)).toBe("failed StorageFailed");
  const acknowledged = child.lines.length - 1;
  expect(acknowledged).toBeGreaterThan(10);
  expect(child.lines.at(-2)).toBe(`acknowledged ${acknowledged}`);

  const reopened = await openJournal(directory);
  const { head } = await reopened.verify();
  expect(head.sequence).toBeGreaterThanOrEqual(acknowledged);
  expect(await reopened.append([TEN_KB])).toMatchObject({ first: head.sequence + 1 });
});

test("read-only storage refuses a writer and lets a reader verify", async () => {
  const directory = join(temporaryDirectory(), "storage");
  await writeJournal(directory, 3);
  makeReadOnly(directory);
  const child = startChild(["unprivileged", directory]);
  expect(await child.ended).toBe(0);
  expect(child.lines).toEqual(["StorageReadOnly", "verified 3"]);
});

test("an empty directory that is read-only is told from a missing one", async () => {
  const directory = join(temporaryDirectory(), "storage");
  mkdirSync(directory);
  makeReadOnly(directory);
  const child = startChild(["unprivileged", directory]);
  expect(await child.ended).toBe(0);
  expect(child.lines).toEqual(["StorageReadOnly", "StorageMissing"]);
});

/** For the user of the child, which is nobody where this one is root. */
function makeReadOnly(directory: string): void {
  for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o444);
  chmodSync(directory, 0o555);
  chmodSync(join(directory, ".."), 0o755);
  onTestFinished(() => chmodSync(directory, 0o755));
}

test("a storage path that is a file is refused by name", async () => {
  const file = join(temporaryDirectory(), "file");
  writeFileSync(file, "");
  const opened = openSqliteJournal(join(file, "storage"));
  await expect(opened).rejects.toThrow(StorageFailure);
  await expect(opened).rejects.toMatchObject({ code: "StorageMissing" });
});

test("a database of something else is refused and left as it is", async () => {
  const directory = temporaryDirectory();
  const other = new DatabaseSync(journalFile(directory));
  other.exec("CREATE TABLE diary (entry TEXT)");
  other.close();
  for (const open of [openSqliteJournal, openSqliteReader]) {
    await expect(open(directory)).rejects.toMatchObject({ code: "NotAJournal" });
  }
  expect(existsSync(`${journalFile(directory)}-wal`)).toBe(false);
});

test("a file that is no database, and a directory in its place, are refused", async () => {
  const directory = temporaryDirectory();
  writeFileSync(journalFile(directory), "x".repeat(5000));
  await expect(openSqliteJournal(directory)).rejects.toMatchObject({ code: "NotAJournal" });
  const second = temporaryDirectory();
  mkdirSync(journalFile(second));
  await expect(openSqliteJournal(second)).rejects.toThrow(StorageFailure);
});

test("a journal of the format before is raised once it is opened for writing", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 3);
  vandalise(directory, "PRAGMA user_version = 1");
  const format = () => {
    const connection = new DatabaseSync(journalFile(directory));
    const row = connection.prepare("PRAGMA user_version").get();
    connection.close();
    return row?.["user_version"];
  };
  const reader = await openSqliteReader(directory);
  expect((await reader.verify()).head.sequence).toBe(3);
  await reader.close();
  expect(format(), "a reader leaves it").toBe(1);

  const journal = await openSqliteJournal(directory);
  expect(journal.format).toBe(2);
  expect(await journal.append([new Uint8Array([4])])).toEqual({ first: 4, last: 4 });
  await journal.close();
  expect(format(), "so that an older release refuses it").toBe(2);
});

test("tables of a newer release are refused with the advice to install it", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 1);
  vandalise(directory, "PRAGMA user_version = 3");
  for (const open of [openSqliteJournal, openSqliteReader]) {
    const opened = open(directory);
    await expect(opened).rejects.toMatchObject({ code: "NewerFormat" });
    await expect(opened).rejects.toThrow(/Install the newer release/);
  }
});

test("a crash within the very first opening leaves nothing that refuses the next one", async () => {
  const directory = temporaryDirectory();
  const halfway = new DatabaseSync(journalFile(directory));
  halfway.exec("PRAGMA journal_mode = WAL");
  halfway.close();
  expect((await openJournal(directory)).epoch).toBe(1);
});

async function fillUp(append: () => Promise<unknown>) {
  let acknowledged = 0;
  for (;;) {
    try {
      await append();
      acknowledged += 1;
    } catch (error) {
      return { acknowledged, error };
    }
  }
}
