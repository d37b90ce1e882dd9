import { once } from "node:events";
import { Session } from "node:inspector/promises";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { StorageFailure } from "../errors.ts";
import { bytesOf, openJournal, temporaryDirectory } from "./storage.testkit.ts";
import { BUSY_TIMEOUT_MS } from "./transactions.ts";

/** A thread that writes to `file` and keeps the lock for so long; resolves once it has it. */
async function holdLock(file: string, ms: number): Promise<void> {
  const holder = new Worker(
    `const { DatabaseSync } = require("node:sqlite");
     const { parentPort, workerData } = require("node:worker_threads");
     const connection = new DatabaseSync(workerData.file);
     connection.exec("BEGIN IMMEDIATE");
     parentPort.postMessage("held");
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData.ms);
     connection.exec("COMMIT");
     connection.close();`,
    { eval: true, workerData: { file, ms } },
  );
  const ended = once(holder, "exit");
  onTestFinished(() => ended.then(() => {}));
  await once(holder, "message");
}

/** Signals this thread ten thousand times a second, until the test ends. */
async function startProfiler(): Promise<void> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 100 });
  await session.post("Profiler.start");
  onTestFinished(() => session.disconnect());
}

test("an append waits for a lock of another, under a profiler's signals too", async () => {
  const journal = await openJournal(temporaryDirectory());
  await startProfiler();
  await holdLock(journal.location, 300);
  await expect(journal.append([bytesOf("one")])).resolves.toEqual({ first: 1, last: 1 });
});

test("an append gives up a lock that is held for longer, and says who must act", async () => {
  const journal = await openJournal(temporaryDirectory());
  const holder = new DatabaseSync(journal.location);
  onTestFinished(() => holder.close());
  holder.exec("BEGIN IMMEDIATE");
  const began = performance.now();
  const append = journal.append([bytesOf("one")]);
  await expect(append).rejects.toThrow(StorageFailure);
  await expect(append).rejects.toMatchObject({ code: "StorageBusy", file: journal.location });
  // By the same clock: less would be the engine's own wait, which signals cut short.
  expect(performance.now() - began).toBeGreaterThanOrEqual(BUSY_TIMEOUT_MS);
});
