import type { RefusalCode } from "../../protocol/refusals.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { checkFunds } from "../matching/checkOrder.ts";
import { checkBook } from "../matching/checkTerms.ts";
import { enterOrder } from "../matching/placeOrder.ts";
import { stopCounting } from "../model/orderLimits.ts";
import {
  type EndReason,
  type ExchangeEvent,
  ORDERS_OF_A_PART,
  type Parts,
} from "../model/outcome.ts";
import type { State } from "../model/state.ts";

/**
 * Begins the next round at its first block: the orders that waited for it are placed in the order
 * in which they came, each if its owner still has the money and its terms allow it. Work grows with
 * them, and may rest between them.
 */
export function* openRound(state: State, block: BlockNumber, events: ExchangeEvent[]): Parts {
  const round = state.moment.round + 1;
  state.moment = { block, round, quarter: 0 };
  events.push({ what: "quarterBegan", round, quarter: 0 });

  const queue = state.queue;
  state.queue = [];
  for (const [at, record] of queue.entries()) {
    if (at > 0 && at % ORDERS_OF_A_PART === 0) yield;
    if (record.state !== "queued") continue;
    const { owner, id, terms, book } = record;
    const refusal =
      checkFunds(state, record.account, record) ?? checkBook(record, terms, book, record);
    if (refusal === undefined) {
      for (const event of enterOrder(state, record)) events.push(event);
      continue;
    }
    record.state = "refused";
    stopCounting(record);
    record.reason = REASONS[refusal.code];
    events.push({ what: "orderRefused", owner, round, id, refusal });
  }
}

const REASONS: { readonly [Code in RefusalCode]?: EndReason } = {
  InsufficientFunds: "insufficientFunds",
  WouldTake: "wouldTake",
  NotFilled: "notFilled",
};
