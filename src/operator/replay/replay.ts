/**
 * Builds state from the journal: the newest snapshot that can be used, then every record after it.
 * A journal without records gets its genesis. A damaged snapshot costs time; a damaged record ends
 * the start, since nothing after it may be believed.
 */

import { QuarterdeckError, reasonOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { apply, begin } from "../../exchange/apply.ts";
import { decodeEntry, type Genesis } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import type { Journal, JournalReader } from "../../journal/journal.ts";
import { History } from "./history.ts";
import { encodeRecord } from "./recordForm.ts";
import { newestSavedState, type UnusableSnapshot } from "./savedState.ts";

export interface Recovered {
  readonly state: State;
  readonly history: History;
  /** The last record that is part of it. */
  readonly sequence: number;
  /** Records replayed after the snapshot. */
  readonly replayed: number;
  /** Sequence of the snapshot that it began from; 0: from the first record. */
  readonly snapshot: number;
}

/**
 * Says in `log` which snapshots it could not use. Throws `JournalDamaged`, `ReplayFailed`, or
 * `WrongJournal` when the journal is of another exchange.
 */
export async function recover(journal: Journal, genesis: Genesis, log: Log): Promise<Recovered> {
  if (journal.head.sequence === 0) {
    const first = { kind: "genesis", ...genesis, timeMs: Date.now() } as const;
    await journal.append([encodeRecord(first, journal.format)]);
  }
  return recoverBegun(journal, genesis, log);
}

/** The same of a journal that has its genesis. Writes nothing. */
export async function recoverBegun(
  journal: JournalReader,
  genesis: Genesis,
  log: Log,
): Promise<Recovered> {
  const recovered = await replay(journal, ({ sequence, problem }) =>
    log.error("snapshotUnusable", {
      sequence: sequence ?? "unknown",
      problem,
      hint: SNAPSHOT_HINT,
    }),
  );
  requireSame(recovered.state.genesis, genesis, journal.location);
  return recovered;
}

const SNAPSHOT_HINT =
  "nothing is lost: an older snapshot or the records take its place, which costs time; check the " +
  "disk, run `quarterdeck journal verify`, and make a backup";

/**
 * The state that a journal with at least its genesis leads to. Writes nothing. `onUnusable` is
 * called for each snapshot that was passed over.
 */
export async function replay(
  journal: JournalReader,
  onUnusable: (snapshot: UnusableSnapshot) => void,
): Promise<Recovered> {
  const saved = await newestSavedState(journal, onUnusable);
  const snapshot = saved?.sequence ?? 0;
  const history = saved?.history ?? new History();
  const { state, sequence } = await replayRecords(journal, saved, (upTo, after, outcome) =>
    history.record(upTo, outcome?.events ?? [], after.timeMs),
  );
  return { state, history, sequence, replayed: sequence - snapshot, snapshot };
}

/** The state after the record `sequence`. */
export interface ReplayedState {
  readonly state: State;
  readonly sequence: number;
}

/**
 * Applies every record after `start`, from the first one without it. `onApplied` sees the state
 * after each record, and what the record did (undefined for the genesis). Throws `EmptyJournal`,
 * `JournalDamaged` or `ReplayFailed`.
 */
export async function replayRecords(
  journal: JournalReader,
  start: ReplayedState | undefined,
  onApplied: (sequence: number, state: State, outcome: Outcome | undefined) => void,
  onProgress?: (sequence: number) => void,
): Promise<ReplayedState> {
  let { state, sequence } = start ?? { state: undefined, sequence: 0 };
  for await (const records of journal.read(sequence + 1)) {
    for (const record of records) {
      const outcome = stepping(journal, record.sequence, () => {
        const entry = decodeEntry(record.payload);
        if (state !== undefined) return apply(state, entry);
        state = begin(entry);
        return undefined;
      });
      sequence = record.sequence;
      onApplied(sequence, state as State, outcome);
    }
    onProgress?.(sequence);
  }
  if (state !== undefined) return { state, sequence };
  throw new QuarterdeckError({
    code: "EmptyJournal",
    message: `The journal at ${journal.location} has no record.`,
    hint: "Start the operator once, or name another storage folder.",
  });
}

function stepping<T>({ location }: JournalReader, sequence: number, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new ReplayFailed(location, sequence, error);
  }
}

/** A whole record that this version cannot read, or that cannot follow those before it. */
export class ReplayFailed extends QuarterdeckError {
  override readonly name = "ReplayFailed";
  readonly sequence: number;

  constructor(location: string, sequence: number, cause: unknown) {
    super({
      code: "ReplayFailed",
      message:
        `Record ${sequence} of the journal ${location} is whole and cannot be replayed: ` +
        `${reasonOf(cause)}.`,
      hint:
        "If it holds blocks of the chain, `quarterdeck journal repair` says what can be dropped. " +
        "Else start the version that wrote it, keep the journal as it is, and report this.",
      cause,
    });
    this.sequence = sequence;
  }
}

/** Throws `WrongJournal` unless the journal's exchange is the one wanted. */
export function requireSame(found: Genesis, wanted: Genesis, location: string): void {
  const same =
    found.chainId === wanted.chainId &&
    found.mediator === wanted.mediator &&
    found.schedule.genesisBlock === wanted.schedule.genesisBlock &&
    found.schedule.roundSize === wanted.schedule.roundSize;
  if (!same) {
    throw new QuarterdeckError({
      code: "WrongJournal",
      message:
        `The journal at ${location} is of Mediator ${found.mediator} on chain ${found.chainId}, ` +
        `and the configuration of ${wanted.mediator} on chain ${wanted.chainId}.`,
      hint: location.startsWith("postgres://")
        ? "Name the database and the schema of this exchange, or a schema that is not there yet: " +
          "each exchange has one of its own (`database.url`, `database.schema`)."
        : "Name the storage folder of this exchange, or an empty one.",
    });
  }
  if (JSON.stringify(terms(found)) === JSON.stringify(terms(wanted))) return;
  throw new QuarterdeckError({
    code: "WrongJournal",
    message: `The journal at ${location} began with other markets, confirmations or limits.`,
    hint: "Set them in the configuration as they were: they hold for the exchange's life.",
  });
}

function terms({ markets, confirmations, limits }: Genesis) {
  return {
    confirmations,
    limits: limits.ordersPerClientAndRound,
    markets: markets.map(({ base, quote, lot, tick }) => [base, quote, `${lot}`, `${tick}`]),
  };
}
