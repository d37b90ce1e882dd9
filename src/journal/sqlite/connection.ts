import { closeSync, fsyncSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { assert } from "../../base/errors.ts";
import { StorageFailure } from "../errors.ts";
import { BINARY_FORMAT } from "../journal.ts";
import { engineCode, guarded, SQLITE_CANTOPEN, SQLITE_READONLY } from "./engineErrors.ts";
import { BUSY_TIMEOUT_MS, inTransaction } from "./transactions.ts";

/** Names within a storage directory. Never open `LOCK_FILE` other than through lock.ts. */
export const JOURNAL_FILE = "journal.sqlite";
export const LOCK_FILE = "lock.sqlite";
export const OWNER_FILE = "owner.json";
export const ACKNOWLEDGED_FILE = "acknowledged";

export function journalFile(directory: string): string {
  return join(directory, JOURNAL_FILE);
}

/** "QdkJ": tells our files from other SQLite databases. */
const APPLICATION_ID = 0x51646b4a;
/**
 * Version of the tables below and of what their records may be: see `BINARY_FORMAT`. An opening for
 * writing raises it, and older releases refuse the file from then on.
 */
const TABLES_VERSION = BINARY_FORMAT;

/** Pages (4 KiB) in the write-ahead log after which a flush moves them to the main file. */
const CHECKPOINT_PAGES = 1000;
/** The same of a connection that writes snapshots: below the above, so that no append does it. */
const SNAPSHOT_CHECKPOINT_PAGES = 250;
/** The write-ahead log shrinks back to this after a long reader made it grow. */
const LOG_SIZE_LIMIT_BYTES = 64 * 1024 * 1024;

/** Holds but while records are dropped by hand, see dropRecords.ts. */
export const NEVER_DELETED = `
  CREATE TRIGGER record_is_never_deleted BEFORE DELETE ON record
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
`;

const TABLES = `
  CREATE TABLE record (
    sequence INTEGER PRIMARY KEY,
    epoch    INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    payload  BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    hash     BLOB NOT NULL
  ) STRICT;
  CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
  ${NEVER_DELETED}

  CREATE TABLE head (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    epoch    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    hash     BLOB NOT NULL
  ) STRICT;
  INSERT INTO head VALUES (1, 0, 0, zeroblob(32));

  CREATE TABLE snapshot (
    sequence    INTEGER PRIMARY KEY,
    record_hash BLOB NOT NULL,
    state_hash  BLOB NOT NULL,
    bytes       INTEGER NOT NULL,
    checksum    BLOB NOT NULL
  ) STRICT;
  CREATE TABLE snapshot_part (
    sequence INTEGER NOT NULL,
    part     INTEGER NOT NULL,
    bytes    BLOB NOT NULL,
    UNIQUE (sequence, part)
  ) STRICT;

  CREATE TABLE backup_mark (
    id           INTEGER PRIMARY KEY,
    sequence     INTEGER NOT NULL,
    hash         BLOB NOT NULL,
    backed_up_at INTEGER NOT NULL,
    lost_up_to   INTEGER
  ) STRICT;
`;

export interface WriteOptions {
  /** Upper limit of the database file in bytes: beyond it appends fail as if the disk were full. */
  readonly maxBytes?: number;
}

/** Opens `file` for writing, creating its tables when it is new. Throws `StorageFailure`. */
export function openForWriting(file: string, options: WriteOptions = {}): DatabaseSync {
  return guarded(file, "The journal cannot be opened for writing", () => {
    const connection = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
    return closingOnError(connection, () => {
      // Before WAL, so that a file that is not ours is left as it is.
      refuseForeign(connection, file);
      makeDurable(connection);
      prepareTables(connection);
      limitSize(connection, options.maxBytes);
      return connection;
    });
  });
}

/**
 * Opens the journal `file`, at which a writer is at work, for the parts of a snapshot: for a thread
 * of its own, since each statement blocks. What it commits is on disk only once `flushing` is set
 * and something was committed after that, by it or by the writer: the log has one order.
 */
export function openForSnapshots(file: string): SnapshotConnection {
  return guarded(file, "The journal cannot be opened for a snapshot", () => {
    const connection = new DatabaseSync(file, { timeout: SNAPSHOT_TIMEOUT_MS });
    closingOnError(connection, () => {
      refuseForeign(connection, file);
      makeDurable(connection);
      connection.exec(`PRAGMA wal_autocheckpoint = ${SNAPSHOT_CHECKPOINT_PAGES}`);
      return connection;
    });
    return {
      connection,
      setFlushing: (isOn) => connection.exec(`PRAGMA synchronous = ${isOn ? "FULL" : "NORMAL"}`),
    };
  });
}

export interface SnapshotConnection {
  readonly connection: DatabaseSync;
  /** Whether a commit is on disk when it returns. */
  readonly setFlushing: (isOn: boolean) => void;
}

/** A snapshot's thread may wait for the writer's commits; nobody waits for it. */
export const SNAPSHOT_TIMEOUT_MS = 30_000;

/**
 * Opens `file` for reading, whether or not a writer is at work. On read-only storage that was
 * closed cleanly there is no log to share, and the file is read as it stands.
 */
export function openForReading(file: string): DatabaseSync {
  return guarded(file, "The journal cannot be opened for reading", () => {
    try {
      return openReadOnly(file, file);
    } catch (error) {
      const engine = engineCode(error);
      const unshareable = engine === SQLITE_CANTOPEN || engine === SQLITE_READONLY;
      if (!unshareable || !exists(file) || exists(`${file}-wal`)) throw error;
      return openReadOnly(file, new URL(`${pathToFileURL(file)}?immutable=1`));
    }
  });
}

/**
 * Opens a backup for reading. Nobody writes it, so nothing is shared, and the engine leaves no log
 * and no index of it beside the file, as it would beside a journal at work.
 */
export function openBackupForReading(file: string): DatabaseSync {
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false });
  if (!exists(file) || (log !== undefined && log.size > 0)) return openForReading(file);
  return guarded(file, "The backup cannot be opened for reading", () =>
    openReadOnly(file, new URL(`${pathToFileURL(file)}?immutable=1`)),
  );
}

function openReadOnly(file: string, location: string | URL): DatabaseSync {
  const connection = new DatabaseSync(location, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  return closingOnError(connection, () => {
    connection.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;");
    const { version } = identity(connection);
    if (version === 0) throw new StorageFailure("NotAJournal", file, "Not a journal");
    refuseForeign(connection, file);
    return connection;
  });
}

function closingOnError(connection: DatabaseSync, use: () => DatabaseSync): DatabaseSync {
  try {
    return use();
  } catch (error) {
    connection.close();
    throw error;
  }
}

export function pragma(connection: DatabaseSync, name: string): number | string {
  const row = connection.prepare(`PRAGMA ${name}`).get();
  const value = row === undefined ? undefined : Object.values(row)[0];
  assert(typeof value === "number" || typeof value === "string", () => `no pragma ${name}.`);
  return value;
}

/**
 * A commit must be on disk when it returns: full synchronous writes (on macOS through the drive's
 * cache too), a write-ahead log, no memory map (an I/O error there would kill the process), no
 * exclusive locking (readers must get in). The settings that decide are read back: the engine
 * ignores a setting that it does not know.
 */
function makeDurable(connection: DatabaseSync): void {
  connection.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA locking_mode = NORMAL;
    PRAGMA mmap_size = 0;
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${LOG_SIZE_LIMIT_BYTES};
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
  `);
  assertDurable(connection);
}

/** Throws an `Alarm` unless the engine confirms the settings on which durability rests. */
export function assertDurable(connection: DatabaseSync): void {
  const expected = { journal_mode: "wal", synchronous: 2, locking_mode: "normal", mmap_size: 0 };
  for (const [name, value] of Object.entries(expected)) {
    const found = pragma(connection, name);
    assert(found === value, () => `SQLite has ${name} = ${found} instead of ${value}.`);
  }
}

function identity(connection: DatabaseSync): { application: number; version: number } {
  return {
    application: Number(pragma(connection, "application_id")),
    version: Number(pragma(connection, "user_version")),
  };
}

function refuseForeign(connection: DatabaseSync, file: string): void {
  const { application, version } = identity(connection);
  if (application === 0 && version === 0 && isEmpty(connection)) return;
  if (application !== APPLICATION_ID) {
    throw new StorageFailure("NotAJournal", file, "This database is something else");
  }
  if (version > TABLES_VERSION) {
    const what = `The tables have format ${version}, this release knows ${TABLES_VERSION}`;
    throw new StorageFailure("NewerFormat", file, what);
  }
}

/** Also true of what a crash within the very first opening leaves behind. */
function isEmpty(connection: DatabaseSync): boolean {
  return connection.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function prepareTables(connection: DatabaseSync): void {
  const { version } = identity(connection);
  if (version === TABLES_VERSION) return;
  inTransaction(connection, () => {
    // The tables of version 1 are the same.
    if (version === 0) connection.exec(TABLES);
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID};`);
    connection.exec(`PRAGMA user_version = ${TABLES_VERSION};`);
  });
}

function limitSize(connection: DatabaseSync, maxBytes: number | undefined): void {
  if (maxBytes === undefined) return;
  const pages = Math.floor(maxBytes / Number(pragma(connection, "page_size")));
  assert(pages >= 1, () => `a storage limit of ${maxBytes} bytes is less than a page.`);
  connection.exec(`PRAGMA max_page_count = ${pages};`);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Makes the names in the directory of `path` durable. Windows cannot, and need not. */
export function syncDirectoryOf(path: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(dirname(path), "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
