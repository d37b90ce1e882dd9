/**
 * Builds state from the journal: the newest snapshot, then every record after it. A journal
 * without records gets its genesis.
 */
import { QuarterdeckError } from "../base/errors.ts";
import { apply, begin } from "../exchange/apply.ts";
import { decodeEntry, encodeEntry, type Genesis } from "../exchange/entries.ts";
import { decodeSnapshot, encodeSnapshot } from "../exchange/snapshot.ts";
import type { State } from "../exchange/state.ts";
import { stateHash } from "../exchange/stateHash.ts";
import type { Journal, JournalReader } from "../journal/journal.ts";
import { History } from "./history.ts";

export interface Recovered {
  readonly state: State;
  readonly history: History;
  /** Records replayed after the snapshot. */
  readonly replayed: number;
  /** Sequence of the snapshot that it began from; 0: from the first record. */
  readonly snapshot: number;
}

/** Throws `JournalDamaged`, or `WrongJournal` when the journal is of another exchange. */
export async function recover(journal: Journal, genesis: Genesis): Promise<Recovered> {
  if (journal.head.sequence === 0) {
    await journal.append([encodeEntry({ kind: "genesis", ...genesis })]);
  }
  const recovered = await replay(journal);
  requireSame(recovered.state.genesis, genesis, journal.location);
  return recovered;
}

/** The state that a journal with at least its genesis leads to. Writes nothing. */
export async function replay(journal: JournalReader): Promise<Recovered> {
  const snapshot = await journal.latestSnapshot();
  let state: State | undefined;
  let history = new History();
  if (snapshot !== undefined) {
    ({ state, history } = decodeSaved(snapshot.bytes));
    const found = stateHash(state);
    if (found !== snapshot.stateHash) {
      throw new QuarterdeckError({
        code: "SnapshotMismatch",
        message: `The snapshot at record ${snapshot.sequence} says ${snapshot.stateHash} and leads to ${found}.`,
        mend: "It was written by another version: restore that version, or replay without it.",
      });
    }
  }
  const from = (snapshot?.sequence ?? 0) + 1;
  let replayed = 0;
  for await (const records of journal.read(from)) {
    for (const record of records) {
      const entry = decodeEntry(record.payload);
      if (state === undefined) state = begin(entry);
      else history.record(apply(state, entry).happenings);
      replayed += 1;
    }
  }
  if (state === undefined) {
    throw new QuarterdeckError({
      code: "EmptyJournal",
      message: `The journal at ${journal.location} has no record.`,
      mend: "Start the operator once, or name another storage folder.",
    });
  }
  return { state, history, replayed, snapshot: snapshot?.sequence ?? 0 };
}

/** State and history as the bytes of a journal snapshot. */
export function encodeSaved(state: State, history: History): Uint8Array {
  const lines: Uint8Array[] = [new TextEncoder().encode(history.encode())];
  for (const record of encodeSnapshot(state)) lines.push(record);
  const length = lines.reduce((sum, line) => sum + line.length + 1, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    // Records are JSON without line feeds.
    bytes[at + line.length] = LINE_FEED;
    at += line.length + 1;
  }
  return bytes;
}

const LINE_FEED = 10;

function decodeSaved(bytes: Uint8Array): { state: State; history: History } {
  const lines = linesOf(bytes);
  const first = lines.next();
  const history = History.decode(new TextDecoder().decode(first.value ?? new Uint8Array()));
  return { state: decodeSnapshot(lines), history };
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

function requireSame(found: Genesis, wanted: Genesis, location: string): void {
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
      mend: "Name the storage folder of this exchange, or an empty one.",
    });
  }
  if (JSON.stringify(terms(found)) === JSON.stringify(terms(wanted))) return;
  throw new QuarterdeckError({
    code: "WrongJournal",
    message: `The journal at ${location} began with other markets, confirmations or limits.`,
    mend: "Set them in the configuration as they were: they hold for the exchange's life.",
  });
}

function terms({ markets, confirmations, limits }: Genesis) {
  return {
    confirmations,
    limits: limits.ordersPerClientAndRound,
    markets: markets.map(({ base, quote, lot, tick }) => [base, quote, `${lot}`, `${tick}`]),
  };
}
