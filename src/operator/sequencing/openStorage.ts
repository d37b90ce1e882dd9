/** The storage of an operator's journal: a folder of its own, or a database that others share. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Address } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import type { Entry, Genesis } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import type { AttestationBoard, Holder, Journal, SharedJournal } from "../../journal/journal.ts";
import { openPostgresJournal, type PostgresOptions } from "../../journal/postgres/journal.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import type { DatabaseConfig, OperatorConfig } from "../config/config.ts";
import { type Recovered, recover, recoverBegun } from "../replay/replay.ts";
import type { SnapshotterOptions } from "../replay/snapshotter.ts";
import { initJournal } from "./initJournal.ts";
import { LastSeen } from "./lastSeen.ts";
import { LeaderElection } from "./leaderElection.ts";
import { isLeadLost } from "./leadLost.ts";
import { Outage } from "./outage.ts";
import { headAt, Replica } from "./replica.ts";
import type { Progress } from "./stalledLeader.ts";

export interface RoleOptions {
  /** Leads until the signal is aborted; see `SharedRoleOptions.lead`. */
  readonly lead: (journal: Journal, signal: AbortSignal) => Promise<void>;
  /** Called for each entry that another operator appended and this one applied. */
  readonly onApplied: (entry: Entry, outcome: Outcome) => void;
  readonly onHolder: (holder: Holder | undefined) => void;
  readonly successor: () => string | undefined;
  readonly cannotLead: () => boolean;
  readonly isApproved: () => boolean;
  readonly progress: () => Progress;
}

export interface Storage {
  readonly recovered: Recovered;
  /** How a thread of its own opens the same journal, and which is the newest that others made. */
  readonly snapshots: Pick<SnapshotterOptions, "source" | "newest">;
  /** Undefined where no other operator reads or writes. */
  readonly board: AttestationBoard | undefined;
  /** Why the shared journal cannot be written now, if so; not there where it is not shared. */
  readonly problem?: () => string | undefined;
  /** Leads, or follows until it may; resolves when the signal is aborted. */
  run(options: RoleOptions, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** How journals are opened, where it is another way than usual. */
export interface StorageParts {
  /** Opens the journal of a storage folder for writing. */
  readonly openJournal?: (folder: string) => Promise<Journal>;
  /** Opens the journal that several operators share. */
  readonly openShared?: (options: PostgresOptions) => Promise<SharedJournal>;
}

/** Opens and recovers. Throws what opening, `recover` and `initJournal` throw. */
export function openStorage(
  config: OperatorConfig,
  genesis: Genesis,
  operator: Address,
  log: Log,
  { openJournal = openSqliteJournal, openShared = openPostgresJournal }: StorageParts = {},
): Promise<Storage> {
  const { database } = config;
  return database === undefined
    ? openFolder(config.storage, genesis, log, openJournal)
    : openDatabase(config.storage, database, genesis, operator, log, openShared);
}

async function openFolder(
  folder: string,
  genesis: Genesis,
  log: Log,
  openJournal: (folder: string) => Promise<Journal>,
): Promise<Storage> {
  const journal = await openJournal(folder);
  if (journal.restoredFrom !== undefined) {
    log.error("restoredFromBackup", {
      sequence: journal.restoredFrom.head.sequence,
      hint: "whatever was acknowledged after this backup is lost: tell the clients",
    });
  }
  return {
    recovered: await recover(journal, genesis, log),
    snapshots: { source: { kind: "sqlite", folder } },
    board: undefined,
    run: ({ lead }, signal) => lead(journal, signal),
    close: () => journal.close(),
  };
}

async function openDatabase(
  folder: string,
  { url, schema, leaseMs, retryTimeoutMs, publicUrl }: DatabaseConfig,
  genesis: Genesis,
  operator: Address,
  log: Log,
  openShared: NonNullable<StorageParts["openShared"]>,
): Promise<Storage> {
  const lastSeen = new LastSeen(folder, log);
  const begun = async (journal: SharedJournal) => {
    // Before it is begun: an empty database in the place of the right one is no new exchange.
    await lastSeen.requireIn(journal);
    await initJournal(journal, genesis);
    const recovered = await recoverBegun(journal, genesis, log);
    return { journal, recovered, head: await headAt(journal, recovered.sequence) };
  };
  const { journal, recovered, head } = await untilReachable(retryTimeoutMs, log, async () => {
    const opened = await openShared({
      url,
      schema,
      leaseMs,
      operator,
      operatorUrl: publicUrl,
    });
    return begun(opened).catch(async (error) => {
      await opened.close();
      throw error;
    });
  });
  const { state, history } = recovered;
  let role: LeaderElection | undefined;
  return {
    recovered,
    problem: () => role?.problem,
    snapshots: {
      source: { kind: "postgres", url, schema },
      newest: () => journal.newestSnapshot(),
    },
    board: journal,
    run: ({ onApplied, ...options }, signal) => {
      const replica = new Replica({ state, history, head, onApplied });
      role = new LeaderElection({
        ...options,
        operator,
        journal,
        replica,
        log,
        leaseMs,
        retryTimeoutMs,
        onSeen: (seen) => lastSeen.note(seen),
      });
      return role.run(signal);
    },
    close: async () => {
      await lastSeen.idle();
      await journal.close();
    },
  };
}

/** Milliseconds between two tries to open the shared journal. */
const REOPEN_MS = 1000;

/**
 * The database may come up after its operators, or be away for a while: `open` is tried again until
 * it was away for `retryTimeoutMs`, as it is later. What else is wrong with it is thrown at once.
 */
async function untilReachable<T>(
  retryTimeoutMs: number,
  log: Log,
  open: () => Promise<T>,
): Promise<T> {
  const outage = new Outage({ log, silenceMs: Number.POSITIVE_INFINITY });
  for (;;) {
    try {
      const opened = await open();
      outage.end();
      return opened;
    } catch (error) {
      if (!isLeadLost(error) || outage.add(error) >= retryTimeoutMs) throw error;
    }
    await sleep(Math.min(REOPEN_MS, retryTimeoutMs));
  }
}
