/**
 * Which of a journal's last records can be dropped without losing what was acknowledged. Blocks
 * that cannot be applied were never answered for, nor was what the same flush wrote with them: no
 * operator gets past them. Blocks that can be applied and lack logs can be read from the chain
 * again, as long as no order came and none was executed since.
 */
import { QuarterdeckError, reasonOf } from "../../base/errors.ts";
import { decodeEntry, type Entry } from "../../exchange/model/entries.ts";
import type { Head, JournalReader, JournalRecord } from "../../journal/journal.ts";
import { ReplayFailed, replayRecords } from "../replay/replay.ts";
import { MAX_BATCH } from "./sequencer.ts";

export interface RepairPlan {
  /** The journal's last record when it was read. */
  readonly head: Head;
  /** The first record that is dropped: all from it on are. */
  readonly from: number;
  /** Why it must be, as a sentence. */
  readonly because: string;
  readonly blocks: number;
  /** Orders and cancellations that were never answered for. */
  readonly unanswered: number;
}

/** Nothing can be dropped; says why, and what to do instead. */
export class RepairRefused extends QuarterdeckError {
  override readonly name = "RepairRefused";

  constructor(message: string, hint: string) {
    super({ code: "RepairRefused", message, hint });
  }
}

const KEEP = "Keep the journal as it is, and start the version that wrote it, or report this.";

/**
 * The records that a repair would drop: from the first record that cannot be applied on, or from
 * `wanted` on, which may lie before it. Changes nothing. Throws `RepairRefused` and what reading
 * throws.
 */
export async function planRepair(journal: JournalReader, wanted?: number): Promise<RepairPlan> {
  const head = await journal.refresh();
  const trades = new Set<number>();
  const broken = await findBroken(journal, trades);
  const from = wanted ?? broken?.sequence;
  if (from === undefined) {
    const hint = "To drop blocks that can be applied and lack logs, name the first with --from.";
    throw new RepairRefused(`${journal.location}: every record can be applied.`, hint);
  }
  const last = Math.min(head.sequence, (broken?.sequence ?? head.sequence + 1) - 1);
  if (from < 2 || from > head.sequence || from > last + 1) {
    const span = `2 to ${Math.min(head.sequence, last + 1)}`;
    throw new RepairRefused(`--from ${from}: no record that can be the first.`, `Name ${span}.`);
  }
  const traded = [...trades].find((sequence) => sequence >= from);
  if (traded !== undefined) throw acknowledged(traded, "orders were executed in it");
  let blocks = 0;
  let unanswered = 0;
  for await (const records of journal.read(from)) {
    for (const record of records) {
      const isBehind = broken !== undefined && record.sequence >= broken.sequence;
      if (isBehind) requireOneFlush(record, broken);
      const { kind } = entryOf(record);
      if (kind === "blocks") blocks += 1;
      // The writer's own word, to be given again.
      else if (kind === "keepAlive") continue;
      else if (isBehind) unanswered += 1;
      else throw acknowledged(record.sequence, "it is an order that was answered");
    }
  }
  const because = broken?.problem ?? "It was asked for: every record can be applied.";
  return { head, from, because, blocks, unanswered };
}

interface Broken {
  readonly sequence: number;
  readonly epoch: number;
  readonly problem: string;
}

/** The first record that cannot be applied; `trades` gets those before in which orders traded. */
async function findBroken(
  journal: JournalReader,
  trades: Set<number>,
): Promise<Broken | undefined> {
  try {
    await replayRecords(journal, undefined, (sequence, _, outcome) => {
      if (outcome?.events.some(({ what }) => what === "trade")) trades.add(sequence);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ReplayFailed)) throw error;
    for await (const records of journal.read(error.sequence, 1)) {
      for (const record of records) {
        if (entryOf(record).kind !== "blocks") {
          throw new RepairRefused(`Record ${record.sequence} is no blocks of the chain.`, KEEP);
        }
        return { sequence: record.sequence, epoch: record.epoch, problem: error.message };
      }
    }
    throw error;
  }
}

function entryOf({ sequence, payload }: JournalRecord): Entry {
  try {
    return decodeEntry(payload);
  } catch (error) {
    const problem = reasonOf(error);
    throw new RepairRefused(`Record ${sequence} is of no form known here: ${problem}.`, KEEP);
  }
}

/** The writer of a record that cannot be applied got no further than the flush that wrote it. */
function requireOneFlush({ sequence, epoch }: JournalRecord, broken: Broken): void {
  if (epoch === broken.epoch && sequence < broken.sequence + MAX_BATCH) return;
  throw new RepairRefused(
    `Record ${sequence} was written after record ${broken.sequence} was applied by somebody.`,
    KEEP,
  );
}

function acknowledged(sequence: number, why: string): RepairRefused {
  return new RepairRefused(
    `Record ${sequence} must stay: ${why}, and clients may hold the operator's word for it.`,
    "Drop nothing before it; where the exchange cannot go on, its clients recover from the chain.",
  );
}
