import type { CancelOrderEntry } from "../model/entries.ts";
import type { ExchangeEvent, Outcome } from "../model/outcome.ts";
import { orderOf, type State } from "../model/state.ts";
import { checkCancel } from "./checkOrder.ts";
import { cancel } from "./endOrder.ts";

/**
 * Takes an order out of the book, or out of the queue for the next round, at its owner's request.
 * Amounts already executed stay. A refused request changes nothing. Work grows with the queue only
 * for queued orders.
 */
export function cancelOrder(state: State, entry: CancelOrderEntry): Outcome {
  const refusal = checkCancel(state, entry);
  if (refusal !== undefined) return { refusal, events: [] };

  const { owner, round, id } = entry;
  const events: ExchangeEvent[] = [];
  cancel(state, orderOf(state, { owner, round, id }), "owner", events);
  return { events };
}
