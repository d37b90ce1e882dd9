import { assert } from "../../base/errors.ts";
import { DEFAULT_TERMS, termsOf } from "../../protocol/trading/terms.ts";
import type { PlaceOrderEntry } from "../model/entries.ts";
import { lock } from "../model/funds.ts";
import { countPlacement } from "../model/orderLimits.ts";
import { OrderRecord } from "../model/orderRecord.ts";
import type { ExchangeEvent, Outcome } from "../model/outcome.ts";
import { type Client, type ClientRound, clientRound, type State } from "../model/state.ts";
import { checkParts, checkSigner, type Parts, partsOf } from "./checkOrder.ts";
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
  const parts = partsOf(state, entry.order);
  const refusal = checkParts(state, entry.order, parts, terms) ?? checkSigner(state, entry);
  if (refusal !== undefined) return { refusal, events: [] };

  return { events: takeOrder(state, entry, parts) };
}

/** Takes an order that passed its checks. */
export function takeOrder(state: State, placed: Placed, parts: Parts): ExchangeEvent[] {
  const { client, affairs: known } = parts;
  assert(client !== undefined, "an order of no client was taken.");
  const affairs = known ?? clientRound(client, placed.order.round);
  const record = accept(state, placed, parts, client, affairs);
  const { owner, round, id, sellAmount } = placed.order;
  affairs.orders.add(record);
  affairs.counted.add(record);
  countPlacement(state, client);
  watchLastBlock(state, record);
  if (round === state.moment.round) return enterOrder(state, record, sellAmount, id);
  state.queue.push(record);
  return [{ what: "orderQueued", owner, round, id }];
}

/** Puts an order whose round is open and whose money is there to the market. */
export function enterOrder(
  state: State,
  record: OrderRecord,
  sellAmount = record.sellAmount,
  id = record.id,
): ExchangeEvent[] {
  lock(state, record.account, record.sellToken, sellAmount);
  record.locked = sellAmount;
  record.state = "open";
  return matchOrders(state, record, id);
}

function accept(
  state: State,
  { order, signature, terms }: Placed,
  { book, measured }: Parts,
  account: Client,
  { counted }: ClientRound,
): OrderRecord {
  assert(book !== undefined && measured !== undefined, "an order without a market was taken.");
  state.arrivals++;
  return new OrderRecord({
    account,
    counted,
    order,
    signature,
    terms: terms === undefined ? DEFAULT_TERMS : termsOf(terms),
    book,
    measured,
    arrivalSeq: state.arrivals,
    placedMs: state.timeMs,
  });
}
