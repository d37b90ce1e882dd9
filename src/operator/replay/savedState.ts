/**
 * State and history as the bytes of a journal's snapshot, and back. The records are the truth and
 * snapshots only save time: one that cannot be used is passed over for an older one.
 */

import { reasonOf } from "../../base/errors.ts";
import type { State } from "../../exchange/model/state.ts";
import {
  decodeSnapshot,
  encodeSnapshot,
  snapshotVersion,
} from "../../exchange/snapshots/snapshot.ts";
import type { SnapshotVersion } from "../../exchange/snapshots/snapshotForm.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import { JournalDamaged } from "../../journal/errors.ts";
import type { JournalReader, Snapshot } from "../../journal/journal.ts";
import { History } from "./history.ts";

/** The state after the record `sequence`. */
export interface SavedState {
  readonly sequence: number;
  readonly state: State;
  readonly history: History;
}

/** A snapshot that is there and cannot be used. */
export interface UnusableSnapshot {
  /** Undefined: not even the list of snapshots can be read. */
  readonly sequence: number | undefined;
  /** The fault of the snapshot, as a sentence. */
  readonly problem: string;
}

/**
 * The newest state saved at or before `atOrBefore` that can be used; undefined if none can: then
 * the replay begins at the first record. `onUnusable` is called for each newer one. Throws
 * `JournalDamaged` where a snapshot is whole and its record is not: that is no fault of a snapshot.
 */
export async function newestSavedState(
  journal: JournalReader,
  onUnusable: (snapshot: UnusableSnapshot) => void,
  atOrBefore = Number.MAX_SAFE_INTEGER,
): Promise<SavedState | undefined> {
  for (let last = atOrBefore; ; ) {
    const snapshot = await readSnapshot(journal, last);
    if (snapshot === undefined) return undefined;
    if ("stateHash" in snapshot) {
      const saved = usableState(snapshot);
      if (typeof saved !== "string") return saved;
      onUnusable({ sequence: snapshot.sequence, problem: saved });
    } else {
      onUnusable(snapshot);
    }
    if (snapshot.sequence === undefined) return undefined;
    last = snapshot.sequence - 1;
  }
}

async function readSnapshot(
  journal: JournalReader,
  atOrBefore: number,
): Promise<Snapshot | UnusableSnapshot | undefined> {
  try {
    return await journal.latestSnapshot(atOrBefore);
  } catch (error) {
    if (!(error instanceof JournalDamaged) || error.damage !== "snapshotAltered") throw error;
    return { sequence: error.sequence, problem: error.message };
  }
}

/** The state in a whole snapshot, or why there is none. */
function usableState({ sequence, stateHash: expected, bytes }: Snapshot): SavedState | string {
  let saved: { state: State; history: History };
  let version: SnapshotVersion;
  try {
    ({ version, ...saved } = decodeSaved(bytes, sequence));
  } catch (error) {
    // Pure code over bytes: whatever it throws is about the bytes.
    return `The snapshot at record ${sequence} cannot be decoded: ${reasonOf(error)}.`;
  }
  const found = stateHash(saved.state, version);
  if (found === expected) return { sequence, ...saved };
  return `The snapshot at record ${sequence} says ${expected} and leads to ${found}.`;
}

/**
 * State and history as the bytes of a journal snapshot: a zero, then the history and the records,
 * each after its length in four bytes, highest first. Before version 4 they were JSON, each with a
 * line feed behind it, and no zero was in front.
 */
export function encodeSaved(state: State, history: History): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [history.encode()];
  for (const record of encodeSnapshot(state)) parts.push(record);
  const length = parts.reduce((sum, part) => sum + part.length + LENGTH_BYTES, 1);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 1;
  for (const part of parts) {
    view.setUint32(at, part.length);
    bytes.set(part, at + LENGTH_BYTES);
    at += LENGTH_BYTES + part.length;
  }
  return bytes;
}

const LINE_FEED = 10;
const LENGTH_BYTES = 4;

function decodeSaved(bytes: Uint8Array, sequence: number) {
  const lines = bytes[0] === 0 ? partsOf(bytes) : linesOf(bytes);
  const first = lines.next();
  const history = History.decode(first.value ?? new Uint8Array(), sequence);
  const records = [...lines];
  const version = snapshotVersion(records[0] ?? new Uint8Array());
  return { version, state: decodeSnapshot(records), history };
}

function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 1; at < bytes.length; ) {
    const start = at + LENGTH_BYTES;
    const end = start + view.getUint32(at);
    if (end > bytes.length) throw new RangeError("a part of it is cut off");
    yield bytes.subarray(start, end);
    at = end;
  }
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}
