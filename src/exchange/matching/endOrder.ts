import { lastBlockOf } from "../../protocol/rounds.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { unlock } from "../model/funds.ts";
import { stopCounting } from "../model/orderLimits.ts";
import type { OrderRecord } from "../model/orderRecord.ts";
import {
  type CancelReason,
  type ExchangeEvent,
  ORDERS_OF_A_PART,
  type Parts,
} from "../model/outcome.ts";
import type { State } from "../model/state.ts";

/** Cancels an order that rests in its book or waits for its round. What it executed stays. */
export function cancel(
  state: State,
  record: OrderRecord,
  reason: CancelReason,
  id = record.id,
): ExchangeEvent {
  takeOut(state, record);
  return markCancelled(record, reason, id);
}

/** Cancels an order that is being matched, and so is in no book. */
export function cancelTaker(
  state: State,
  record: OrderRecord,
  reason: CancelReason,
): ExchangeEvent {
  release(state, record);
  return markCancelled(record, reason, record.id);
}

/**
 * Ends what is due by itself before the exchange's clock comes to `block`: orders past their own
 * last block. Before anything else of `block` happens. Work grows with them, and may rest between
 * them.
 */
export function* endDueOrders(state: State, block: BlockNumber, events: ExchangeEvent[]): Parts {
  for (const [at, record] of state.due.take(block).entries()) {
    if (at > 0 && at % ORDERS_OF_A_PART === 0) yield;
    const { owner, round, id } = record;
    takeOut(state, record);
    record.state = "expired";
    record.reason = "goodTillBlock";
    stopCounting(record);
    events.push({ what: "orderExpired", reason: "goodTillBlock", owner, round, id });
  }
}

/** Remembers when an order that was taken ends by itself, where that is before its round does. */
export function watchLastBlock(state: State, record: OrderRecord): void {
  const { goodTillBlock } = record.terms;
  if (goodTillBlock === null) return;
  const last = lastBlockOf(state.genesis.schedule, record.round);
  if (goodTillBlock < last) state.due.add(goodTillBlock, record);
}

function takeOut(state: State, record: OrderRecord): void {
  if (record.state !== "open") return;
  record.book.remove(record);
  release(state, record);
}

function release(state: State, record: OrderRecord): void {
  unlock(state, record.account, record.sellToken, record.locked);
  record.locked = 0n;
}

function markCancelled(record: OrderRecord, reason: CancelReason, id: bigint): ExchangeEvent {
  record.state = "cancelled";
  record.reason = reason;
  const { owner, round } = record;
  stopCounting(record);
  return { what: "orderCancelled", reason, owner, round, id };
}
