import type { Refusal } from "../../protocol/refusals.ts";
import { termsOf } from "../../protocol/trading/terms.ts";
import type { ReplaceOrderEntry } from "../model/entries.ts";
import type { Outcome } from "../model/outcome.ts";
import { orderOf, type State } from "../model/state.ts";
import { checkCancel, checkParts, checkSigner, type Parts, partsOf } from "./checkOrder.ts";
import { cancel } from "./endOrder.ts";
import { takeOrder } from "./placeOrder.ts";

/**
 * Takes an order out and another of the same owner in, with nothing traded in between: both or
 * neither. The new one may use what the old one locks, and does not meet it. Work grows as that of
 * `placeOrder`.
 */
export function replaceOrder(state: State, entry: ReplaceOrderEntry): Outcome {
  const parts = partsOf(state, entry.order);
  const refusal = checkReplace(state, entry, parts) ?? checkSigner(state, entry);
  if (refusal !== undefined) return { refusal, events: [] };

  const cancelled = cancel(state, orderOf(state, entry.cancel), "replaced");
  return { events: [cancelled, ...takeOrder(state, entry, parts)] };
}

/** Why the exchange would refuse it now, signatures aside; undefined if it would take it. */
export function checkReplace(
  state: State,
  { cancel: old, order, terms }: ReplaceOrderEntry,
  parts: Parts = partsOf(state, order),
): Refusal | undefined {
  const refusal = checkCancel(state, old);
  if (refusal !== undefined) return refusal;
  return checkParts(state, order, parts, termsOf(terms), orderOf(state, old));
}
