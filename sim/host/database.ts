/**
 * The shared database: its rows, and the statements that change them, each whole or not at all. The
 * link between an operator and the database is `DatabaseLink`'s; the meaning of the statements is
 * held to PostgreSQL by test/support/database/sharedJournalContract.ts.
 */
import type { Attestation, Peer } from "../../src/journal/journal.ts";
import {
  KEPT_ATTESTED_ROUNDS,
  KEPT_SNAPSHOTS,
  MAX_ATTESTATIONS,
} from "../../src/journal/journal.ts";
import { type ChainLink, GENESIS_LINK, type SealedRecord } from "../../src/journal/record.ts";
import type { SnapshotRow } from "../../src/journal/snapshotSeal.ts";

/** A lease that ends later than this was given by a clock that has gone back since. */
const LONGEST_LEASE_MS = 60_000;

/** The way of one operator to the database. */
export interface DatabaseLink {
  /** For messages. */
  readonly location: string;
  /** Runs `statement` in the database, and gives what it returns. Throws `StorageFailure`. */
  ask<T>(what: string, kind: "read" | "write", statement: () => T): Promise<T>;
}

export interface HeadRow extends ChainLink {
  readonly holder: string | null;
  readonly url: string | null;
  readonly expiresAt: number;
  readonly successor: string | null;
  readonly successorUntil: number;
}

export interface StoredSnapshot {
  readonly row: SnapshotRow;
  readonly bytes: Uint8Array;
}

/** Records that were appended, with their writer. */
export interface Appending {
  readonly operator: string;
  readonly epoch: number;
  readonly records: readonly SealedRecord[];
}

export interface DatabaseOptions {
  /** The database's own clock in milliseconds, which may jump. */
  readonly now: () => number;
  /** Called with records once they are durable, in order. */
  readonly onDurable?: (appending: Appending) => void;
  /** Called for each lease that is given. */
  readonly onAcquired?: (operator: string, epoch: number) => void;
}

export class SharedDatabase {
  readonly records: SealedRecord[] = [];
  snapshots: readonly StoredSnapshot[] = [];
  head: HeadRow = {
    ...GENESIS_LINK,
    holder: null,
    url: null,
    expiresAt: 0,
    successor: null,
    successorUntil: 0,
  };
  readonly #options: DatabaseOptions;
  readonly #seen = new Map<string, Peer & { readonly seenAt: number }>();
  #attestations: readonly Attestation[] = [];

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /** The record of that sequence. */
  link(sequence: number): ChainLink | undefined {
    return sequence === 0 ? GENESIS_LINK : this.records[sequence - 1];
  }

  /** True while an operator holds the lease. */
  get isHeld(): boolean {
    const { holder, expiresAt } = this.head;
    const now = this.#options.now();
    return holder !== null && expiresAt > now && expiresAt <= now + LONGEST_LEASE_MS;
  }

  acquire(
    operator: string,
    url: string,
    leaseMs: number,
    deposed: number | undefined,
  ): ChainLink | undefined {
    const { successor, successorUntil, epoch } = this.head;
    const now = this.#options.now();
    const isReserved =
      successor !== null &&
      successor !== operator &&
      successorUntil > now &&
      successorUntil <= now + LONGEST_LEASE_MS;
    if (isReserved || (this.isHeld && epoch !== deposed)) return undefined;
    const lease = { holder: operator, url, expiresAt: now + leaseMs };
    this.head = { ...this.head, ...lease, epoch: epoch + 1, successor: null };
    this.#options.onAcquired?.(operator, epoch + 1);
    return this.head;
  }

  /** Only from where this writer left the head, in its epoch; whether it did. */
  append(
    operator: string,
    from: { readonly epoch: number; readonly sequence: number },
    records: readonly SealedRecord[],
    leaseMs: number,
  ): boolean {
    const last = records.at(-1);
    if (this.head.epoch !== from.epoch || this.head.sequence !== from.sequence) return false;
    if (last === undefined) return false;
    this.records.push(...records);
    const { sequence, hash } = last;
    this.head = { ...this.head, sequence, hash, expiresAt: this.#options.now() + leaseMs };
    this.#options.onDurable?.({ operator, epoch: from.epoch, records });
    return true;
  }

  /** Whether the lease was still that of `epoch`. `successor`: who goes first, and for how long. */
  moveLease(
    epoch: number,
    leaseMs: number,
    successor: string | null,
    successorMs: number,
  ): boolean {
    if (this.head.epoch !== epoch) return false;
    const now = this.#options.now();
    const until = { expiresAt: now + leaseMs, successorUntil: now + successorMs };
    this.head = { ...this.head, ...until, successor };
    return true;
  }

  /** Says that `peer` lives; all that said so within `retryTimeoutMs`, by their names. */
  heartbeat(peer: Peer, retryTimeoutMs: number): Peer[] {
    const now = this.#options.now();
    this.#seen.set(peer.operator, { ...peer, seenAt: now });
    return [...this.#seen.values()]
      .filter(({ seenAt }) => Math.abs(seenAt - now) <= retryTimeoutMs)
      .sort((a, b) => (a.operator < b.operator ? -1 : 1))
      .map(({ operator, url, sequence }) => ({ operator, url, sequence }));
  }

  /** Whether the lease is still that of `epoch`. */
  saveSnapshot(epoch: number, snapshot: StoredSnapshot): boolean {
    if (this.head.epoch !== epoch) return false;
    const all = [...this.snapshots, snapshot];
    all.sort((a, b) => a.row.sequence - b.row.sequence);
    this.snapshots = all.slice(-KEPT_SNAPSHOTS);
    return true;
  }

  publish(attestation: Attestation): void {
    const isSame = (one: Attestation) =>
      one.round === attestation.round &&
      one.operator === attestation.operator &&
      one.rootsHash === attestation.rootsHash;
    const others = this.#attestations.filter((one) => !isSame(one));
    const oldest = attestation.round - KEPT_ATTESTED_ROUNDS;
    this.#attestations = [...others, attestation].filter(({ round }) => round >= oldest);
  }

  attestationsOf(round: number): readonly Attestation[] {
    const keyOf = ({ operator, rootsHash }: Attestation) => `${operator} ${rootsHash}`;
    return this.#attestations
      .filter((one) => one.round === round)
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      .slice(0, MAX_ATTESTATIONS);
  }
}
