import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { Alarm, assert } from "../../base/errors.ts";
import { bytesToHex, type Hex, hexToBytes, isHex } from "../../base/hex.ts";
import { FencedOff, JournalDamaged } from "../errors.ts";
import { KEPT_SNAPSHOTS, type Snapshot } from "../journal.ts";
import { HASH_BYTES } from "../record.ts";
import { PART_BYTES, type SnapshotRow, snapshotChecksum, unsealSnapshot } from "../snapshotSeal.ts";
import { journalFile, openForSnapshots, SNAPSHOT_TIMEOUT_MS } from "./connection.ts";
import { guarded } from "./engineErrors.ts";
import { readHead, readLink, type Store } from "./records.ts";
import { inOneView, inTransaction, waitByTheClock } from "./transactions.ts";

/**
 * Parts deleted in one transaction. The row in `snapshot` comes last and makes the parts count:
 * those without it are what a crash left behind.
 */
const PARTS_PER_PRUNING = 16;

/** Sequences of the snapshots, ascending. */
export function snapshotSequences({ connection, file }: Store): number[] {
  return guarded(file, "The snapshots cannot be read", () =>
    connection.prepare("SELECT sequence FROM snapshot ORDER BY sequence").all(),
  ).map((row) => row.sequence as number);
}

/** A snapshot's record as the snapshot names it. */
export interface Anchor {
  readonly sequence: number;
  readonly hash: Hex;
}

/** Where the snapshots tie themselves to the chain, newest first. */
export function anchors(store: Store): Anchor[] {
  const rows = readingSnapshots(store, undefined, () =>
    store.connection
      .prepare("SELECT sequence, record_hash FROM snapshot ORDER BY sequence DESC")
      .all(),
  ) as unknown as Pick<SnapshotRow, "sequence" | "record_hash">[];
  return rows.map((row) => ({ sequence: row.sequence, hash: bytesToHex(row.record_hash) }));
}

/**
 * Whether `error` says that a snapshot is damaged: then an older one, or none, will do. The error's
 * `sequence` is the snapshot's; undefined where not even the list of them can be read.
 */
export function isSnapshotDamage(error: unknown): error is JournalDamaged {
  return error instanceof JournalDamaged && error.damage === "snapshotAltered";
}

/**
 * See `JournalReader.latestSnapshot`. A whole snapshot whose record is another or missing means
 * that the record is damaged, and is reported so. Work grows with the snapshot's bytes.
 */
export async function loadSnapshot(
  store: Store,
  atOrBefore = Number.MAX_SAFE_INTEGER,
): Promise<Snapshot | undefined> {
  // One view of the database, since a writer may drop this very snapshot meanwhile.
  const stored = guarded(store.file, "The snapshot cannot be read", () =>
    inOneView(store.connection, () => readStored(store, atOrBefore)),
  );
  if (stored === undefined) return undefined;

  const { row, bytes, link, head } = stored;
  return unsealSnapshot(store.file, row, bytes, { link, head });
}

function readStored(store: Store, atOrBefore: number) {
  const row = readingSnapshots(store, undefined, () =>
    store.connection
      .prepare("SELECT * FROM snapshot WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1")
      .get(atOrBefore),
  ) as SnapshotRow | undefined;
  if (row === undefined) return undefined;
  const parts = readingSnapshots(store, row.sequence, () =>
    store.connection
      .prepare("SELECT bytes FROM snapshot_part WHERE sequence = ? ORDER BY part")
      .all(row.sequence),
  ) as { bytes: Uint8Array }[];
  const bytes: Uint8Array = Buffer.concat(parts.map((part) => part.bytes));
  const { sequence: head } = readHead(store);
  return { row, bytes, link: readLink(store, row.sequence), head };
}

/** Pages of snapshots that the engine cannot read are damage of the snapshots, not of records. */
function readingSnapshots<T>(store: Store, sequence: number | undefined, read: () => T): T {
  try {
    return guarded(store.file, "The snapshots cannot be read", read);
  } catch (error) {
    if (!(error instanceof JournalDamaged)) throw error;
    throw altered(store, sequence, error.expected, error.found);
  }
}

function altered(
  { file }: Store,
  sequence: number | undefined,
  expected: string,
  found: string,
): JournalDamaged {
  const where = sequence === undefined ? {} : { sequence };
  return new JournalDamaged({ damage: "snapshotAltered", file, ...where, expected, found });
}

/** Takes a snapshot out of a copy that nobody else writes to. */
export function dropSnapshot({ connection, file }: Store, sequence: number): void {
  guarded(file, "The snapshot cannot be dropped", () =>
    inTransaction(connection, () => {
      for (const table of ["snapshot", "snapshot_part"]) {
        connection.prepare(`DELETE FROM ${table} WHERE sequence = ?`).run(sequence);
      }
    }),
  );
}

/** A store and the right to write to it, which another epoch ends. */
export interface FencedStore extends Store {
  readonly epoch: number;
  /** Milliseconds for which each part waits for the appends. */
  readonly waitMs?: number;
  /** Throws once the journal has stopped. */
  readonly throwIfStopped: () => void;
}

/**
 * As `Journal.saveSnapshot`, for the writer of `epoch` and on a thread of its own: on a connection
 * of its own that waits for the disk once, at the end. Throws `FencedOff` or `StorageFailure`.
 */
export async function saveSqliteSnapshot(
  directory: string,
  epoch: number,
  { sequence, bytes, stateHash }: Snapshot,
): Promise<void> {
  const file = journalFile(directory);
  const { connection, setFlushing } = openForSnapshots(file);
  try {
    waitByTheClock(connection);
    setFlushing(false);
    const waitMs = SNAPSHOT_TIMEOUT_MS;
    const store = { connection, file, epoch, waitMs, throwIfStopped: () => {} };
    await saveSnapshot(store, sequence, bytes, stateHash, () => setFlushing(true));
  } finally {
    connection.close();
  }
}

/**
 * See `Journal.saveSnapshot`. One small transaction a part, so that appends get in between.
 * `beforeRow` is called once all parts are there, before the row that makes them count.
 */
export async function saveSnapshot(
  store: FencedStore,
  sequence: number,
  bytes: Uint8Array,
  stateHash: Hex,
  beforeRow: () => void = () => {},
): Promise<void> {
  assert(isHex(stateHash, HASH_BYTES), () => `the state hash ${stateHash} is not 32 bytes.`);
  const link = readLink(store, sequence);
  assert(sequence > 0 && link, () => `a snapshot of record ${sequence}, which is not there.`);
  const state = hexToBytes(stateHash);
  const sealed = { sequence, record_hash: link.hash, state_hash: state };
  const checksum = await snapshotChecksum(sealed, bytes);
  if (isKnown(store, sequence, checksum)) return;

  await dropLooseParts(store);
  for (let part = 0; part * PART_BYTES < bytes.length; part++) {
    const slice = bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
    const began = performance.now();
    write(store, "INSERT INTO snapshot_part (sequence, part, bytes) VALUES (?, ?, ?)", [
      sequence,
      part,
      slice,
    ]);
    // As much time again for the appends, and for the disk to get through what it was given.
    await sleep(performance.now() - began);
  }
  beforeRow();
  write(
    store,
    `INSERT INTO snapshot (sequence, record_hash, state_hash, bytes, checksum)
     VALUES (?, ?, ?, ?, ?)`,
    [sequence, link.hash, state, bytes.length, checksum],
  );

  for (const old of snapshotSequences(store).slice(0, -KEPT_SNAPSHOTS)) {
    write(store, "DELETE FROM snapshot WHERE sequence = ?", [old]);
  }
  await dropLooseParts(store);
}

/**
 * Whether this very snapshot is there already. A different snapshot of the same records is an
 * alarm.
 */
function isKnown(store: Store, sequence: number, checksum: Uint8Array): boolean {
  const row = guarded(store.file, "The snapshots cannot be read", () =>
    store.connection.prepare("SELECT checksum FROM snapshot WHERE sequence = ?").get(sequence),
  ) as { checksum: Uint8Array } | undefined;
  if (row === undefined) return false;
  if (Buffer.from(row.checksum).equals(checksum)) return true;
  throw new Alarm({
    code: "SnapshotDiffers",
    message: `Two different snapshots of the same records up to ${sequence} in ${store.file}.`,
    hint: "The replay is not deterministic or the snapshot is altered: stop the node, verify.",
  });
}

/** Runs one writing statement if the store is still ours; returns how many rows it changed. */
function write(store: FencedStore, sql: string, values: (number | Uint8Array)[]): number {
  store.throwIfStopped();
  return guarded(store.file, "The snapshot cannot be written", () =>
    inTransaction(
      store.connection,
      () => {
        const head = readHead(store);
        if (head.epoch !== store.epoch) {
          throw new FencedOff(store.file, { epoch: store.epoch, sequence: head.sequence }, head);
        }
        return Number(store.connection.prepare(sql).run(...values).changes);
      },
      store.waitMs,
    ),
  );
}

async function dropLooseParts(store: FencedStore): Promise<void> {
  for (;;) {
    const dropped = write(
      store,
      `DELETE FROM snapshot_part WHERE rowid IN (
         SELECT rowid FROM snapshot_part
         WHERE sequence NOT IN (SELECT sequence FROM snapshot) LIMIT ?)`,
      [PARTS_PER_PRUNING],
    );
    if (dropped < PARTS_PER_PRUNING) return;
    await nextTurn();
  }
}
