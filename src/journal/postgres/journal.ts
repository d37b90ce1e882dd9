/**
 * The journal in a PostgreSQL database that several operators share. One row, the head, names the
 * last record, the writer and its epoch. An append is one statement that moves the head only from
 * where this writer left it, in this writer's epoch: of two writers, at most one is acknowledged,
 * however long the other slept in between.
 */
import { assert } from "../../base/errors.ts";
import { bytesToHex, type Hex } from "../../base/hex.ts";
import { FencedOff, JournalDamaged } from "../errors.ts";
import { GroupCommit } from "../groupCommit.ts";
import type {
  Appended,
  Attestation,
  Head,
  JournalReader,
  LeasedJournal,
  Peer,
  SharedJournal,
  SharedView,
} from "../journal.ts";
import { type ChainLink, RECORD_VERSION, type SealedRecord, sealRecord } from "../record.ts";
import { publishAttestation, readAttestations } from "./attestations.ts";
import { confirmed, Database } from "./database.ts";
import { PostgresReader } from "./reader.ts";
import { headOf, LONGEST_LEASE_MS, readHead, readLink, refuseBeyond } from "./records.ts";
import { saveSnapshot, snapshotSequences } from "./snapshots.ts";
import { bigintArray, bytesArray } from "./sql.ts";
import { prepareTables, sayReads, TABLES_VERSION } from "./tables.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:port/name`. */
  readonly url: string;
  readonly schema?: string;
  /** This operator: its address, and where it serves clients. */
  readonly operator: string;
  readonly operatorUrl: string;
  /** Milliseconds that a lease outlasts the last append or renewal; `LONGEST_LEASE_MS` at most. */
  readonly leaseMs?: number;
  /** Milliseconds after which a question to the database counts as unanswered. */
  readonly answerMs?: number;
}

export const DEFAULT_SCHEMA = "quarterdeck";
export const DEFAULT_LEASE_MS = 1500;
const DEFAULT_ANSWER_MS = 5000;
/** Leases for which a named successor goes first. */
const SUCCESSOR_LEASES = 1;
/** Leases of silence after which an operator no longer counts as alive. */
const PEER_LEASES = 1;
/** Seconds of silence after which an operator of an older release is taken for stopped. */
const UNSEEN_SECONDS = 60;

/**
 * Opens the shared journal, creating its tables when they are not there. Throws `StorageFailure` or
 * `JournalDamaged`.
 */
export async function openPostgresJournal(options: PostgresOptions): Promise<SharedJournal> {
  const { url, schema = DEFAULT_SCHEMA, answerMs = DEFAULT_ANSWER_MS } = options;
  const database = new Database({ url, schema, answerMs });
  try {
    await prepareTables(database);
    await refuseBeyond(database);
    await sayReads(database, options.operator);
    return new PostgresJournal(database, headOf(await readHead(database)), options);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Opens a shared journal that is there, for reading only. Throws as `openPostgresJournal` does. */
export async function openPostgresReader(
  url: string,
  schema: string = DEFAULT_SCHEMA,
): Promise<JournalReader> {
  const database = new Database({ url, schema, answerMs: DEFAULT_ANSWER_MS });
  try {
    return new PostgresReader(database, headOf(await readHead(database)));
  } catch (error) {
    await database.close();
    throw error;
  }
}

class PostgresJournal extends PostgresReader implements SharedJournal {
  readonly #operator: string;
  readonly #url: string;
  readonly #leaseMs: number;

  constructor(database: Database, head: Head, options: PostgresOptions) {
    super(database, head);
    this.#operator = options.operator;
    this.#url = options.operatorUrl;
    this.#leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
  }

  async newestSnapshot(): Promise<number> {
    return (await snapshotSequences(this.database)).at(-1) ?? 0;
  }

  async poll(): Promise<SharedView> {
    const row = await this.readOwnHead();
    const head = headOf(row);
    this.moveHead(head);
    if (!row.held || row.holder === null) return { head, holder: undefined };
    const { holder: operator, epoch } = row;
    return { head, holder: { operator, url: row.url ?? "", epoch } };
  }

  /** Also raises the journal's format, unless an operator that was heard of lately reads less. */
  async acquire(deposed?: number): Promise<LeasedJournal | undefined> {
    const operator = this.#operator;
    const longest = `${LONGEST_LEASE_MS} milliseconds`;
    const rows = await this.database.ask(
      "The lease cannot be taken",
      (sql) => sql<(ChainLink & { readonly format: number })[]>`
        UPDATE {schema}.head SET epoch = epoch + 1, holder = ${operator}, url = ${this.#url},
          expires_at = now() + ${this.#leaseMs} * interval '1 millisecond', successor = NULL,
          format = CASE WHEN EXISTS (
            SELECT 1 FROM {schema}.operator o WHERE o.address <> ${operator}
              AND o.seen_at > now() - ${UNSEEN_SECONDS} * interval '1 second'
              AND NOT EXISTS (SELECT 1 FROM {schema}.reads r
                WHERE r.operator = o.address AND r.format >= ${TABLES_VERSION})
          ) THEN format ELSE ${TABLES_VERSION} END
        WHERE id = 1
          AND (holder IS NULL OR expires_at <= now() OR expires_at > now() + ${longest}::interval
               OR epoch = ${deposed ?? null})
          AND (successor IS NULL OR successor = ${operator}
               OR successor_until <= now() OR successor_until > now() + ${longest}::interval)
        RETURNING epoch, sequence, hash, format`,
    );
    if (rows[0] === undefined) return undefined;
    const { format, ...head } = rows[0];
    const start = await this.#checkTail(head);
    return new LeasedPostgres(this.database, { start, format, leaseMs: this.#leaseMs });
  }

  /**
   * The head that `acquired` gave, or of the same epoch as it is read again. Throws
   * `JournalDamaged` unless the last record is the one that it names.
   */
  async #checkTail(acquired: ChainLink): Promise<ChainLink> {
    await refuseBeyond(this.database);
    let head = acquired;
    let isFirst = true;
    return confirmed(this.database, async () => {
      if (!isFirst) head = { ...(await readHead(this.database)), epoch: acquired.epoch };
      isFirst = false;
      await this.#requireTail(head);
      return head;
    });
  }

  async #requireTail(head: ChainLink): Promise<void> {
    const link = await readLink(this.database, head.sequence);
    const found = link === undefined ? "no such record" : bytesToHex(link.hash);
    if (found === bytesToHex(head.hash)) return;
    throw new JournalDamaged({
      damage: link === undefined ? "tailMissing" : "headAltered",
      file: this.location,
      sequence: head.sequence,
      expected: `${bytesToHex(head.hash)}, as the head says`,
      found,
    });
  }

  heartbeat(sequence: number): Promise<readonly Peer[]> {
    const patience = this.#leaseMs * PEER_LEASES;
    return this.database.ask("This operator cannot send its heartbeat", async (sql) => {
      await sql`
        INSERT INTO {schema}.operator (address, url, sequence, seen_at)
        VALUES (${this.#operator}, ${this.#url}, ${sequence}, now())
        ON CONFLICT (address) DO UPDATE
        SET url = excluded.url, sequence = excluded.sequence, seen_at = excluded.seen_at`;
      return sql<Peer[]>`
        SELECT address AS operator, url, sequence FROM {schema}.operator
        WHERE seen_at BETWEEN now() - ${patience} * interval '1 millisecond'
          AND now() + ${patience} * interval '1 millisecond' ORDER BY address`;
    });
  }

  publish(attestation: Attestation): Promise<void> {
    return publishAttestation(this.database, attestation);
  }

  attestationsOf(round: number): Promise<readonly Attestation[]> {
    return readAttestations(this.database, round);
  }
}

interface Acquired {
  /** The head with our epoch. */
  readonly start: ChainLink;
  readonly format: number;
  readonly leaseMs: number;
}

class LeasedPostgres extends PostgresReader implements LeasedJournal {
  readonly epoch: number;
  readonly format: number;
  readonly #leaseMs: number;
  readonly #commits: GroupCommit;
  #last: ChainLink;
  #saving = false;
  #closing: Promise<void> | undefined;

  constructor(database: Database, { start, format, leaseMs }: Acquired) {
    super(database, headOf(start));
    this.epoch = start.epoch;
    this.format = format;
    this.#leaseMs = leaseMs;
    this.#last = start;
    this.#commits = new GroupCommit((records) => this.#commit(records));
  }

  append(records: readonly Uint8Array[]): Promise<Appended> {
    return this.#commits.append(records);
  }

  /** Makes `records` durable in one statement, and only if nobody else has written meanwhile. */
  async #commit(payloads: readonly Uint8Array[]): Promise<number> {
    const { sequence, hash } = this.#last;
    const records: SealedRecord[] = [];
    for (const [index, payload] of payloads.entries()) {
      const previous = records.at(-1)?.hash ?? hash;
      records.push(sealRecord(previous, sequence + 1 + index, this.epoch, payload));
    }
    const last: ChainLink = records.at(-1) ?? this.#last;
    const { count } = await this.database.ask(
      "The append failed",
      async (sql) => sql`
        WITH moved AS (
          UPDATE {schema}.head SET sequence = ${last.sequence}, hash = ${last.hash},
            expires_at = now() + ${this.#leaseMs} * interval '1 millisecond'
          WHERE id = 1 AND epoch = ${this.epoch} AND sequence = ${sequence}
          RETURNING id
        )
        INSERT INTO {schema}.record (sequence, epoch, version, payload, checksum, hash)
        SELECT ${sequence}::bigint + t.place, ${this.epoch}::bigint, ${RECORD_VERSION}::integer,
          t.payload, t.checksum, t.hash
        FROM moved, unnest(
          ${bytesArray(records.map(({ payload }) => payload))}::bytea[],
          ${bigintArray(records.map(({ checksum }) => checksum))}::bigint[],
          ${bytesArray(records.map((record) => record.hash))}::bytea[]
        ) WITH ORDINALITY AS t(payload, checksum, hash, place)`,
    );
    if (count !== records.length) throw await this.#fencedOff();
    this.#last = last;
    this.moveHead(headOf(last));
    return sequence + 1;
  }

  async #fencedOff(): Promise<FencedOff> {
    const own = { epoch: this.epoch, sequence: this.#last.sequence };
    return new FencedOff(this.location, own, await readHead(this.database));
  }

  async renew(): Promise<void> {
    this.#commits.throwIfStopped();
    const expiry = this.#leaseMs;
    const moved = await this.#moveLease(expiry, null);
    if (moved) return;
    const error = await this.#fencedOff();
    this.#commits.stop(error);
    throw error;
  }

  /** Whether the lease was still ours. */
  async #moveLease(leaseMs: number, successor: string | null): Promise<boolean> {
    const patience = this.#leaseMs * SUCCESSOR_LEASES;
    const { count } = await this.database.ask(
      "The lease cannot be moved",
      async (sql) => sql`
        UPDATE {schema}.head SET expires_at = now() + ${leaseMs} * interval '1 millisecond',
          successor = ${successor}, successor_until = now() + ${patience} * interval '1 millisecond'
        WHERE id = 1 AND epoch = ${this.epoch}`,
    );
    return count === 1;
  }

  /** Also finds out whether this writer has been fenced off. */
  override async refresh(): Promise<Head> {
    await this.renew();
    return this.head;
  }

  async saveSnapshot(sequence: number, bytes: Uint8Array, stateHash: Hex): Promise<void> {
    const throwIfStopped = () => this.#commits.throwIfStopped();
    throwIfStopped();
    assert(!this.#saving, "a snapshot is being saved while another one is.");
    this.#saving = true;
    try {
      const fence = { epoch: this.epoch, throwIfStopped };
      await saveSnapshot(this.database, fence, sequence, bytes, stateHash);
    } catch (error) {
      this.#commits.stop(error);
      throw error;
    } finally {
      this.#saving = false;
    }
  }

  async handOver(operator: string): Promise<void> {
    await this.#commits.close();
    await this.#moveLease(0, operator);
    this.#closing ??= Promise.resolve();
  }

  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.close();
    await this.#moveLease(0, null);
  }
}
