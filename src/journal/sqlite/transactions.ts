import type { DatabaseSync } from "node:sqlite";
import { isBusy } from "./engineErrors.ts";

/** Milliseconds for which somebody else's lock is waited for; it blocks the thread. */
export const BUSY_TIMEOUT_MS = 1000;
/** Milliseconds between two tries to get a lock: a snapshot's thread holds it for about one. */
const NAP_MS = 0.25;

/** Runs the reading `work` on one state of the database, whatever others write meanwhile. */
export function inOneView<T>(connection: DatabaseSync, work: () => T): T {
  return between((one) => one.exec("BEGIN DEFERRED"), connection, work);
}

/**
 * Leaves the wait for the lock to `inTransaction` alone. The engine's own adds up the naps that it
 * means to take: signals, such as those of a profiler, end each at once, and a second of them is
 * over within milliseconds. And they grow up to 100 ms, where the lock is held for one.
 */
export function waitByTheClock(connection: DatabaseSync): void {
  connection.exec("PRAGMA busy_timeout = 0");
}

/**
 * Runs `work` all or none, once nobody else writes, which it waits for `waitMs` at most. The error
 * of a rollback that fails too is kept beside the first.
 */
export function inTransaction<T>(
  connection: DatabaseSync,
  work: () => T,
  waitMs = BUSY_TIMEOUT_MS,
): T {
  return between((one) => beginWriting(one, waitMs), connection, work);
}

function beginWriting(connection: DatabaseSync, waitMs: number): void {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      connection.exec("BEGIN IMMEDIATE");
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
    Atomics.wait(NOTHING, 0, 0, NAP_MS);
  }
}

/** Waited on for naps: never changed, and nobody is woken. */
const NOTHING = new Int32Array(new SharedArrayBuffer(4));

function between<T>(
  begin: (connection: DatabaseSync) => void,
  connection: DatabaseSync,
  work: () => T,
): T {
  begin(connection);
  try {
    const result = work();
    connection.exec("COMMIT");
    return result;
  } catch (error) {
    // On a full disk the engine may have rolled back by itself.
    if (connection.isTransaction) rollback(connection, error);
    throw error;
  }
}

function rollback(connection: DatabaseSync, reason: unknown): void {
  try {
    connection.exec("ROLLBACK");
  } catch (error) {
    throw new AggregateError([reason, error], "a transaction failed, and so did its rollback");
  }
}
