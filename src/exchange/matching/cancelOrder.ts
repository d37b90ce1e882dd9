import { lockedBy } from "../model/book.ts";
import type { CancelOrderEntry } from "../model/entries.ts";
import { unlock } from "../model/funds.ts";
import type { Outcome } from "../model/outcome.ts";
import { clientOf, clientRound, type State } from "../model/state.ts";
import { checkCancel } from "./checkOrder.ts";

/**
 * Takes an order out of the book, or out of the queue for the next round, at its owner's request.
 * Amounts already executed stay. A refused request changes nothing. Work grows with the queue only
 * for queued orders.
 */
export function cancelOrder(state: State, entry: CancelOrderEntry): Outcome {
  const refusal = checkCancel(state, entry);
  if (refusal !== undefined) return { refusal, events: [] };

  const { owner, round, id } = entry;
  const client = clientOf(state, owner);
  const record = clientRound(client, round).orders.get(id);
  if (record?.state === "open") {
    record.book.remove(record);
    unlock(state, client, record.order.sellToken, lockedBy(record));
  }
  if (record !== undefined) record.state = "cancelled";

  return { events: [{ what: "orderCancelled", reason: "owner", owner, round, id }] };
}
