/** Journals of a small exchange in real files, and hands that damage them. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Fields, Log } from "../../base/log.ts";
import { apply, begin } from "../../exchange/apply.ts";
import { type Entry, encodeEntry } from "../../exchange/model/entries.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import { ALICE, BOB, limitOrder, tradingWorld } from "../../exchange/world.testkit.ts";
import type { Journal } from "../../journal/journal.ts";
import { journalFile } from "../../journal/sqlite/connection.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { History } from "./history.ts";
import { encodeSaved } from "./savedState.ts";

/** A new folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-recovery-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The entries of two rounds in which Alice and Bob trade, the genesis first. */
export function tradingEntries(): readonly Entry[] {
  const world = tradingWorld();
  for (let round = 0; round < 2; round++) {
    for (let id = 1; id <= 8; id++) {
      world.place(limitOrder(ALICE, round, id, "ask", id, 50));
      world.place(limitOrder(BOB, round, id, "bid", id, 50));
    }
    world.toQuarter(round + 1, 0);
    world.duties();
  }
  return world.entries;
}

/** Appends `entries` one after the other, with snapshots after those whose sequences are given. */
export async function writeEntries(
  journal: Journal,
  entries: readonly Entry[],
  snapshots: readonly number[] = [],
): Promise<void> {
  const [genesis, ...others] = entries;
  if (genesis === undefined) throw new Error("no entries");
  const state = begin(genesis);
  const history = new History();
  await journal.append([encodeEntry(genesis)]);
  for (const entry of others) {
    const { last } = await journal.append([encodeEntry(entry)]);
    history.record(last, apply(state, entry).events, state.timeMs);
    if (!snapshots.includes(last)) continue;
    await journal.saveSnapshot(last, encodeSaved(state, history), stateHash(state));
  }
}

/** A closed journal in a new folder; returns the folder. */
export async function storedJournal(
  entries: readonly Entry[],
  snapshots: readonly number[] = [],
): Promise<string> {
  const folder = temporaryFolder();
  const journal = await openSqliteJournal(folder);
  await writeEntries(journal, entries, snapshots);
  await journal.close();
  return folder;
}

/** Flips a bit of `bytes` where the closed journal's file holds them. */
export function flipStored(
  folder: string,
  bytes: Uint8Array,
  others: readonly Uint8Array[] = [],
): void {
  const file = journalFile(folder);
  const stored = readFileSync(file);
  const place = onlyPlaceOf(bytes, stored, others);
  stored[place] = (stored[place] as number) ^ 0x01;
  writeFileSync(file, stored);
}

/**
 * In pieces where they go over the edges of pages; a piece that is there twice tells nothing, nor
 * does one of `others`, which may be whole only there.
 */
function onlyPlaceOf(bytes: Uint8Array, stored: Buffer, others: readonly Uint8Array[]): number {
  for (const length of [bytes.length, 40]) {
    for (let at = 0; at + length <= bytes.length; at += 8) {
      const piece = bytes.subarray(at, at + length);
      if (others.some((other) => Buffer.from(other).includes(Buffer.from(piece)))) continue;
      const place = stored.indexOf(piece);
      if (place !== -1 && stored.indexOf(piece, place + 1) === -1) return place + (length >> 1);
    }
  }
  throw new Error("these bytes are not stored as they are");
}

/** What was logged: level, event and fields. */
export interface Logged {
  readonly level: "info" | "warn" | "error";
  readonly event: string;
  readonly fields: Fields;
}

export function collectingLog(): Log & { readonly lines: Logged[] } {
  const lines: Logged[] = [];
  const take =
    (level: Logged["level"]) =>
    (event: string, fields: Fields = {}) => {
      lines.push({ level, event, fields });
    };
  return {
    lines,
    info: take("info"),
    warn: take("warn"),
    error: take("error"),
    flush: async () => {},
  };
}
