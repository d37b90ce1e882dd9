/**
 * The thread that makes one snapshot: it replays the journal as a start would, in a state of its
 * own, and writes it on a connection of its own, in the epoch of the operator. The operator's
 * thread does nothing for it, and each snapshot proves that a start from the one before works.
 */
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../base/errors.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import type { JournalReader, Snapshot } from "../../journal/journal.ts";
import { openPostgresReader } from "../../journal/postgres/journal.ts";
import { savePostgresSnapshot } from "../../journal/postgres/snapshots.ts";
import { openSqliteReader } from "../../journal/sqlite/reader.ts";
import { saveSqliteSnapshot } from "../../journal/sqlite/snapshots.ts";
import { replay } from "./replay.ts";
import { encodeSaved } from "./savedState.ts";
import type { FromWorker, JournalSource, SnapshotWork } from "./snapshotMessages.ts";

function openReader(source: JournalSource): Promise<JournalReader> {
  return source.kind === "sqlite"
    ? openSqliteReader(source.folder)
    : openPostgresReader(source.url, source.schema);
}

/** The operator's own thread comes first where processors are few. */
const NICENESS = 10;

async function makeSnapshot({ source, epoch }: SnapshotWork): Promise<void> {
  // Only Linux has a priority for each thread; elsewhere it would be the whole process's.
  if (process.platform === "linux") setPriority(NICENESS);
  const journal = await openReader(source);
  try {
    const { state, history, sequence } = await replay(journal, ({ sequence: at, problem }) =>
      tell({ kind: "unusable", sequence: at, problem }),
    );
    const bytes = encodeSaved(state, history);
    const snapshot = { sequence, stateHash: stateHash(state), bytes };
    tell({ kind: "made", sequence });
    await save(source, epoch, snapshot);
    tell({ kind: "saved", sequence, bytes: bytes.length });
  } finally {
    await journal.close();
  }
}

function save(source: JournalSource, epoch: number, snapshot: Snapshot): Promise<void> {
  if (source.kind === "sqlite") return saveSqliteSnapshot(source.folder, epoch, snapshot);
  const { url, schema } = source;
  return savePostgresSnapshot({ url, schema, answerMs: ANSWER_MS }, epoch, snapshot);
}

/** Milliseconds that a part may take: nobody waits for it. */
const ANSWER_MS = 30_000;

function tell(message: FromWorker): void {
  assert(parentPort !== null, "snapshotWorker.ts runs outside a worker thread.");
  parentPort.postMessage(message);
}

await makeSnapshot(workerData as SnapshotWork);
