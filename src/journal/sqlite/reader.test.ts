import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { JournalStopped, StorageFailure } from "../errors.ts";
import type { JournalReader } from "../journal.ts";
import { openSqliteReader } from "./reader.ts";
import {
  openJournal,
  payloads,
  readAll,
  startChild,
  temporaryDirectory,
  writeJournal,
} from "./storage.testkit.ts";

async function openReader(directory: string): Promise<JournalReader> {
  const reader = await openSqliteReader(directory);
  onTestFinished(() => reader.close());
  return reader;
}

test("a reader sees what a writer at work has made durable, when it looks again", async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory);
  await journal.append(payloads(1, 2));
  const reader = await openReader(directory);
  expect(reader.head).toEqual(journal.head);

  await journal.append(payloads(3, 5));
  expect(reader.head.sequence).toBe(2);
  expect(await reader.refresh()).toEqual(journal.head);
  expect(await readAll(reader, 4)).toHaveLength(2);
  expect(await reader.verify()).toMatchObject({ head: journal.head, epoch: 1 });
});

test("reading neither takes the lock nor raises the epoch", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 2);
  const reader = await openReader(directory);
  await reader.verify();
  expect((await openJournal(directory)).epoch).toBe(2);
  expect(await readAll(reader)).toHaveLength(2);
});

test("a journal held by another process can be verified", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 700);
  const child = startChild(["hold", directory]);
  await child.nextLine();
  const reader = await openReader(directory);
  expect(await reader.verify()).toMatchObject({ head: { sequence: 700 }, epoch: 2 });
});

test("the path is named where there is no journal", async () => {
  const directory = join(temporaryDirectory(), "nowhere");
  const opened = openSqliteReader(directory);
  await expect(opened).rejects.toThrow(StorageFailure);
  await expect(opened).rejects.toMatchObject({ code: "StorageMissing" });
  await expect(opened).rejects.toThrow(`${directory}/journal.sqlite`);
});

test("a closed reader refuses", async () => {
  const directory = temporaryDirectory();
  await writeJournal(directory, 2);
  const reader = await openReader(directory);
  await reader.close();
  await expect(reader.refresh()).rejects.toThrow(JournalStopped);
  await expect(reader.latestSnapshot()).rejects.toThrow(JournalStopped);
});
