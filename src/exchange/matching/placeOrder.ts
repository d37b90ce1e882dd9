import { assert } from "../../base/errors.ts";
import { DEFAULT_TERMS, termsOf } from "../../protocol/trading/terms.ts";
import type { OrderRecord } from "../model/book.ts";
import type { PlaceOrderEntry } from "../model/entries.ts";
import { lock } from "../model/funds.ts";
import { countPlacement } from "../model/orderLimits.ts";
import type { ExchangeEvent, Outcome } from "../model/outcome.ts";
import { bookOf, clientOf, clientRound, type State } from "../model/state.ts";
import { checkOrder, checkSigner, toLots } from "./checkOrder.ts";
import { watchLastBlock } from "./endOrder.ts";
import { matchOrders } from "./matchOrders.ts";

type Placed = Pick<PlaceOrderEntry, "order" | "signature" | "terms">;

/**
 * Takes an order: of this round it is locked, matched, and rests with what is left; of the next
 * round it waits for that round to open. What its terms forbid is refused. A refused one changes
 * nothing. Work grows with the trades it makes.
 */
export function placeOrder(state: State, entry: PlaceOrderEntry): Outcome {
  const terms = termsOf(entry.terms);
  const refusal = checkOrder(state, entry.order, terms) ?? checkSigner(state, entry);
  if (refusal !== undefined) return { refusal, events: [] };

  const events: ExchangeEvent[] = [];
  takeOrder(state, entry, events);
  return { events };
}

/** Takes an order that passed its checks. */
export function takeOrder(state: State, placed: Placed, events: ExchangeEvent[]): void {
  const record = accept(state, placed);
  const { owner, round, id } = record.order;
  const client = clientOf(state, owner);
  const affairs = clientRound(client, round);
  affairs.orders.set(id, record);
  affairs.counted.set(id, record);
  countPlacement(state, client);
  watchLastBlock(state, record);
  if (round === state.moment.round) {
    enterOrder(state, record, events);
    return;
  }
  state.queue.push(record);
  events.push({ what: "orderQueued", owner, round, id });
}

/** Puts an order whose round is open and whose money is there to the market. */
export function enterOrder(state: State, record: OrderRecord, events: ExchangeEvent[]): void {
  const { owner, sellToken, sellAmount } = record.order;
  lock(state, clientOf(state, owner), sellToken, sellAmount);
  record.state = "open";
  matchOrders(state, record, events);
}

function accept(state: State, { order, signature, terms }: Placed): OrderRecord {
  const book = bookOf(state, order.sellToken, order.buyToken);
  const measured = book === undefined ? undefined : toLots(book.market, order);
  assert(book !== undefined && measured !== undefined, "an order without a market was taken.");
  state.arrivals++;
  return {
    order,
    signature,
    terms: terms === undefined ? DEFAULT_TERMS : termsOf(terms),
    arrivalSeq: state.arrivals,
    placedMs: state.timeMs,
    book,
    ...measured,
    filledLots: 0n,
    sold: 0n,
    bought: 0n,
    sequence: 0,
    state: "queued",
    reason: undefined,
    earlier: undefined,
    later: undefined,
  };
}
