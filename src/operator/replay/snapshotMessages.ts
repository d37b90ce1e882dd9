/** The messages between the operator's thread and the one that makes a snapshot. */
import type { UnusableSnapshot } from "./savedState.ts";

/** Where a journal is, for a thread that opens it for itself. */
export type JournalSource =
  | { readonly kind: "sqlite"; readonly folder: string }
  | { readonly kind: "postgres"; readonly url: string; readonly schema: string };

/** The work of a snapshot thread. */
export interface SnapshotWork {
  readonly source: JournalSource;
  /** Of the journal's writer, for whom it saves: see `Journal.epoch`. */
  readonly epoch: number;
}

export interface SavedSnapshot {
  /** Last record that it holds. */
  readonly sequence: number;
  /** How many. */
  readonly bytes: number;
}

/** A message of the snapshot thread. */
export type FromWorker =
  | ({ readonly kind: "unusable" } & UnusableSnapshot)
  | { readonly kind: "made"; readonly sequence: number }
  | ({ readonly kind: "saved" } & SavedSnapshot);
