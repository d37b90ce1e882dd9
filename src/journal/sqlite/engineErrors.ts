/** Errors of SQLite and of the file system, and their meaning for a journal. */
import { reasonOf } from "../../base/errors.ts";
import {
  JournalDamaged,
  JournalStopped,
  StorageFailure,
  type StorageFailureCode,
} from "../errors.ts";

const SQLITE_BUSY = 5;
export const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
export const SQLITE_CANTOPEN = 14;
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;

const CODE_BY_ENGINE: Partial<Record<number, StorageFailureCode>> = {
  [SQLITE_BUSY]: "StorageBusy",
  [SQLITE_READONLY]: "StorageReadOnly",
  [SQLITE_FULL]: "StorageFull",
  [SQLITE_CANTOPEN]: "StorageMissing",
  [SQLITE_NOTADB]: "NotAJournal",
};

const CODE_BY_SYSTEM: Partial<Record<string, StorageFailureCode>> = {
  EACCES: "StorageReadOnly",
  EPERM: "StorageReadOnly",
  EROFS: "StorageReadOnly",
  ENOSPC: "StorageFull",
  EDQUOT: "StorageFull",
  ENOENT: "StorageMissing",
  ENOTDIR: "StorageMissing",
};

/** SQLite's primary result code; undefined when `error` is not SQLite's. */
export function engineCode(error: unknown): number | undefined {
  const errcode = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}

/** Whether the engine found the storage locked by another connection. */
export function isBusy(error: unknown): boolean {
  return engineCode(error) === SQLITE_BUSY;
}

/**
 * The meaning of an `error` of SQLite or of the file system, `what` being the operation that
 * failed. Errors that are neither (ours, bugs) come back as they are.
 */
export function storageError(error: unknown, file: string, what: string): unknown {
  const engine = engineCode(error);
  if (engine === SQLITE_CORRUPT || engine === SQLITE_CONSTRAINT || isOutOfRange(error)) {
    return new JournalDamaged({
      damage: "unreadable",
      file,
      expected: "pages and rows that fit together",
      found: reasonOf(error),
      cause: error,
    });
  }
  if (engine !== undefined) {
    const code = CODE_BY_ENGINE[engine] ?? "StorageFailed";
    return new StorageFailure(code, file, `${what} (${reasonOf(error)})`, error);
  }
  // node:sqlite on a connection that was closed meanwhile.
  if ((error as { code?: string } | undefined)?.code === "ERR_INVALID_STATE") {
    return new JournalStopped();
  }
  if (error instanceof AggregateError) {
    return new StorageFailure("StorageFailed", file, `${what} (${reasonOf(error)})`, error);
  }
  const system = (error as { syscall?: unknown; code?: string } | undefined) ?? {};
  if (typeof system.syscall !== "string") return error;
  const code = CODE_BY_SYSTEM[system.code ?? ""] ?? "StorageFailed";
  return new StorageFailure(code, file, `${what} (${system.code})`, error);
}

/** An integer in the database that no JavaScript number holds: we never wrote it. */
function isOutOfRange(error: unknown): boolean {
  return error instanceof RangeError && (error as { code?: string }).code === "ERR_OUT_OF_RANGE";
}

/** Runs `work` and throws what its errors mean, see `storageError`. */
export function guarded<T>(file: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storageError(error, file, what);
  }
}
