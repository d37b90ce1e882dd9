import { join } from "node:path";
import { bytesToHex } from "../../base/hex.ts";
import { JournalDamaged } from "../errors.ts";
import type { Head, VerifyOptions, VerifyReport } from "../journal.ts";
import { type ChainLink, ChainWalk, GENESIS_LINK } from "../record.ts";
import { ACKNOWLEDGED_FILE } from "./connection.ts";
import { guarded } from "./engineErrors.ts";
import { readHighWaterMark } from "./highWaterMark.ts";
import {
  type HeadRow,
  headOf,
  readBackupMark,
  readHead,
  readLink,
  refuseBeyond,
  type Store,
  walkRecords,
} from "./records.ts";
import { anchors, isSnapshotDamage, loadSnapshot, snapshotSequences } from "./snapshots.ts";
import { inOneView } from "./transactions.ts";

/**
 * See `JournalReader.verify`. `directory` holds the high-water mark; a backup file has none.
 * Work grows with the journal: about 6 µs for a record of 512 bytes.
 */
export async function verifyStore(
  store: Store,
  directory: string | undefined,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  // The high-water mark first: a writer at work only ever moves the head further ahead of it.
  const highWaterMark = readHighWaterMarkOf(directory);
  const row = guarded(store.file, "The head cannot be read", () =>
    inOneView(store.connection, () => readWholeHead(store)),
  );
  const head = headOf(row);
  const bytes = await checkRecords(store, GENESIS_LINK, row, options);
  checkHighWaterMark(store, highWaterMark, head);

  const snapshots: number[] = [];
  for (const sequence of options.snapshots === false ? [] : snapshotSequences(store)) {
    // A writer may have dropped it since, then an older one is answered.
    const snapshot = await loadSnapshot(store, sequence);
    if (snapshot?.sequence === sequence) snapshots.push(sequence);
  }
  return { head, epoch: row.epoch, bytes, snapshots };
}

/**
 * The check of every opening for writing: the records after the newest snapshot that is not
 * damaged, the head, and what the high-water mark remembers. Work grows with the records since
 * that snapshot.
 */
export async function checkTail(store: Store, directory: string): Promise<HeadRow> {
  const head = readWholeHead(store);
  await checkRecords(store, await trustedStart(store), head, {});
  checkHighWaterMark(store, readHighWaterMarkOf(directory), headOf(head));
  return head;
}

function readWholeHead(store: Store): HeadRow {
  const head = readHead(store);
  refuseBeyond(store, headOf(head));
  return head;
}

/** Throws `JournalDamaged` unless the records after `start` lead to `head`; returns their bytes. */
async function checkRecords(
  store: Store,
  start: ChainLink,
  head: HeadRow,
  options: VerifyOptions,
): Promise<number> {
  let bytes = 0;
  const walk = walkRecords(store, start, head.sequence);
  let step = await walk.next();
  while (!step.done) {
    for (const record of step.value) bytes += record.payload.length;
    options.onProgress?.(step.value.at(-1)?.sequence ?? 0, head.sequence);
    step = await walk.next();
  }
  endAt(store, step.value, head);
  return bytes;
}

function endAt(store: Store, last: ChainLink, head: HeadRow): void {
  new ChainWalk(store.file, last).endAt(headOf(head));
  if (last.epoch <= head.epoch) return;
  throw new JournalDamaged({
    damage: "headAltered",
    file: store.file,
    sequence: last.sequence,
    expected: `epoch ${last.epoch} or later in the head`,
    found: `epoch ${head.epoch}`,
  });
}

/**
 * The newest record that a snapshot vouches for. A damaged snapshot vouches for nothing: an older
 * one is asked, and in the end the walk begins at the first record.
 */
async function trustedStart(store: Store): Promise<ChainLink> {
  try {
    for (const anchor of anchors(store)) {
      const link = readLink(store, anchor.sequence);
      if (link !== undefined && bytesToHex(link.hash) === anchor.hash) return link;
      await requireDamaged(store, anchor.sequence);
    }
  } catch (error) {
    if (!isSnapshotDamage(error)) throw error;
  }
  return GENESIS_LINK;
}

/** Returns where the snapshot is damaged; where it is whole, its record is not, and this throws. */
async function requireDamaged(store: Store, sequence: number): Promise<void> {
  try {
    await loadSnapshot(store, sequence);
  } catch (error) {
    if (!isSnapshotDamage(error)) throw error;
  }
}

function readHighWaterMarkOf(directory: string | undefined): Head | undefined {
  if (directory === undefined) return undefined;
  const path = join(directory, ACKNOWLEDGED_FILE);
  return guarded(path, "What was acknowledged cannot be read", () => readHighWaterMark(path));
}

/** Throws `JournalDamaged` when a record that was acknowledged is not there as it was. */
function checkHighWaterMark(store: Store, highWaterMark: Head | undefined, head: Head): void {
  if (highWaterMark === undefined || highWaterMark.sequence === 0) return;
  if (highWaterMark.sequence > head.sequence) {
    // A restore has reported this already to the operator: see backup.ts.
    if (readBackupMark(store)?.lostUpTo === highWaterMark.sequence) return;
    throw new JournalDamaged({
      damage: "tailMissing",
      file: store.file,
      sequence: head.sequence + 1,
      expected: `records up to ${highWaterMark.sequence}, which were acknowledged`,
      found: `none after ${head.sequence}`,
    });
  }
  const link = readLink(store, highWaterMark.sequence);
  const found = link === undefined ? "no such record" : bytesToHex(link.hash);
  if (found === highWaterMark.hash) return;
  throw new JournalDamaged({
    damage: "chainBroken",
    file: store.file,
    sequence: highWaterMark.sequence,
    expected: `${highWaterMark.hash}, as it was acknowledged`,
    found,
  });
}
