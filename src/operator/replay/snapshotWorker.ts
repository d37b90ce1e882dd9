/**
 * The thread that makes one snapshot: it replays the journal as a start would, in a state of its
 * own, and passes the bytes on. The operator's thread does nothing for it, and each snapshot proves
 * that a start from the one before works.
 */
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../base/errors.ts";
import { stateHash } from "../../exchange/snapshots/stateHash.ts";
import type { JournalReader } from "../../journal/journal.ts";
import { openPostgresReader } from "../../journal/postgres/journal.ts";
import { openSqliteReader } from "../../journal/sqlite/reader.ts";
import { replay } from "./replay.ts";
import { encodeSaved } from "./savedState.ts";
import type { FromWorker, JournalSource } from "./snapshotMessages.ts";

function openReader(source: JournalSource): Promise<JournalReader> {
  return source.kind === "sqlite"
    ? openSqliteReader(source.folder)
    : openPostgresReader(source.url, source.schema);
}

/** The operator's own thread comes first where processors are few. */
const NICENESS = 10;

async function makeSnapshot(source: JournalSource): Promise<void> {
  // Only Linux has a priority for each thread; elsewhere it would be the whole process's.
  if (process.platform === "linux") setPriority(NICENESS);
  const journal = await openReader(source);
  try {
    const { state, history, sequence } = await replay(journal, ({ sequence: at, problem }) =>
      tell({ kind: "unusable", sequence: at, problem }),
    );
    const bytes = encodeSaved(state, history);
    tell({ kind: "made", sequence, stateHash: stateHash(state), bytes }, [bytes.buffer]);
  } finally {
    await journal.close();
  }
}

function tell(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  assert(parentPort !== null, "snapshotWorker.ts runs outside a worker thread.");
  parentPort.postMessage(message, transfer);
}

await makeSnapshot((workerData as { source: JournalSource }).source);
