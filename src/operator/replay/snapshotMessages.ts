/** The messages between the operator's thread and the one that makes a snapshot. */
import type { Hex } from "../../base/hex.ts";
import type { UnusableSnapshot } from "./savedState.ts";

/** Where a journal is, for a thread that opens it for itself. */
export type JournalSource =
  | { readonly kind: "sqlite"; readonly folder: string }
  | { readonly kind: "postgres"; readonly url: string; readonly schema: string };

export interface MadeSnapshot {
  /** Last record that it holds. */
  readonly sequence: number;
  readonly stateHash: Hex;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A message of the snapshot thread. */
export type FromWorker =
  | ({ readonly kind: "unusable" } & UnusableSnapshot)
  | ({ readonly kind: "made" } & MadeSnapshot);
