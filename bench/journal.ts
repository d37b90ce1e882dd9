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
const secondsPerRow = Number(process.argv[2] ?? 1);

const payloads = Array.from({ length: Math.max(...BATCHES) }, () => randomBytes(RECORD_BYTES));

/** Runs `commit` over and over and returns the records per second. */
async function rate(records: number, commit: () => unknown): Promise<number> {
  for (let i = 0; i < 20; i++) await commit();
  const start = performance.now();
  let commits = 0;
  while (performance.now() - start < secondsPerRow * 1000) {
    await commit();
    commits += 1;
  }
  return (commits * records * 1000) / (performance.now() - start);
}

async function rawRate(directory: string, batch: number): Promise<number> {
  const file = openSync(join(directory, `raw-${batch}`), "a");
  const bytes = Buffer.concat(payloads.slice(0, batch));
  try {
    return await rate(batch, () => {
      writeSync(file, bytes);
      fdatasyncSync(file);
    });
  } finally {
    closeSync(file);
  }
}

async function journalRate(directory: string, batch: number): Promise<number> {
  const journal = await openSqliteJournal(join(directory, `journal-${batch}`));
  try {
    return await rate(batch, () => journal.append(payloads.slice(0, batch)));
  } finally {
    await journal.close();
  }
}

/** One record a call, from many callers at once: what group commit makes of it. */
async function callersRate(directory: string, callers: number): Promise<number> {
  const journal = await openSqliteJournal(join(directory, `callers-${callers}`));
  try {
    return await rate(callers, () =>
      Promise.all(payloads.slice(0, callers).map((payload) => journal.append([payload]))),
    );
  } finally {
    await journal.close();
  }
}

function row(name: string, raw: number, ours: number): string {
  const shown = (value: number) => Math.round(value).toLocaleString("en").padStart(10);
  return `${name.padEnd(24)}${shown(raw)}${shown(ours)}${(ours / raw).toFixed(2).padStart(8)}`;
}

// In the working directory, since the system's temporary one is often in memory.
const directory = mkdtempSync("bench-journal-");
try {
  console.log(
    `${"records/s".padEnd(24)}${"raw file".padStart(10)}${"journal".padStart(10)}   ratio`,
  );
  for (const batch of BATCHES) {
    const raw = await rawRate(directory, batch);
    console.log(row(`${batch} per commit`, raw, await journalRate(directory, batch)));
    if (batch === 1) continue;
    console.log(row(`${batch} callers of one`, raw, await callersRate(directory, batch)));
  }
} finally {
  rmSync(directory, { recursive: true });
}
