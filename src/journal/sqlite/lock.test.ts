import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FencedOff, StorageInUse } from "../errors.ts";
import { LOCK_FILE, OWNER_FILE } from "./connection.ts";
import { openSqliteJournal } from "./journal.ts";
import { lockStorage, readOwner } from "./lock.ts";
import { bytesOf, openJournal, startChild, temporaryDirectory } from "./storage.testkit.ts";

const openedAt = "2026-01-01T00:00:00.000Z";

test("a second process is refused and told the owner's pid", async () => {
  const directory = temporaryDirectory();
  const child = startChild(["hold", directory]);
  await child.nextLine();
  const refused = openSqliteJournal(directory);
  await expect(refused).rejects.toThrow(StorageInUse);
  await expect(refused).rejects.toMatchObject({ owner: { pid: child.process.pid } });
  await expect(refused).rejects.toThrow(`in use by process ${child.process.pid} on ${hostname()}`);
});

test("the lock goes with a process that is killed, and its stale word is replaced", async () => {
  const directory = temporaryDirectory();
  const child = startChild(["hold", directory]);
  await child.nextLine();
  child.process.kill("SIGKILL");
  await child.ended;
  expect(existsSync(join(directory, OWNER_FILE))).toBe(true);

  const journal = await openJournal(directory);
  expect(journal.epoch).toBe(2);
  expect(readOwner(join(directory, OWNER_FILE))?.pid).toBe(process.pid);
});

test("the same process is refused as well, and let in after a close", async () => {
  const directory = temporaryDirectory();
  const journal = await openSqliteJournal(directory);
  await expect(openSqliteJournal(directory)).rejects.toThrow(`in use by process ${process.pid}`);
  await journal.close();
  expect(existsSync(join(directory, OWNER_FILE))).toBe(false);
  await expect(openJournal(directory)).resolves.toMatchObject({ epoch: 2 });
});

test("a refused opening does not take the lock away from its holder", async () => {
  const directory = temporaryDirectory();
  await openJournal(directory);
  await expect(openSqliteJournal(directory)).rejects.toThrow(StorageInUse);
  await expect(openSqliteJournal(directory)).rejects.toThrow(StorageInUse);
  const child = startChild(["hold", directory]);
  expect(await child.nextLine()).toBe("refused StorageInUse");
});

test("a word left by a pid that now is another process does not lock and is not believed", () => {
  const directory = temporaryDirectory();
  const file = join(directory, OWNER_FILE);
  const word = { pid: process.pid, host: hostname(), openedAt, startedAt: "1" };
  writeFileSync(file, JSON.stringify(word));
  expect(readOwner(file)).toBeUndefined();
  lockStorage(directory).release();

  writeFileSync(file, JSON.stringify({ ...word, host: "elsewhere" }));
  expect(readOwner(file)).toEqual({ pid: process.pid, host: "elsewhere", openedAt });
});

test("a holder whose word is unreadable is still refused to others, without a pid", () => {
  const directory = temporaryDirectory();
  const lock = lockStorage(directory);
  for (const word of ["{", "null", "[]", '{"pid":"1"}', ""]) {
    writeFileSync(join(directory, OWNER_FILE), word);
    expect(() => lockStorage(directory)).toThrow(/has not left its pid.*fuser .*lock\.sqlite/);
  }
  rmSync(join(directory, OWNER_FILE));
  expect(() => lockStorage(directory)).toThrow(/has not left its pid/);
  lock.release();
});

test("the word tells who, where and since when", () => {
  const directory = temporaryDirectory();
  const lock = lockStorage(directory);
  const word = JSON.parse(readFileSync(join(directory, OWNER_FILE), "utf8"));
  expect(word).toMatchObject({ pid: process.pid, host: hostname() });
  expect(Math.abs(Date.now() - Date.parse(word.openedAt))).toBeLessThan(60_000);
  lock.release();
});

test("the epoch still fences the first writer off where somebody deletes the lock", async () => {
  const directory = temporaryDirectory();
  const first = await openJournal(directory);
  await first.append([bytesOf("before")]);
  rmSync(join(directory, LOCK_FILE));

  const second = startChild(["hold", directory]);
  expect(await second.nextLine()).toBe("holding epoch 2");
  const refused = first.append([bytesOf("after")]);
  await expect(refused).rejects.toThrow(FencedOff);
  await expect(refused).rejects.toMatchObject({ ownEpoch: 1, foundEpoch: 2 });
});
