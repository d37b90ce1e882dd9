import { assert } from "../../base/errors.ts";
import type { OrderRecord } from "../model/book.ts";
import type { PlaceOrderEntry } from "../model/entries.ts";
import { lock } from "../model/funds.ts";
import type { ExchangeEvent, Outcome } from "../model/outcome.ts";
import { bookOf, clientOf, clientRound, type State } from "../model/state.ts";
import { checkOrder, checkSigner, toLots } from "./checkOrder.ts";
import { matchOrders } from "./matchOrders.ts";

/**
 * Takes an order: of this round it is locked, matched, and rests with what is left; of the next
 * round it waits for that round to open. A refused one changes nothing. Work grows with the
 * trades it makes.
 */
export function placeOrder(state: State, entry: PlaceOrderEntry): Outcome {
  const refusal = checkOrder(state, entry.order) ?? checkSigner(state, entry);
  if (refusal !== undefined) return { refusal, events: [] };

  const events: ExchangeEvent[] = [];
  const record = accept(state, entry);
  const { owner, round, id } = record.order;
  clientRound(clientOf(state, owner), round).orders.set(id, record);
  if (round === state.moment.round) {
    enterOrder(state, record, events);
  } else {
    state.queue.push(record);
    events.push({ what: "orderQueued", owner, round, id });
  }
  return { events };
}

/** Puts an order whose round is open and whose money is there to the market. */
export function enterOrder(state: State, record: OrderRecord, events: ExchangeEvent[]): void {
  const { owner, sellToken, sellAmount } = record.order;
  lock(state, clientOf(state, owner), sellToken, sellAmount);
  record.state = "open";
  matchOrders(state, record, events);
}

function accept(state: State, { order, signature }: PlaceOrderEntry): OrderRecord {
  const book = bookOf(state, order.sellToken, order.buyToken);
  const measured = book === undefined ? undefined : toLots(book.market, order);
  assert(book !== undefined && measured !== undefined, "an order without a market was taken.");
  state.arrivals++;
  return {
    order,
    signature,
    arrivalSeq: state.arrivals,
    book,
    ...measured,
    filledLots: 0n,
    sold: 0n,
    bought: 0n,
    sequence: 0,
    state: "queued",
    earlier: undefined,
    later: undefined,
  };
}
