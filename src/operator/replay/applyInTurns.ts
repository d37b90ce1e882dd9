/**
 * Applies a record of the journal to the state of a running operator, and tells what it did. Blocks
 * may do much at once, such as to place all orders that waited for a round: then the event loop
 * turns in between, so that no lease, timer or answer waits for all of it.
 */
import { setImmediate } from "node:timers/promises";
import { applyBlocks } from "../../exchange/apply.ts";
import type { BlocksEntry, Entry } from "../../exchange/model/entries.ts";
import type { Outcome, Parts } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import type { History } from "./history.ts";

/** The state of a running operator, and who is told what its records did. */
export interface Live {
  readonly state: State;
  readonly history: History;
  /**
   * Called for each entry once it is durable and applied, with what it did; for blocks that did
   * much several times, each with a part of the events.
   */
  readonly onApplied: (entry: Entry, outcome: Outcome) => void;
}

/** Events that are told between two turns of the event loop. */
const EVENTS_AT_ONCE = 512;

/**
 * Takes blocks, which are durable as the record `sequence`; at once where they do little. Until it
 * resolves nothing else may change the state, and readers wait (`History.whenWhole`). Throws or
 * rejects with the machine's `Alarm`.
 */
export function applyInTurns(
  live: Live,
  entry: BlocksEntry,
  sequence: number,
): Outcome | Promise<Outcome> {
  const parts = applyBlocks(live.state, entry);
  const first = parts.next();
  if (!first.done || first.value.events.length > EVENTS_AT_ONCE) {
    return goOn(live, entry, sequence, { parts, first });
  }
  live.history.record(sequence, first.value.events, live.state.timeMs);
  live.onApplied(entry, first.value);
  return first.value;
}

interface Begun {
  readonly parts: Parts<Outcome>;
  /** The result of the first of them. */
  readonly first: IteratorResult<void, Outcome>;
}

async function goOn(
  live: Live,
  entry: BlocksEntry,
  sequence: number,
  { parts, first }: Begun,
): Promise<Outcome> {
  // Where this fails the process ends, and tells nobody anything of a state that is half applied.
  const end = live.history.beginParts();
  let step = first;
  while (!step.done) {
    await setImmediate();
    step = parts.next();
  }
  await tell(live, entry, sequence, step.value);
  end();
  return step.value;
}

/** Once all is applied: what anybody is told is the state after the record. */
async function tell(
  { state, history, onApplied }: Live,
  entry: BlocksEntry,
  sequence: number,
  outcome: Outcome,
): Promise<void> {
  const { events, expired } = outcome;
  for (let from = 0; ; from += EVENTS_AT_ONCE) {
    const part = events.slice(from, from + EVENTS_AT_ONCE);
    const isLast = from + EVENTS_AT_ONCE >= events.length;
    history.record(sequence, part, state.timeMs, from);
    onApplied(
      entry,
      isLast && expired !== undefined ? { events: part, expired } : { events: part },
    );
    if (isLast) return;
    await setImmediate();
  }
}
