/**
 * A start beside that of the baseline, in the same run: without a snapshot, and with the newest one
 * SNAPSHOT_RECORDS behind. Each build starts from a journal of its own, with the same entries.
 * Processor time as well as time, since only the former can be compared on a machine in use.
 * `node bench/restart.ts [records] [runs]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { encodeEntry } from "../src/exchange/model/entries.ts";
import { stateHash } from "../src/exchange/snapshots/stateHash.ts";
import type { Journal } from "../src/journal/journal.ts";
import { openSqliteJournal } from "../src/journal/sqlite/journal.ts";
import { replay } from "../src/operator/replay/replay.ts";
import { encodeSaved } from "../src/operator/replay/savedState.ts";
import { SNAPSHOT_RECORDS } from "../src/operator/replay/snapshotter.ts";
import { appendUntil, BenchExchange } from "./history.ts";
import { median, RUNS } from "./measure.ts";
import { olderBuild } from "./older.ts";

const records = Number(process.argv[2] ?? 100_000);
const runs = Number(process.argv[3] ?? RUNS);

/** One build's way to write and to start. */
interface Build {
  readonly folder: string;
  open(folder: string): Promise<Journal>;
  /** Resolves with the state. */
  start(journal: Journal): Promise<unknown>;
  save(journal: Journal): Promise<number>;
  readonly encode?: typeof encodeEntry;
}

function unusable({ problem }: { readonly problem: string }): never {
  throw new Error(problem);
}

const today: Build = {
  folder: mkdtempSync("bench-restart-"),
  open: openSqliteJournal,
  start: async (journal) => (await replay(journal, unusable)).state,
  async save(journal) {
    const { state, history, sequence } = await replay(journal, unusable);
    const bytes = encodeSaved(state, history);
    await journal.saveSnapshot(sequence, bytes, stateHash(state));
    return bytes.length;
  },
};

async function baseline(load: (path: string) => Promise<Record<string, never>>): Promise<Build> {
  // biome-ignore lint/suspicious/noExplicitAny: another build's types are not these.
  const parts: any = Object.assign(
    {},
    ...(await Promise.all(
      [
        "journal/sqlite/journal.ts",
        "operator/recover.ts",
        "operator/recovery/savedState.ts",
        "exchange/stateHash.ts",
      ].map((file) => load(`src/${file}`)),
    )),
  );
  return {
    folder: mkdtempSync("bench-restart-"),
    open: parts.openSqliteJournal,
    start: async (journal) => (await parts.replay(journal, unusable)).state,
    async save(journal) {
      const { state, history, sequence } = await parts.replay(journal, unusable);
      const bytes = parts.encodeSaved(state, history);
      await journal.saveSnapshot(sequence, bytes, parts.stateHash(state));
      return bytes.length;
    },
    encode: encodeEntry,
  };
}

async function write({ open, folder, encode, save }: Build, withSnapshot: boolean) {
  const journal = await open(folder);
  const entries = new BenchExchange().entries();
  await appendUntil(journal, entries, Math.max(0, records - SNAPSHOT_RECORDS), encode);
  const bytes = withSnapshot ? await save(journal) : 0;
  await appendUntil(journal, entries, records, encode);
  await journal.close();
  return bytes;
}

interface Measured {
  readonly cpuMs: number;
  readonly ms: number;
}

async function measure({ open, start, folder }: Build): Promise<Measured> {
  globalThis.gc?.();
  const before = process.cpuUsage();
  const began = performance.now();
  const journal = await open(folder);
  await start(journal);
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  await journal.close();
  return { cpuMs: (user + system) / 1000, ms };
}

const older = olderBuild();
const sides = [await baseline(older.load), today];
try {
  for (const withSnapshot of [false, true]) {
    const sizes: number[] = [];
    for (const side of sides) {
      rmSync(side.folder, { recursive: true, force: true });
      sizes.push(await write(side, withSnapshot));
    }
    const all: Measured[][] = sides.map(() => []);
    for (let run = -1; run < runs; run++) {
      for (const [i, side] of sides.entries()) {
        const measured = await measure(side);
        if (run >= 0) (all[i] as Measured[]).push(measured);
      }
    }
    const [before, now] = all as [Measured[], Measured[]];
    const ratio = median(before.map(({ cpuMs }, i) => cpuMs / (now[i] as Measured).cpuMs));
    const shown = (side: readonly Measured[]) =>
      `${(median(side.map(({ ms }) => ms)) / 1000).toFixed(2)} s, ` +
      `${((median(side.map(({ cpuMs }) => cpuMs)) * 1000) / records).toFixed(1)} us CPU a record`;
    const size = sizes.map((bytes) => `${(bytes / 1e6).toFixed(0)} MB`).join(" and ");
    const name = withSnapshot ? `a snapshot of ${size}` : "no snapshot";
    console.log(`${records} records, ${name}: before ${shown(before)}; now ${shown(now)}`);
    console.log(`  times less CPU: ${ratio.toFixed(1)}`);
  }
} finally {
  older.remove();
  for (const { folder } of sides) rmSync(folder, { recursive: true, force: true });
}
