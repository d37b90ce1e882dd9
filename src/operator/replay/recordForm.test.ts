import { expect, test } from "vitest";
import { type Entry, encodeEntry } from "../../exchange/model/entries.ts";
import { encodeSnapshot } from "../../exchange/snapshots/snapshot.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import { GENESIS } from "../../exchange/world.testkit.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { decodeHistory } from "./historyBytes.ts";
import {
  collectingLog,
  storedJournal,
  temporaryFolder,
  tradingEntries,
} from "./journals.testkit.ts";
import { encodeRecord, shownRecord } from "./recordForm.ts";
import { recover } from "./replay.ts";

const { kind: _, ...genesis } = GENESIS;
const entries = tradingEntries();
const timed = entries.map((entry, i): Entry => ({ ...entry, timeMs: 1_700_000_000_000 + i }));

/** A closed journal of `records` in a new folder. */
async function journalOf(records: readonly Uint8Array[]): Promise<string> {
  const folder = temporaryFolder();
  const journal = await openSqliteJournal(folder);
  await journal.append(records);
  await journal.close();
  return folder;
}

async function recoveredFrom(folder: string) {
  const log = collectingLog();
  const journal = await openSqliteJournal(folder);
  const found = await recover(journal, genesis, log);
  await journal.close();
  expect(log.lines).toEqual([]);
  return found;
}

test("JSON, bytes, and a journal of both lead to the same state", async () => {
  const json = timed.map((entry) => encodeRecord(entry, 1));
  const bytes = timed.map((entry) => encodeRecord(entry, 2));
  expect(json).toEqual(timed.map(encodeEntry));
  const both = timed.map((_, i) => (i % 3 === 0 ? json[i] : bytes[i]) as Uint8Array);
  const states = [];
  for (const records of [json, bytes, both]) {
    const { state, history } = await recoveredFrom(await journalOf(records));
    states.push([
      [...encodeSnapshot(state)],
      stateHash(state),
      stateHash(state, 3),
      history.encode(),
    ]);
  }
  expect(states[1]).toEqual(states[0]);
  expect(states[2]).toEqual(states[0]);
});

test("a record is shown as JSON with the version of its own form", () => {
  for (const [i, entry] of timed.entries()) {
    const { version, ...shown } = shownRecord(encodeRecord(entry, 2)) as { version: number };
    expect(version).toBe(4);
    const { version: old, ...same } = shownRecord(encodeRecord(entry, 1)) as { version: number };
    expect(old).toBe(2);
    expect(shown, `record ${i}`).toEqual(same);
  }
  expect(() => shownRecord(new TextEncoder().encode("nonsense"))).toThrow(SyntaxError);
});

test("a snapshot of the release before is read, and leads to the state of this one", async () => {
  const folder = await storedJournal(entries, [30]);
  const { state, history } = await recoveredFrom(folder);
  const old = JSON.stringify({ form: 2, ...decodeHistory(history.encode()) }, (_, part) =>
    typeof part === "bigint" ? { units: part.toString() } : part,
  );
  const lines = [new TextEncoder().encode(old), ...encodeSnapshot(state, 3)];
  const text = lines.map((line) => `${Buffer.from(line)}\n`).join("");
  const journal = await openSqliteJournal(folder);
  const last = journal.head.sequence;
  await journal.saveSnapshot(last, new TextEncoder().encode(text), stateHash(state, 3));
  await journal.close();

  const again = await recoveredFrom(folder);
  expect(again).toMatchObject({ snapshot: last, replayed: 0 });
  expect(stateHash(again.state)).toBe(stateHash(state));
  expect(again.history.encode()).toEqual(history.encode());
});
