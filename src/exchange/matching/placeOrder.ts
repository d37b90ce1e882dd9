import { assert } from "../../base/errors.ts";
import { DEFAULT_TERMS, termsOf } from "../../protocol/trading/terms.ts";
import type { Order } from "../../protocol/units.ts";
import type { Book, OrderRecord } from "../model/book.ts";
import type { PlaceOrderEntry } from "../model/entries.ts";
import { lock } from "../model/funds.ts";
import { countPlacement } from "../model/orderLimits.ts";
import type { ExchangeEvent, Outcome, Side } from "../model/outcome.ts";
import { type Client, clientOf, clientRound, type State } from "../model/state.ts";
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

  const events: ExchangeEvent[] = [];
  takeOrder(state, entry, parts, events);
  return { events };
}

/** Takes an order that passed its checks. */
export function takeOrder(
  state: State,
  placed: Placed,
  parts: Parts,
  events: ExchangeEvent[],
): void {
  const { client, affairs: known } = parts;
  assert(client !== undefined, "an order of no client was taken.");
  const record = accept(state, placed, parts, client);
  const { owner, round, id } = record.order;
  const affairs = known ?? clientRound(client, round);
  affairs.orders.add(record);
  affairs.counted.add(record);
  countPlacement(state, client);
  watchLastBlock(state, record);
  if (round === state.moment.round) {
    enterOrder(state, record, events, client);
    return;
  }
  state.queue.push(record);
  events.push({ what: "orderQueued", owner, round, id });
}

/** Puts an order whose round is open and whose money is there to the market. */
export function enterOrder(
  state: State,
  record: OrderRecord,
  events: ExchangeEvent[],
  client: Client = clientOf(state, record.order.owner),
): void {
  lock(state, client, record.order.sellToken, record.order.sellAmount);
  record.state = "open";
  matchOrders(state, record, events);
}

function accept(
  state: State,
  { order, signature, terms }: Placed,
  { book, measured }: Parts,
  client: Client,
): OrderRecord {
  assert(book !== undefined && measured !== undefined, "an order without a market was taken.");
  const { side, lots, price } = measured;
  shareAddresses(order, client, book, side);
  state.arrivals++;
  return {
    order,
    signature,
    terms: terms === undefined ? DEFAULT_TERMS : termsOf(terms),
    arrivalSeq: state.arrivals,
    placedMs: state.timeMs,
    book,
    side,
    price,
    lots,
    filledLots: 0n,
    sold: 0n,
    bought: 0n,
    sequence: 0,
    state: "queued",
    reason: undefined,
    earlier: undefined,
    later: undefined,
    level: undefined,
    countedBefore: undefined,
    countedAfter: undefined,
  };
}

/**
 * Gives an order the copies of its addresses that the state has already, which say the same: its
 * own would stay in memory with it, and be compared letter by letter wherever they are looked up.
 */
function shareAddresses(order: Order, client: Client, { market }: Book, side: Side): void {
  const { base, quote } = market;
  const shared: { -readonly [K in keyof Order]: Order[K] } = order;
  shared.owner = client.address;
  shared.sellToken = side === "bid" ? quote : base;
  shared.buyToken = side === "bid" ? base : quote;
}
