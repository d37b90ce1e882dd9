import { assert, unreachable } from "../base/errors.ts";
import { followBlocks } from "./followBlocks.ts";
import { cancelOrder } from "./matching/cancelOrder.ts";
import { cancelAfter, cancelAll, keepAlive } from "./matching/commands.ts";
import { countersign } from "./matching/countersign.ts";
import { placeOrder } from "./matching/placeOrder.ts";
import { replaceOrder } from "./matching/replaceOrder.ts";
import type { BlocksEntry, Entry, GenesisEntry } from "./model/entries.ts";
import { finish, type Outcome, type Parts } from "./model/outcome.ts";
import { createState, type State } from "./model/state.ts";
import { forgetSome } from "./rounds/closeRound.ts";

/** Clients of whom each entry forgets rounds past: a million of them in a few blocks' orders. */
const FORGOTTEN_AN_ENTRY = 256;

/**
 * The machine: changes `state` by one entry and says what happened. The same entries give the same
 * states and outcomes, everywhere and always. A refused entry changes nothing. After an `Alarm`
 * the state is spoilt: drop it.
 */
export function apply(state: State, entry: Entry): Outcome {
  assert(entry.kind !== "genesis", "a genesis is in the middle of a journal.");
  if (entry.kind === "blocks") return finish(applyBlocks(state, entry));
  const before = state.timeMs;
  begun(state, entry);
  const outcome = step(state, entry);
  if (outcome.refusal !== undefined) state.timeMs = before;
  return outcome;
}

/**
 * The same for blocks, which are never refused, in parts: where many orders waited for a round, to
 * place them all takes longer than an event loop may stand still.
 */
export function* applyBlocks(state: State, entry: BlocksEntry): Parts<Outcome> {
  begun(state, entry);
  return yield* followBlocks(state, entry);
}

function begun(state: State, { timeMs = 0 }: Entry): void {
  forgetSome(state, FORGOTTEN_AN_ENTRY);
  // Never back, whatever a record says: it is shown, and no rule reads it.
  state.timeMs = Math.max(state.timeMs, timeMs);
}

function step(state: State, entry: Exclude<Entry, GenesisEntry | BlocksEntry>): Outcome {
  switch (entry.kind) {
    case "placeOrder":
      return placeOrder(state, entry);
    case "cancelOrder":
      return cancelOrder(state, entry);
    case "replaceOrder":
      return replaceOrder(state, entry);
    case "cancelAll":
      return cancelAll(state, entry);
    case "cancelAfter":
      return cancelAfter(state, entry);
    case "keepAlive":
      return keepAlive(state, entry);
    case "countersign":
      return countersign(state, entry);
    default:
      return unreachable(entry);
  }
}

/** The state after the first record of a journal, which must be a genesis. */
export function begin(first: Entry): State {
  assert(first.kind === "genesis", () => `a journal begins with ${first.kind}, not a genesis.`);
  const { kind: _, timeMs = 0, ...genesis } = first;
  const state = createState(genesis);
  state.timeMs = timeMs;
  return state;
}
