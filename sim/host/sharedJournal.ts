/**
 * The shared journal's promises (src/journal/journal.ts) over the simulated database. Grouping,
 * sealing, fencing errors and the walk along the hashes are the operators' own code.
 */
import { Alarm, assert } from "../../src/base/errors.ts";
import { bytesToHex, type Hex, hexToBytes } from "../../src/base/hex.ts";
import { FencedOff, StorageFailure } from "../../src/journal/errors.ts";
import { GroupCommit } from "../../src/journal/groupCommit.ts";
import {
  type Appended,
  type Attestation,
  BINARY_FORMAT,
  type Head,
  type JournalRecord,
  type LeasedJournal,
  type Peer,
  READ_BATCH_RECORDS,
  type SharedJournal,
  type SharedView,
  type Snapshot,
  type VerifyReport,
} from "../../src/journal/journal.ts";
import {
  type ChainLink,
  ChainWalk,
  EMPTY_HEAD,
  GENESIS_LINK,
  type SealedRecord,
  sealRecord,
} from "../../src/journal/record.ts";
import { snapshotChecksum, unsealSnapshot } from "../../src/journal/snapshotSeal.ts";
import type { DatabaseLink, SharedDatabase, StoredSnapshot } from "./database.ts";

export interface SharedJournalOptions {
  readonly database: SharedDatabase;
  readonly link: DatabaseLink;
  readonly operator: string;
  readonly operatorUrl: string;
  readonly leaseMs: number;
}

function headOf({ sequence, hash }: ChainLink): Head {
  return sequence === 0 ? EMPTY_HEAD : { sequence, hash: bytesToHex(hash) };
}

class Reader {
  readonly location: string;
  readonly restoredFrom = undefined;
  protected readonly options: SharedJournalOptions;
  #head: Head;

  constructor(options: SharedJournalOptions, head: Head) {
    this.options = options;
    this.location = options.link.location;
    this.#head = head;
  }

  get head(): Head {
    return this.#head;
  }

  protected moveHead(head: Head): void {
    this.#head = head;
  }

  async refresh(): Promise<Head> {
    const { database, link } = this.options;
    this.#head = headOf(await link.ask("The head cannot be read", "read", () => database.head));
    return this.#head;
  }

  async *read(from: number, limit?: number): AsyncGenerator<readonly JournalRecord[]> {
    const { database, link } = this.options;
    const what = "The records cannot be read";
    const { before, last } = await link.ask(what, "read", () => ({
      before: database.link(from - 1) ?? GENESIS_LINK,
      last: database.head.sequence,
    }));
    const walk = new ChainWalk(this.location, before);
    const end = Math.min(last, from - 1 + (limit ?? last));
    for (let at = from - 1; at < end; at += READ_BATCH_RECORDS) {
      const rows = await link.ask(what, "read", () =>
        database.records.slice(at, Math.min(end, at + READ_BATCH_RECORDS)),
      );
      yield rows.map((record) => walk.accept(record));
    }
  }

  async latestSnapshot(atOrBefore = Number.MAX_SAFE_INTEGER): Promise<Snapshot | undefined> {
    const { database, link } = this.options;
    const { found, record, head } = await link.ask("The snapshots cannot be read", "read", () => {
      const newest = database.snapshots.findLast(({ row }) => row.sequence <= atOrBefore);
      const sequence = newest?.row.sequence ?? 0;
      const { head } = database;
      return { found: newest, record: database.link(sequence), head: head.sequence };
    });
    if (found === undefined) return undefined;
    return unsealSnapshot(this.location, found.row, found.bytes, { link: record, head });
  }

  async verify(): Promise<VerifyReport> {
    const { database, link } = this.options;
    const { head, snapshots } = await link.ask("The head cannot be read", "read", () => ({
      head: database.head,
      snapshots: database.snapshots.map(({ row }) => row.sequence),
    }));
    let bytes = 0;
    for await (const records of this.read(1, head.sequence)) {
      for (const { payload } of records) bytes += payload.length;
    }
    return { head: headOf(head), epoch: head.epoch, bytes, snapshots };
  }

  async backup(): Promise<Head> {
    const what = "A shared journal makes no backup of itself";
    throw new StorageFailure("BackupElsewhere", this.location, what);
  }

  async close(): Promise<void> {}
}

/** As one operator sees it. Throws what the link throws. */
export async function openSimulatedJournal(options: SharedJournalOptions): Promise<SharedJournal> {
  const { database, link } = options;
  const head = await link.ask("The tables cannot be prepared", "read", () => database.head);
  return new SimulatedSharedJournal(options, headOf(head));
}

class SimulatedSharedJournal extends Reader implements SharedJournal {
  async poll(): Promise<SharedView> {
    const { database, link } = this.options;
    const { row, isHeld } = await link.ask("The head cannot be read", "read", () => ({
      row: database.head,
      isHeld: database.isHeld,
    }));
    const head = headOf(row);
    this.moveHead(head);
    if (!isHeld || row.holder === null) return { head, holder: undefined };
    const { holder: operator, epoch } = row;
    return { head, holder: { operator, url: row.url ?? "", epoch } };
  }

  async acquire(deposed?: number): Promise<LeasedJournal | undefined> {
    const { database, link, operator, operatorUrl, leaseMs } = this.options;
    const start = await link.ask("The lease cannot be taken", "write", () =>
      database.acquire(operator, operatorUrl, leaseMs, deposed),
    );
    return start === undefined ? undefined : new LeasedSimulated(this.options, start);
  }

  newestSnapshot(): Promise<number> {
    const { database, link } = this.options;
    const newest = () => database.snapshots.at(-1)?.row.sequence ?? 0;
    return link.ask("The snapshots cannot be read", "read", newest);
  }

  heartbeat(sequence: number): Promise<readonly Peer[]> {
    const { database, link, operator, operatorUrl: url, leaseMs } = this.options;
    return link.ask("This operator cannot send its heartbeat", "write", () =>
      database.heartbeat({ operator, url, sequence }, leaseMs),
    );
  }

  publish(attestation: Attestation): Promise<void> {
    const { database, link } = this.options;
    const publish = () => database.publish(attestation);
    return link.ask("The attestation cannot be written", "write", publish);
  }

  attestationsOf(round: number): Promise<readonly Attestation[]> {
    const { database, link } = this.options;
    const read = () => database.attestationsOf(round);
    return link.ask("The attestations cannot be read", "read", read);
  }
}

class LeasedSimulated extends Reader implements LeasedJournal {
  readonly epoch: number;
  readonly format = BINARY_FORMAT;
  readonly #commits: GroupCommit;
  #last: ChainLink;
  #saving = false;
  #closing: Promise<void> | undefined;

  constructor(options: SharedJournalOptions, start: ChainLink) {
    super(options, headOf(start));
    this.epoch = start.epoch;
    this.#last = start;
    this.#commits = new GroupCommit((records) => this.#commit(records));
  }

  append(records: readonly Uint8Array[]): Promise<Appended> {
    return this.#commits.append(records);
  }

  async #commit(payloads: readonly Uint8Array[]): Promise<number> {
    const { database, link, operator, leaseMs } = this.options;
    const { sequence } = this.#last;
    const records: SealedRecord[] = [];
    let { hash } = this.#last;
    for (const [index, payload] of payloads.entries()) {
      const sealed = sealRecord(hash, sequence + 1 + index, this.epoch, payload);
      records.push(sealed);
      hash = sealed.hash;
    }
    const from = { epoch: this.epoch, sequence };
    const written = await link.ask("The append failed", "write", () =>
      database.append(operator, from, records, leaseMs),
    );
    if (!written) throw await this.#fencedOff();
    this.#last = records.at(-1) ?? this.#last;
    this.moveHead(headOf(this.#last));
    return sequence + 1;
  }

  async #fencedOff(): Promise<FencedOff> {
    const { database, link } = this.options;
    const found = await link.ask("The head cannot be read", "read", () => database.head);
    const { epoch } = this;
    return new FencedOff(this.location, { epoch, sequence: this.#last.sequence }, found);
  }

  async renew(): Promise<void> {
    this.#commits.throwIfStopped();
    if (await this.#moveLease(this.options.leaseMs, null)) return;
    const error = await this.#fencedOff();
    this.#commits.stop(error);
    throw error;
  }

  #moveLease(leaseMs: number, successor: string | null): Promise<boolean> {
    const { database, link, leaseMs: successorMs } = this.options;
    return link.ask("The lease cannot be moved", "write", () =>
      database.moveLease(this.epoch, leaseMs, successor, successorMs),
    );
  }

  override async refresh(): Promise<Head> {
    await this.renew();
    return this.head;
  }

  async saveSnapshot(sequence: number, bytes: Uint8Array, stateHash: Hex): Promise<void> {
    this.#commits.throwIfStopped();
    assert(!this.#saving, "a snapshot is being saved while another one is.");
    this.#saving = true;
    try {
      await this.#saveSnapshot(sequence, bytes, stateHash);
    } catch (error) {
      this.#commits.stop(error);
      throw error;
    } finally {
      this.#saving = false;
    }
  }

  async #saveSnapshot(sequence: number, bytes: Uint8Array, stateHash: Hex): Promise<void> {
    const { database, link } = this.options;
    const record = database.link(sequence);
    assert(record !== undefined && sequence > 0, "a snapshot of a record that is not there.");
    const sealed = {
      sequence,
      record_hash: record.hash,
      state_hash: hexToBytes(stateHash),
      bytes: bytes.length,
    };
    const checksum = await snapshotChecksum(sealed, bytes);
    const known = database.snapshots.find(({ row }) => row.sequence === sequence);
    if (known !== undefined) return requireSame(known, checksum, this.location);
    const snapshot = { row: { ...sealed, checksum }, bytes };
    const saved = await link.ask("The snapshot cannot be written", "write", () =>
      database.saveSnapshot(this.epoch, snapshot),
    );
    if (!saved) throw await this.#fencedOff();
  }

  async handOver(operator: string): Promise<void> {
    await this.#commits.close();
    await this.#moveLease(0, operator);
    this.#closing ??= Promise.resolve();
  }

  override close(): Promise<void> {
    this.#closing ??= this.#commits.close().then(async () => {
      await this.#moveLease(0, null);
    });
    return this.#closing;
  }
}

function requireSame({ row }: StoredSnapshot, checksum: Uint8Array, location: string): void {
  if (Buffer.from(row.checksum).equals(checksum)) return;
  throw new Alarm({
    code: "SnapshotDiffers",
    message: `Two different snapshots of the same records up to ${row.sequence} in ${location}.`,
    hint: "The replay is not deterministic or the snapshot is altered: stop the node, verify.",
  });
}
