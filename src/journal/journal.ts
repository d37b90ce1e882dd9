/**
 * The journal: a fenced, hash-chained, append-only list of byte records. The journal does not
 * interpret records. This file is the boundary: every storage (SQLite here, a shared database for
 * several operators) implements these interfaces and keeps the promises written on them.
 */
import type { Hex } from "../base/hex.ts";
import type { JournalDamaged } from "./errors.ts";

/** Most records of one append, and most that one flush may take together: bounds the stall. */
export const MAX_COMMIT_RECORDS = 1024;
/** Most payload bytes of one append, and most that one flush may take together. */
export const MAX_COMMIT_BYTES = 8 * 1024 * 1024;
/** Most records that may wait for a flush; above it an append is refused and can be retried. */
export const MAX_WAITING_RECORDS = 64 * MAX_COMMIT_RECORDS;
/** Most payload bytes that may wait for a flush; above it likewise. Bounds the memory. */
export const MAX_WAITING_BYTES = 8 * MAX_COMMIT_BYTES;
/** Most records that a read delivers at once, and the payload bytes after which it stops. */
export const READ_BATCH_RECORDS = 512;
export const READ_BATCH_BYTES = 4 * 1024 * 1024;
/**
 * Format of a journal whose records may be in the binary form, which releases that know only the
 * format before cannot read: they refuse the journal and name both formats.
 */
export const BINARY_FORMAT = 2;
/** Snapshots that are kept: the newest, and two to fall back on when that one is damaged. */
export const KEPT_SNAPSHOTS = 3;

/** The last record: its sequence (0 when there is none) and its chain hash. */
export interface Head {
  readonly sequence: number;
  readonly hash: Hex;
}

export interface JournalRecord {
  /** 1, 2, 3 … without gaps. */
  readonly sequence: number;
  /** The epoch of the writer that appended the record. */
  readonly epoch: number;
  /** The version of the record format, see record.ts. */
  readonly version: number;
  readonly payload: Uint8Array;
  /** Links it to all records before it. */
  readonly hash: Hex;
}

/** The sequences that an append got: dense, in the order given. */
export interface Appended {
  readonly first: number;
  readonly last: number;
}

export interface Snapshot {
  /** The last record that is part of it. */
  readonly sequence: number;
  /** 32 bytes: what the state says of itself, to be compared after a replay. */
  readonly stateHash: Hex;
  readonly bytes: Uint8Array;
}

/**
 * This journal began as a backup: whatever was acknowledged after `head` in the original is lost.
 */
export interface RestoredFrom {
  readonly head: Head;
  /** Milliseconds since 1970. */
  readonly backedUpAt: number;
  /** Last sequence known to be acknowledged and not in the backup; undefined when not known. */
  readonly lostUpTo: number | undefined;
}

export interface VerifyReport {
  readonly head: Head;
  readonly epoch: number;
  /** Payload bytes of all records. */
  readonly bytes: number;
  /** Sequences of the snapshots, ascending. */
  readonly snapshots: readonly number[];
}

export interface VerifyOptions {
  /** Called after each batch with the last sequence checked. */
  readonly onProgress?: (sequence: number, last: number) => void;
  /** Whether snapshots are checked too; true by default. */
  readonly snapshots?: boolean;
}

export interface BackupOptions extends VerifyOptions {
  /** Called for each damaged snapshot, which the copy then lacks: the records are the truth. */
  readonly onDamagedSnapshot?: (damage: JournalDamaged) => void;
}

/** A journal opened for reading; possible while another process writes. */
export interface JournalReader {
  /** The file or database, for messages. */
  readonly location: string;
  /** For a writer the truth; for a reader as of opening, or of the last `refresh` or `verify`. */
  readonly head: Head;
  /** Set when the journal began as a backup: to be said loudly. */
  readonly restoredFrom: RestoredFrom | undefined;

  /** Reads the storage again. */
  refresh(): Promise<Head>;

  /**
   * The records from sequence `from` on, at most `limit` of them, in bounded batches. Ends at the
   * last record there was when it began. Each is checked against its checksum and the chain.
   * Throws `JournalDamaged`.
   */
  read(from: number, limit?: number): AsyncIterable<readonly JournalRecord[]>;

  /** The newest snapshot at or before `atOrBefore`, checked. Throws `JournalDamaged`. */
  latestSnapshot(atOrBefore?: number): Promise<Snapshot | undefined>;

  /**
   * Checks every record, the head and every snapshot. Throws `JournalDamaged` at the first damage.
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>;

  /**
   * Writes a consistent copy to the new file `path` while appends go on, makes it durable, and
   * verifies it before it gets its name; returns its head. Throws `StorageFailure`, or
   * `JournalDamaged`: then there is no copy.
   */
  backup(path: string, options?: BackupOptions): Promise<Head>;

  close(): Promise<void>;
}

/** A journal opened for writing. */
export interface Journal extends JournalReader {
  /** Raised by every opening for writing; carried by every record and checked by every append. */
  readonly epoch: number;

  /**
   * Format of the journal: what its records may be so that every release that is let in reads them;
   * see `BINARY_FORMAT`. Lower than the newest while an operator of an older release may follow.
   */
  readonly format: number;

  /** Checks that this is still the writer; rejects as `append` does. */
  refresh(): Promise<Head>;

  /**
   * Appends `records` (at least one) all or none, and resolves when they are durable. Appends that
   * wait together share one flush; their order is the order of the calls. The bytes must not be
   * changed before it settles.
   *
   * Rejects with `AppendTooLarge`: nothing happened, the journal goes on.
   * Rejects with `FencedOff`, `StorageFailure` or `JournalDamaged`: so do all that wait, and all
   * later ones with `JournalStopped`, until the journal is closed and opened again. The records of
   * a failed append are not promised, and yet may be found after reopening.
   */
  append(records: readonly Uint8Array[]): Promise<Appended>;

  /**
   * Keeps `bytes` as the state after record `sequence`, in small steps between appends, and drops
   * snapshots beyond `KEPT_SNAPSHOTS`. A second one of the same sequence must be the same. Must not
   * be called again before it settles. Rejects as `append` does.
   */
  saveSnapshot(sequence: number, bytes: Uint8Array, stateHash: Hex): Promise<void>;

  /** Lets waiting appends finish, then releases the storage. */
  close(): Promise<void>;
}

/** The writer of a journal that several operators share. */
export interface Holder {
  /** The operator's address, as its heartbeat named it. */
  readonly operator: string;
  /** Where it serves clients. */
  readonly url: string;
  readonly epoch: number;
}

/** Another operator on the same journal, or this one. */
export interface Peer {
  readonly operator: string;
  readonly url: string;
  /** The last record that it has applied, as it said itself. */
  readonly sequence: number;
}

/** The result of one poll of a shared journal. */
export interface SharedView {
  readonly head: Head;
  /** Undefined: nobody writes, and the journal can be acquired. */
  readonly holder: Holder | undefined;
}

/** An operator's signature of a round's roots, for the operator that sends them to the chain. */
export interface Attestation {
  readonly round: number;
  /** The operator's address as it named itself: the reader verifies whose signature it is. */
  readonly operator: string;
  /** 32 bytes. */
  readonly rootsHash: Hex;
  /** 64 bytes. */
  readonly signature: Hex;
}

/** Rounds before the newest whose attestations are kept, to be read after a divergence. */
export const KEPT_ATTESTED_ROUNDS = 8;
/** Most attestations that one reading gives: two of each of the operators that a manager takes. */
export const MAX_ATTESTATIONS = 256;

/**
 * The place where operators leave their attestations for each other. No lease fences it, since
 * replicas write too, each in a row of its own; so an attestation proves nothing until its reader
 * has verified it.
 */
export interface AttestationBoard {
  /**
   * Keeps it; one of the same round, operator and roots is replaced. Drops those of rounds more
   * than `KEPT_ATTESTED_ROUNDS` before it. Throws `StorageFailure`.
   */
  publish(attestation: Attestation): Promise<void>;

  /** The attestations of a round, `MAX_ATTESTATIONS` at most. Throws `StorageFailure`. */
  attestationsOf(round: number): Promise<readonly Attestation[]>;
}

/**
 * A journal that several operators share: all read it, one writes. The writer holds a lease, in the
 * storage's own time; an operator takes the journal over by raising the epoch, which every append
 * names.
 */
export interface SharedJournal extends JournalReader, AttestationBoard {
  /** Also moves `head`. Throws `StorageFailure`. */
  poll(): Promise<SharedView>;

  /**
   * Makes this operator the writer if nobody is, or if the last one named it its successor;
   * undefined if it came too late. Every append of an older writer is refused from here on.
   * `deposed`: epoch of a writer whose lease is taken from it.
   */
  acquire(deposed?: number): Promise<LeasedJournal | undefined>;

  /** Sequence of the newest snapshot, of any writer; 0: none. Throws `StorageFailure`. */
  newestSnapshot(): Promise<number>;

  /**
   * Says that this operator lives and has applied the records up to `sequence`; gives all that said
   * so lately.
   */
  heartbeat(sequence: number): Promise<readonly Peer[]>;
}

/**
 * A shared journal that this operator writes. An append proves the lease and prolongs it. Closing
 * lets waiting appends finish and gives the lease back; the shared journal stays open.
 */
export interface LeasedJournal extends Journal {
  /** Prolongs the lease. Throws `FencedOff` when another writer has taken over. */
  renew(): Promise<void>;

  /** Closes, and lets nobody but `operator` acquire the journal for a short while. */
  handOver(operator: string): Promise<void>;
}
