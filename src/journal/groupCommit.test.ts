import { expect, test } from "vitest";
import { Alarm } from "../base/errors.ts";
import { AppendTooLarge, JournalStopped } from "./errors.ts";
import { type Commit, GroupCommit } from "./groupCommit.ts";
import {
  MAX_COMMIT_BYTES,
  MAX_COMMIT_RECORDS,
  MAX_WAITING_BYTES,
  MAX_WAITING_RECORDS,
} from "./journal.ts";

const record = (value: number) => Uint8Array.of(value);
const records = (count: number) => Array.from({ length: count }, () => record(0));

/** A commit that numbers records from 1 and keeps each flush. */
function recorder(): { flushes: number[][]; commit: Commit } {
  const flushes: number[][] = [];
  let next = 1;
  const commit: Commit = (batch) => {
    flushes.push(batch.map((bytes) => bytes[0] ?? -1));
    next += batch.length;
    return next - batch.length;
  };
  return { flushes, commit };
}

test("appends that wait together share a flush, in the order of the calls", async () => {
  const { flushes, commit } = recorder();
  const group = new GroupCommit(commit);
  const answers = await Promise.all([
    group.append([record(1), record(2)]),
    group.append([record(3)]),
    group.append([record(4), record(5)]),
  ]);
  expect(answers).toEqual([
    { first: 1, last: 2 },
    { first: 3, last: 3 },
    { first: 4, last: 5 },
  ]);
  expect(flushes).toEqual([[1, 2, 3, 4, 5]]);
});

test("an append that comes during a flush goes into the next one", async () => {
  const { flushes, commit } = recorder();
  let late: Promise<unknown> | undefined;
  const group = new GroupCommit((batch) => {
    late ??= group.append([record(2)]);
    return commit(batch);
  });
  await group.append([record(1)]);
  await late;
  expect(flushes).toEqual([[1], [2]]);
});

test("a flush takes whole appends up to its limits", async () => {
  const { flushes, commit } = recorder();
  const group = new GroupCommit(commit);
  const half = Math.floor(MAX_COMMIT_RECORDS / 2) + 1;
  await Promise.all([half, half, 1].map((count) => group.append(records(count))));
  expect(flushes.map((flush) => flush.length)).toEqual([half, half + 1]);

  const large = new Uint8Array(MAX_COMMIT_BYTES - 1);
  await Promise.all([group.append([large]), group.append([record(0), record(0)])]);
  expect(flushes.map((flush) => flush.length).slice(2)).toEqual([1, 2]);
});

test("a record that is too large is refused, and the rest goes on", async () => {
  const group = new GroupCommit(recorder().commit);
  const kept = group.append([record(1)]);
  await expect(group.append(records(MAX_COMMIT_RECORDS + 1))).rejects.toThrow(AppendTooLarge);
  await expect(group.append([new Uint8Array(MAX_COMMIT_BYTES + 1)])).rejects.toThrow(
    /Payload bytes in one append: 8388609, at most 8388608\. Split/,
  );
  await expect(group.append([])).rejects.toThrow(Alarm);
  await expect(kept).resolves.toEqual({ first: 1, last: 1 });
  await expect(group.append(records(MAX_COMMIT_RECORDS))).resolves.toMatchObject({ first: 2 });
});

test("the queue is bounded and takes new appends once it has drained", async () => {
  const group = new GroupCommit(recorder().commit);
  const full = MAX_WAITING_RECORDS / MAX_COMMIT_RECORDS;
  const waiting = Array.from({ length: full }, () => group.append(records(MAX_COMMIT_RECORDS)));
  await expect(group.append([record(1)])).rejects.toThrow(/waiting to be written.*retry/);
  await Promise.all(waiting);
  await expect(group.append([record(1)])).resolves.toMatchObject({
    first: MAX_WAITING_RECORDS + 1,
  });
});

test("the bytes that wait are bounded, too, and freed as they are written", async () => {
  const group = new GroupCommit(recorder().commit);
  const large = new Uint8Array(MAX_COMMIT_BYTES);
  const full = MAX_WAITING_BYTES / MAX_COMMIT_BYTES;
  const waiting = Array.from({ length: full }, () => group.append([large]));
  await expect(group.append([record(1)])).rejects.toThrow(/bytes waiting: 67108865.*retry/);
  await Promise.all(waiting);
  await expect(group.append([large])).resolves.toMatchObject({ first: full + 1 });
});

test("a flush that fails rejects all that wait with its error, and later ones for good", async () => {
  const full = new Error("disk full");
  const flushed: number[] = [];
  const group = new GroupCommit((batch) => {
    flushed.push(batch.length);
    throw full;
  });
  const limit = MAX_COMMIT_RECORDS;
  const first = group.append(records(limit));
  const sameTurn = group.append(records(limit));
  await expect(first).rejects.toBe(full);
  await expect(sameTurn).rejects.toBe(full);
  const later = group.append([record(1)]);
  await expect(later).rejects.toThrow(JournalStopped);
  await expect(later).rejects.toMatchObject({ cause: full });
  expect(flushed).toEqual([limit]);
});

test("an asynchronous commit is waited for, one at a time", async () => {
  let running = 0;
  let most = 0;
  let next = 1;
  const group = new GroupCommit(async (batch) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    next += batch.length;
    return next - batch.length;
  });
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => group.append(records(MAX_COMMIT_RECORDS))),
  );
  expect(answers.map(({ first }) => first)).toEqual([1, 1025, 2049, 3073, 4097]);
  expect(most).toBe(1);
});

test("closing lets those that wait finish and refuses new ones", async () => {
  const { flushes, commit } = recorder();
  const group = new GroupCommit(commit);
  const waiting = group.append([record(1)]);
  const closed = group.close();
  await expect(group.append([record(2)])).rejects.toThrow(/The journal is closed/);
  await expect(waiting).resolves.toEqual({ first: 1, last: 1 });
  await closed;
  expect(flushes).toEqual([[1]]);
});
