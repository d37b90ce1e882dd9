import { Alarm, QuarterdeckError, reasonOf } from "../base/errors.ts";

/** The kind of damage to a journal; stays the same over releases. */
export type Damage =
  /** A record between two others is not there. */
  | "recordMissing"
  /** A record does not match its own checksum. */
  | "recordAltered"
  /** A record matches its checksum, but not the hash that links it to its predecessor. */
  | "chainBroken"
  /** The last records, which the journal knows it had, are gone. */
  | "tailMissing"
  /** There are records after the last one that the head names. */
  | "recordBeyondHead"
  /** The row that names the last record is gone or makes no sense. */
  | "headAltered"
  /** A snapshot does not match its checksum or the record that it stands for. */
  | "snapshotAltered"
  /** The database engine cannot read its own file. */
  | "unreadable";

export interface DamageFound {
  readonly damage: Damage;
  /** The file, as the operator finds it on disk. */
  readonly file: string;
  /** The record at which it shows; undefined where no single record is to blame. */
  readonly sequence?: number;
  readonly expected: string;
  readonly found: string;
  readonly cause?: unknown;
}

/** Torn, altered or missing data in the journal. Nothing after it may be believed. */
export class JournalDamaged extends Alarm {
  override readonly name = "JournalDamaged";
  readonly damage: Damage;
  readonly file: string;
  readonly sequence: number | undefined;
  readonly expected: string;
  readonly found: string;

  constructor(details: DamageFound) {
    const where = details.sequence === undefined ? "" : ` at sequence ${details.sequence}`;
    super({
      code: "JournalDamaged",
      message:
        `The journal ${details.file} is damaged (${details.damage}${where}): ` +
        `expected ${details.expected}, found ${details.found}.`,
      hint: hintOf(details),
      cause: details.cause,
    });
    this.damage = details.damage;
    this.file = details.file;
    this.sequence = details.sequence;
    this.expected = details.expected;
    this.found = details.found;
  }
}

function hintOf({ damage, file }: DamageFound): string {
  const isShared = file.startsWith("postgres://");
  if (damage === "snapshotAltered") {
    return isShared
      ? "The records are the truth: remove that row of the table snapshot, and check the database."
      : "Keep a copy of the file; the records are the truth, so start from an older snapshot " +
          "or from the first record, and check the disk.";
  }
  if (!isShared) {
    return (
      "Check the disk, keep a copy of the storage directory, move the database file and its " +
      "log aside, and restore the newest backup (`quarterdeck journal restore`)."
    );
  }
  if (damage === "headAltered" || damage === "recordBeyondHead") {
    return (
      "Stop all operators and keep a copy of the database. The records may be whole all the same: " +
      "`quarterdeck journal repair-head` proves them, and says what the head must be."
    );
  }
  return (
    "Stop all operators and keep a copy of the database; bring back the server, or the base " +
    "backup and its log, that holds the records."
  );
}

/**
 * Another writer took the journal over: whatever this one did not get acknowledged, it must drop.
 */
export class FencedOff extends QuarterdeckError {
  override readonly name = "FencedOff";
  readonly ownEpoch: number;
  readonly foundEpoch: number;

  constructor(
    file: string,
    own: { epoch: number; sequence: number },
    found: { epoch: number; sequence: number },
  ) {
    super({
      code: "FencedOff",
      message:
        `Another writer has taken over ${file}: this one holds epoch ${own.epoch} at sequence ` +
        `${own.sequence}, the journal is in epoch ${found.epoch} at sequence ${found.sequence}.`,
      hint: "Drop the state in memory, then reopen the journal and replay it, or follow the other.",
    });
    this.ownEpoch = own.epoch;
    this.foundEpoch = found.epoch;
  }
}

/** The process that holds a storage directory, as far as it left a record. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When it opened the storage: ISO 8601. */
  readonly openedAt: string;
}

/** The storage is open for writing already. `owner` is undefined when the holder left no word. */
export class StorageInUse extends QuarterdeckError {
  override readonly name = "StorageInUse";
  readonly directory: string;
  readonly owner: Owner | undefined;

  constructor(directory: string, owner: Owner | undefined, lockFile: string) {
    super({
      code: "StorageInUse",
      message:
        owner === undefined
          ? `The storage ${directory} is in use by a process that has not left its pid.`
          : `The storage ${directory} is in use by process ${owner.pid} on ${owner.host} ` +
            `since ${owner.openedAt}.`,
      hint:
        owner === undefined
          ? `Find it with "fuser ${lockFile}" and stop it, or use another storage directory.`
          : "Stop that process, or use another storage directory.",
    });
    this.directory = directory;
    this.owner = owner;
  }
}

/** The operation that the storage failed at; the `code` of a `StorageFailure`. */
export type StorageFailureCode =
  | "StorageFull"
  | "StorageReadOnly"
  | "StorageMissing"
  | "StorageBusy"
  | "StorageFailed"
  | "StorageNotEmpty"
  | "StorageChanged"
  | "OperatorsRun"
  | "NotAJournal"
  | "NotABackup"
  | "NewerFormat"
  | "DatabaseUnreachable"
  | "DatabaseUnwritable"
  | "DatabaseRefused"
  | "DatabaseNotDurable"
  | "DatabaseSessionless"
  | "JournalHeld"
  | "BackupElsewhere";

const STORAGE_HINTS: Record<StorageFailureCode, string> = {
  StorageFull:
    "Free disk space or raise the storage limit, then start again: every acknowledged record is kept.",
  StorageReadOnly:
    "Make the directory writable for this user; only to read, copy all of it to a writable place.",
  StorageMissing: "Check the path of the storage directory and its permissions.",
  StorageBusy: "Close the other program that holds the database file, then start again.",
  StorageFailed:
    "Check the disk and the kernel's log, then start again: every acknowledged record is kept.",
  StorageNotEmpty: "Move what is there aside, or name another directory or file.",
  StorageChanged: "Stop whoever writes to it, and look again.",
  OperatorsRun: "Stop every operator that uses it, wait a minute, and try again.",
  NotAJournal:
    "Check the path; if it is the right one, the file is damaged: keep it, restore the newest backup.",
  NotABackup:
    "Make one with `quarterdeck journal backup`: a file copied from a journal lacks its log.",
  NewerFormat: "Install the newer release that wrote it.",
  DatabaseUnreachable:
    "Check that the database runs and can be reached from here; what was acknowledged is kept.",
  DatabaseUnwritable:
    "Free its disk, or let it take writes again; operators go on by themselves when it does.",
  DatabaseRefused:
    "Check the database's URL in the configuration: hosts, name, user, password, parameters; and " +
    "the user's rights.",
  DatabaseNotDurable:
    "Set fsync and synchronous_commit to on: an acknowledged order must survive a power failure.",
  DatabaseSessionless:
    "Name PostgreSQL itself in the URL, or set the pooler to keep sessions (PgBouncer: " +
    "pool_mode = session).",
  JournalHeld: "Stop all operators of this journal, then try again.",
  BackupElsewhere:
    "Back the database up with its own tools (base backups and its archived log), or export it.",
};

/**
 * The disk, the file system or the database engine refused. Nothing unacknowledged is promised.
 * `file`: the file or the database, without its password.
 */
export class StorageFailure extends QuarterdeckError {
  override readonly name = "StorageFailure";
  override readonly code: StorageFailureCode;
  readonly file: string;

  constructor(code: StorageFailureCode, file: string, what: string, cause?: unknown) {
    super({ code, message: `${what}: ${file}.`, hint: STORAGE_HINTS[code], cause });
    this.code = code;
    this.file = file;
  }
}

/**
 * The journal refuses all work because it was closed, or because of the earlier failure in `cause`.
 */
export class JournalStopped extends QuarterdeckError {
  override readonly name = "JournalStopped";

  constructor(cause?: unknown) {
    super({
      code: "JournalStopped",
      message:
        cause === undefined
          ? "The journal is closed."
          : `The journal stopped after a failure (${reasonOf(cause)}).`,
      hint: "Close it, reopen it, and rebuild the state from what it holds.",
      cause,
    });
  }
}

/** A record, an append or the queue is larger than the journal's limits; nothing was written. */
export class AppendTooLarge extends QuarterdeckError {
  override readonly name = "AppendTooLarge";

  constructor(what: string, size: number, limit: number, hint: string) {
    super({ code: "AppendTooLarge", message: `${what}: ${size}, at most ${limit}.`, hint });
  }
}
