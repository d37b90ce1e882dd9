/**
 * How long a start takes: opening and replaying journals of growing length, without a snapshot and
 * with the newest one SNAPSHOT_RECORDS behind, against merely reading and hashing the records in
 * the same run. `node bench/recovery.ts [--full]`; `--full` adds 10^7 records (about 7 GB, an hour).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { stateHash } from "../src/exchange/snapshots/stateHash.ts";
import type { Journal } from "../src/journal/journal.ts";
import { openSqliteJournal } from "../src/journal/sqlite/journal.ts";
import { replay } from "../src/operator/replay/replay.ts";
import { encodeSaved } from "../src/operator/replay/savedState.ts";
import { SNAPSHOT_RECORDS } from "../src/operator/replay/snapshotter.ts";
import { appendUntil, BenchExchange } from "./history.ts";

const { values } = parseArgs({ options: { full: { type: "boolean", default: false } } });
const LENGTHS = [10_000, 100_000, 1_000_000, ...(values.full ? [10_000_000] : [])];

interface Timed<T> {
  readonly value: T;
  readonly seconds: number;
}

async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const began = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - began) / 1000 };
}

async function readAll(journal: Journal): Promise<number> {
  let count = 0;
  for await (const records of journal.read(1)) count += records.length;
  return count;
}

function unusable({ problem }: { readonly problem: string }): never {
  throw new Error(problem);
}

/** A start: opening checks what follows the snapshot, then that is replayed. */
async function start(storage: string) {
  const { value: journal, seconds: opening } = await timed(() => openSqliteJournal(storage));
  const { value, seconds } = await timed(() => replay(journal, unusable));
  return { journal, recovered: value, seconds: opening + seconds };
}

function row(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(14)).join("");
}

function shown(records: number, seconds: number, read: number): string[] {
  const rate = Math.round(records / seconds).toLocaleString("en");
  return [`${seconds.toFixed(2)} s`, rate, (seconds / read).toFixed(1)];
}

/** One length: the journal is written once, without a snapshot, and then gets one. */
async function measure(records: number): Promise<void> {
  const storage = mkdtempSync("bench-recovery-");
  try {
    const written = await write(storage, records);

    const bare = await start(storage);
    const { seconds: read } = await timed(() => readAll(bare.journal));
    if (stateHash(bare.recovered.state) !== written.end) throw new Error("another state");
    const count = records.toLocaleString("en");
    console.log(row([count, "none", ...shown(records, bare.seconds, read)]));
    if (written.saved === undefined) return await bare.journal.close();
    const { sequence, bytes, hash } = written.saved;
    await bare.journal.saveSnapshot(sequence, bytes, hash);
    await bare.journal.close();

    const saved = await start(storage);
    await saved.journal.close();
    if (saved.recovered.snapshot !== sequence) throw new Error("the snapshot was not used");
    if (stateHash(saved.recovered.state) !== written.end) throw new Error("another state");
    const size = `${Math.round(bytes.length / 1e6)} MB`;
    console.log(row([count, size, ...shown(records, saved.seconds, read)]));
  } finally {
    rmSync(storage, { recursive: true });
  }
}

/** A snapshot of the journal as far as it goes, with its history. */
async function save(journal: Journal) {
  const { state, history, sequence } = await replay(journal, unusable);
  return { sequence, bytes: encodeSaved(state, history), hash: stateHash(state) };
}

/** Writes the journal; returns a snapshot of some way before its end, and the hash of its end. */
async function write(storage: string, records: number) {
  const journal = await openSqliteJournal(storage);
  const exchange = new BenchExchange();
  const entries = exchange.entries();
  await appendUntil(journal, entries, Math.max(0, records - SNAPSHOT_RECORDS));
  const saved = journal.head.sequence === 0 ? undefined : await save(journal);
  await appendUntil(journal, entries, records);
  await journal.close();
  return { saved, end: stateHash(exchange.state) };
}

console.log(row(["records", "snapshot", "start", "records/s", "to reading"]));
for (const records of LENGTHS) await measure(records);
