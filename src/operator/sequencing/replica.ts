/**
 * State that follows a shared journal: what others appended is applied as it appears, so that this
 * operator is warm when it must take over.
 */

import { Alarm } from "../../base/errors.ts";
import { apply } from "../../exchange/apply.ts";
import { decodeEntry } from "../../exchange/model/entries.ts";
import type { Head, JournalReader, JournalRecord } from "../../journal/journal.ts";
import { applyInTurns, type Live } from "../replay/applyInTurns.ts";

export interface ReplicaOptions extends Live {
  /** The last record that `state` is made of. */
  readonly head: Head;
}

/** The last record of a state that was recovered up to `sequence`. */
export async function headAt(journal: JournalReader, sequence: number): Promise<Head> {
  for await (const records of journal.read(sequence, 1)) {
    for (const { hash } of records) return { sequence, hash };
  }
  throw JournalLost.wentBack(journal.location, sequence, sequence - 1);
}

export class Replica {
  readonly #options: ReplicaOptions;
  #head: Head;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#head = options.head;
  }

  /** The last record that was applied. */
  get head(): Head {
    return this.#head;
  }

  /** This operator's own sequencer has applied everything up to `head`. */
  moveTo(head: Head): void {
    this.#head = head;
  }

  /**
   * Applies what `journal` holds beyond. Throws `JournalDamaged`, `StorageFailure`, or an `Alarm`
   * when the journal has lost or changed what was applied here.
   */
  async catchUp(journal: JournalReader): Promise<void> {
    const { sequence } = await journal.refresh();
    if (sequence === this.#head.sequence) return this.#requireSame(journal.head.hash, sequence);
    if (sequence < this.#head.sequence)
      throw JournalLost.wentBack(journal.location, this.#head.sequence, sequence);
    // The last one again, so that what follows is known to follow it.
    for await (const records of journal.read(Math.max(1, this.#head.sequence))) {
      for (const record of records) {
        if (record.sequence === this.#head.sequence) {
          this.#requireSame(record.hash, record.sequence);
        } else await this.#take(record);
      }
    }
  }

  async #take(record: JournalRecord): Promise<void> {
    const { state, history, onApplied } = this.#options;
    const entry = decodeEntry(record.payload);
    if (entry.kind === "blocks") {
      await applyInTurns(this.#options, entry, record.sequence);
    } else {
      const outcome = apply(state, entry);
      history.record(record.sequence, outcome.events, state.timeMs);
      onApplied(entry, outcome);
    }
    this.#head = { sequence: record.sequence, hash: record.hash };
  }

  #requireSame(hash: string, sequence: number): void {
    if (hash === this.#head.hash) return;
    throw JournalLost.changed(sequence, this.#head.hash, hash);
  }
}

/** The shared journal does not hold what this operator has seen in it. */
export class JournalLost extends Alarm {
  override readonly name = "JournalLost";

  /** `file`: where it is written that it was seen, if not in memory. */
  static wentBack(location: string, seen: number, sequence: number, file?: string): JournalLost {
    const message = `${location} ends at record ${sequence}; this operator had seen ${seen}.`;
    return new JournalLost({ code: "JournalWentBack", message, hint: hintOf(file) });
  }

  static changed(sequence: number, seen: string, hash: string, file?: string): JournalLost {
    const message = `Record ${sequence} was ${seen} and is ${hash} now.`;
    return new JournalLost({ code: "JournalChanged", message, hint: hintOf(file) });
  }
}

function hintOf(file: string | undefined): string {
  const forget = file === undefined ? "" : ` Once they are lost for good, remove ${file}.`;
  return (
    "The database was set back, written to by hand, or is another: stop all operators, keep a " +
    `copy of it, and bring back the server that holds the records.${forget}`
  );
}
