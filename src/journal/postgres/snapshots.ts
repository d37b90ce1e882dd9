/** Snapshots in a shared journal: in parts, each written only while the writer's epoch holds. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Alarm, assert } from "../../base/errors.ts";
import { type Hex, hexToBytes, isHex } from "../../base/hex.ts";
import { FencedOff } from "../errors.ts";
import { KEPT_SNAPSHOTS, type Snapshot } from "../journal.ts";
import { HASH_BYTES } from "../record.ts";
import { PART_BYTES, type SnapshotRow, snapshotChecksum, unsealSnapshot } from "../snapshotSeal.ts";
import { confirmed, Database, type DatabaseOptions } from "./database.ts";
import { readHead, readLink } from "./records.ts";
import type { Sql } from "./sql.ts";

/** Sequences of the snapshots, ascending. */
export async function snapshotSequences(database: Database): Promise<number[]> {
  const rows = await database.ask(
    "The snapshots cannot be read",
    (sql) => sql<{ sequence: number }[]>`SELECT sequence FROM {schema}.snapshot ORDER BY sequence`,
  );
  return rows.map(({ sequence }) => sequence);
}

/** See `JournalReader.latestSnapshot`. Work grows with the snapshot's bytes. */
export function loadSnapshot(
  database: Database,
  atOrBefore = Number.MAX_SAFE_INTEGER,
): Promise<Snapshot | undefined> {
  return confirmed(database, () => load(database, atOrBefore));
}

async function load(database: Database, atOrBefore: number): Promise<Snapshot | undefined> {
  const row = await newestRow(database, atOrBefore);
  if (row === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for (let part = 0; part * PART_BYTES < row.bytes; part++) {
    const bytes = await readPart(database, row.sequence, part);
    // A writer may have dropped this very snapshot since: then there is a newer one.
    if (bytes === undefined && !(await snapshotSequences(database)).includes(row.sequence)) {
      return load(database, atOrBefore);
    }
    if (bytes !== undefined) parts.push(bytes);
  }
  const link = await readLink(database, row.sequence);
  const { sequence: head } = await readHead(database);
  return unsealSnapshot(database.location, row, Buffer.concat(parts), { link, head });
}

async function newestRow(database: Database, atOrBefore: number): Promise<SnapshotRow | undefined> {
  const rows = await database.ask(
    "The snapshots cannot be read",
    (sql) => sql<SnapshotRow[]>`
      SELECT sequence, record_hash, state_hash, bytes, checksum FROM {schema}.snapshot
      WHERE sequence <= ${atOrBefore} ORDER BY sequence DESC LIMIT 1`,
  );
  return rows[0];
}

async function readPart(
  database: Database,
  sequence: number,
  part: number,
): Promise<Uint8Array | undefined> {
  const rows = await database.ask(
    `The snapshot of record ${sequence} cannot be read`,
    (sql) => sql<{ bytes: Uint8Array }[]>`
      SELECT bytes FROM {schema}.snapshot_part WHERE sequence = ${sequence} AND part = ${part}`,
  );
  return rows[0]?.bytes;
}

/** The right to write, which another epoch ends. */
export interface Fence {
  readonly epoch: number;
  /** Throws once the journal has stopped. */
  readonly throwIfStopped: () => void;
}

/**
 * As `Journal.saveSnapshot`, for the writer of `epoch`, on connections of its own. Throws `FencedOff`
 * or `StorageFailure`.
 */
export async function savePostgresSnapshot(
  options: DatabaseOptions,
  epoch: number,
  { sequence, bytes, stateHash }: Snapshot,
): Promise<void> {
  const database = new Database(options);
  try {
    const fence = { epoch, throwIfStopped: () => {} };
    await saveSnapshot(database, fence, sequence, bytes, stateHash);
  } finally {
    await database.close();
  }
}

/** See `Journal.saveSnapshot`. */
export async function saveSnapshot(
  database: Database,
  fence: Fence,
  sequence: number,
  bytes: Uint8Array,
  stateHash: Hex,
): Promise<void> {
  assert(isHex(stateHash, HASH_BYTES), () => `the state hash ${stateHash} is not 32 bytes.`);
  const link = await readLink(database, sequence);
  assert(sequence > 0 && link, () => `a snapshot of record ${sequence}, which is not there.`);
  const sealed = { sequence, record_hash: link.hash, state_hash: hexToBytes(stateHash) };
  const checksum = await snapshotChecksum(sealed, bytes);
  if (await isKnown(database, sequence, checksum)) return;

  await dropLooseParts(database, fence);
  for (let part = 0; part * PART_BYTES < bytes.length; part++) {
    const slice = bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
    await write(
      database,
      fence,
      (sql) => sql`
        INSERT INTO {schema}.snapshot_part (sequence, part, bytes)
        SELECT ${sequence}::bigint, ${part}::integer, ${slice}::bytea
        FROM {schema}.head WHERE id = 1 AND epoch = ${fence.epoch}`,
    );
    await nextTurn();
  }
  await write(
    database,
    fence,
    (sql) => sql`
      INSERT INTO {schema}.snapshot (sequence, record_hash, state_hash, bytes, checksum)
      SELECT ${sequence}::bigint, ${sealed.record_hash}::bytea,
             ${sealed.state_hash}::bytea, ${bytes.length}::bigint, ${checksum}::bytea
      FROM {schema}.head WHERE id = 1 AND epoch = ${fence.epoch}`,
  );
  await dropOld(database, fence);
}

/**
 * Whether this very snapshot is there already. A different snapshot of the same records is an
 * alarm.
 */
async function isKnown(
  database: Database,
  sequence: number,
  checksum: Uint8Array,
): Promise<boolean> {
  const row = await newestRow(database, sequence);
  if (row?.sequence !== sequence) return false;
  if (Buffer.from(row.checksum).equals(checksum)) return true;
  throw new Alarm({
    code: "SnapshotDiffers",
    message: `Two different snapshots of the same records up to ${sequence} in ${database.location}.`,
    hint: "The replay is not deterministic or the snapshot is altered: stop the node, verify.",
  });
}

async function dropOld(database: Database, fence: Fence): Promise<void> {
  const old = (await snapshotSequences(database)).slice(0, -KEPT_SNAPSHOTS);
  for (const sequence of old) {
    await write(
      database,
      fence,
      (sql) => sql`
        DELETE FROM {schema}.snapshot WHERE sequence = ${sequence}
        AND EXISTS (SELECT 1 FROM {schema}.head WHERE id = 1 AND epoch = ${fence.epoch})`,
    );
  }
  await dropLooseParts(database, fence);
}

/** Parts without their row: what a crash, or the dropping of a snapshot, left behind. */
async function dropLooseParts(database: Database, fence: Fence): Promise<void> {
  fence.throwIfStopped();
  await database.ask(
    "Old snapshots cannot be dropped",
    (sql) => sql`
      DELETE FROM {schema}.snapshot_part
      WHERE sequence NOT IN (SELECT sequence FROM {schema}.snapshot)
      AND EXISTS (SELECT 1 FROM {schema}.head WHERE id = 1 AND epoch = ${fence.epoch})`,
  );
}

/** Runs a statement that changes one row if the journal is still ours. */
async function write(
  database: Database,
  fence: Fence,
  statement: (sql: Sql) => PromiseLike<{ readonly count: number }>,
): Promise<void> {
  fence.throwIfStopped();
  const { count } = await database.ask("The snapshot cannot be written", async (sql) =>
    statement(sql),
  );
  if (count === 1) return;
  const found = await readHead(database);
  const own = { epoch: fence.epoch, sequence: found.sequence };
  throw new FencedOff(database.location, own, found);
}
