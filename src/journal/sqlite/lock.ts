import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Owner, StorageInUse } from "../errors.ts";
import { LOCK_FILE, OWNER_FILE, syncDirectoryOf } from "./connection.ts";
import { guarded, isBusy } from "./engineErrors.ts";

/**
 * One writer for a storage directory. The lock that decides is one of the operating system, held
 * through an open transaction on a database of its own: it vanishes with the process, however that
 * ends, so there is no stale lock to argue about. `owner.json` only serves the message; it may be
 * stale, and so is believed only where a process of that pid and that start time still runs.
 *
 * POSIX drops all of a process's locks on a file as soon as it closes any descriptor of that file:
 * nothing in this process may open `lock.sqlite` but this. Network file systems whose locks do not
 * reach other machines are not protected by it; the epoch in the journal still is.
 */
export interface StorageLock {
  release(): void;
}

/** Creates `directory` if need be and locks it. Throws `StorageInUse` or `StorageFailure`. */
export function lockStorage(directory: string): StorageLock {
  return guarded(directory, "The storage directory cannot be locked", () => {
    makeDirectory(directory);
    const connection = lock(directory);
    const ownerFile = join(directory, OWNER_FILE);
    try {
      leaveWord(ownerFile);
    } catch (error) {
      connection.close();
      throw error;
    }
    return {
      release: () => {
        rmSync(ownerFile, { force: true });
        connection.close();
      },
    };
  });
}

function makeDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) {
    const first = mkdirSync(directory, { recursive: true });
    if (first !== undefined) syncDirectoryOf(first);
  }
  // The engine would fall back to a read-only connection, whose exclusive lock excludes nobody.
  accessSync(directory, constants.W_OK);
  const lockFile = join(directory, LOCK_FILE);
  if (statSync(lockFile, { throwIfNoEntry: false })) accessSync(lockFile, constants.W_OK);
}

function lock(directory: string): DatabaseSync {
  const lockFile = join(directory, LOCK_FILE);
  const connection = new DatabaseSync(lockFile, { timeout: 0 });
  try {
    connection.exec("BEGIN EXCLUSIVE");
    return connection;
  } catch (error) {
    connection.close();
    if (!isBusy(error)) throw error;
    throw new StorageInUse(directory, readOwner(join(directory, OWNER_FILE)), lockFile);
  }
}

interface OwnerWord extends Owner {
  /**
   * Start of the process, in the kernel's ticks since boot; null where the system does not tell.
   */
  readonly startedAt: string | null;
}

function leaveWord(ownerFile: string): void {
  const owner: OwnerWord = {
    pid: process.pid,
    host: hostname(),
    openedAt: new Date().toISOString(),
    startedAt: processStart(process.pid),
  };
  writeFileSync(`${ownerFile}.new`, `${JSON.stringify(owner)}\n`);
  renameSync(`${ownerFile}.new`, ownerFile);
}

/** The holder as it describes itself; undefined when the word left is missing, stale or no word. */
export function readOwner(ownerFile: string): Owner | undefined {
  let word: Partial<OwnerWord> | null;
  try {
    word = JSON.parse(readFileSync(ownerFile, "utf8"));
  } catch (error) {
    // Only a message depends on it, and its absence is part of the message.
    if (error instanceof SyntaxError || (error as { code?: string }).code === "ENOENT") return;
    throw error;
  }
  const { pid, host, openedAt, startedAt = null } = word ?? {};
  if (typeof pid !== "number" || typeof host !== "string" || typeof openedAt !== "string") return;
  const stale = host === hostname() && (!isAlive(pid) || processStart(pid) !== startedAt);
  return stale ? undefined : { pid, host, openedAt };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Tells a process from a later one that got the same pid. */
function processStart(pid: number): string | null {
  if (process.platform !== "linux") return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold blanks; the start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    if (["ENOENT", "ESRCH"].includes(code)) return null;
    throw error;
  }
}
