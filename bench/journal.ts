/**
 * Durable appends of 512 bytes per second: the journal against a raw file with fdatasync in the
 * same run, since absolute figures belong to the disk. `node bench/journal.ts [seconds per row]`
 */
import { randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openSqliteJournal } from "../src/journal/sqlite/journal.ts";

const RECORD_BYTES = 512;
const BATCHES = [1, 100, 1000];
/** The two sides take turns this often, so that whatever else uses the disk disturbs both. */
const TURNS = 10;
const WARM_UP_COMMITS = 20;
const secondsPerRow = Number(process.argv[2] ?? 4);

const payloads = Array.from({ length: Math.max(...BATCHES) }, () => randomBytes(RECORD_BYTES));

type Commit = () => unknown;

/** Runs `commit` over and over for its turn and returns the commits per second. */
async function turn(commit: Commit): Promise<number> {
  const start = performance.now();
  const end = start + (secondsPerRow * 1000) / (2 * TURNS);
  let commits = 0;
  do {
    await commit();
    commits += 1;
  } while (performance.now() < end);
  return (commits * 1000) / (performance.now() - start);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

/** Lets both sides take turns; prints the medians of their rates and of the turns' ratios. */
async function compare(name: string, records: number, raw: Commit, ours: Commit): Promise<void> {
  for (let i = 0; i < WARM_UP_COMMITS; i++) {
    await raw();
    await ours();
  }
  const turns: { raw: number; ours: number }[] = [];
  for (let i = 0; i < TURNS; i++) turns.push({ raw: await turn(raw), ours: await turn(ours) });

  const shown = (rates: number[]) =>
    Math.round(median(rates) * records)
      .toLocaleString("en")
      .padStart(10);
  const ratio = median(turns.map((both) => both.ours / both.raw)).toFixed(2);
  console.log(
    name.padEnd(24) +
      shown(turns.map((both) => both.raw)) +
      shown(turns.map((both) => both.ours)) +
      ratio.padStart(8),
  );
}

/** One row for appends of `batch` records, one for `batch` callers with a record each. */
async function measure(directory: string, batch: number): Promise<void> {
  const records = payloads.slice(0, batch);
  const bytes = Buffer.concat(records);
  const file = openSync(join(directory, `raw-${batch}`), "a");
  const journal = await openSqliteJournal(join(directory, `journal-${batch}`));
  const raw = () => {
    writeSync(file, bytes);
    fdatasyncSync(file);
  };
  try {
    await compare(`${batch} per commit`, batch, raw, () => journal.append(records));
    if (batch === 1) return;
    await compare(`${batch} callers of one`, batch, raw, () =>
      Promise.all(records.map((record) => journal.append([record]))),
    );
  } finally {
    await journal.close();
    closeSync(file);
  }
}

// In the working directory, since the system's temporary one is often in memory.
const directory = mkdtempSync("bench-journal-");
try {
  console.log(
    `${"records/s".padEnd(24)}${"raw file".padStart(10)}${"journal".padStart(10)}   ratio`,
  );
  for (const batch of BATCHES) await measure(directory, batch);
} finally {
  rmSync(directory, { recursive: true });
}
