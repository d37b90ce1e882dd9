import { assert } from "../../base/errors.ts";
import type { CancelOrderEntry } from "../model/entries.ts";
import type { Outcome } from "../model/outcome.ts";
import type { State } from "../model/state.ts";
import { checkCancelOf } from "./checkOrder.ts";
import { cancel } from "./endOrder.ts";

/**
 * Takes an order out of the book, or out of the queue for the next round, at its owner's request.
 * Amounts already executed stay. A refused request changes nothing. Work grows with the queue only
 * for queued orders.
 */
export function cancelOrder(state: State, entry: CancelOrderEntry): Outcome {
  const record = state.clients.get(entry.owner)?.rounds.get(entry.round)?.orders.get(entry.id);
  const refusal = checkCancelOf(state, entry, record);
  if (refusal !== undefined) return { refusal, events: [] };

  assert(record !== undefined, "an order that is not known was cancelled.");
  return { events: [cancel(state, record, "owner", entry.id)] };
}
