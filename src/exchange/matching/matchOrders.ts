import { assert } from "../../base/errors.ts";
import { checkExecution } from "../../protocol/orderRule.ts";
import type { Amount } from "../../protocol/units.ts";
import { type Exact, sum } from "../model/exact.ts";
import { credit, spendLocked } from "../model/funds.ts";
import type { OrderRecord } from "../model/orderRecord.ts";
import type { ExchangeEvent, Trade } from "../model/outcome.ts";
import type { State } from "../model/state.ts";
import { cancel, cancelTaker } from "./endOrder.ts";

/**
 * Executes an order that just came, its money locked, against those that rest: best price first,
 * earlier first, at the price of the one that rests. n lots at price p move exactly n * lot of
 * base and n * p of quote. Where it meets one of its own owner, its terms say which of the two is
 * cancelled; what is left in the end rests, or is cancelled if it is immediate or cancel. Work
 * grows with the trades.
 */
export function matchOrders(state: State, taker: OrderRecord, id = taker.id): ExchangeEvent[] {
  const events: ExchangeEvent[] = [];
  const end = matchAll(state, taker, id, events);
  // The commonest: a list that began empty would take room for many.
  if (events.length === 0) return [end];
  events.push(end);
  return events;
}

/** Gives what became of the order in the end; `events` takes what happened before. */
function matchAll(
  state: State,
  taker: OrderRecord,
  id: bigint,
  events: ExchangeEvent[],
): ExchangeEvent {
  while (taker.filledLots < taker.lots) {
    const maker = taker.book.bestMatch(taker);
    if (maker === undefined) return restOrCancel(state, taker, id);
    if (maker.account === taker.account) {
      const { selfTrade } = taker.terms;
      if (selfTrade !== "cancelTaker") events.push(cancel(state, maker, "selfTrade"));
      if (selfTrade === "cancelMaker") continue;
      return cancelTaker(state, taker, "selfTrade");
    }
    events.push({ what: "trade", trade: execute(state, maker, taker) });
    if (maker.filledLots === maker.lots) {
      maker.book.remove(maker);
      events.push(finish(maker, maker.id));
    }
  }
  return finish(taker, id);
}

function restOrCancel(state: State, taker: OrderRecord, id: bigint): ExchangeEvent {
  const { timeInForce } = taker.terms;
  assert(timeInForce !== "fok", "a fill-or-kill order that does not fill was taken.");
  if (timeInForce === "ioc") return cancelTaker(state, taker, "ioc");
  taker.book.add(taker);
  const { owner, round } = taker;
  return { what: "orderRested", remaining: taker.locked, owner, round, id };
}

function execute(state: State, maker: OrderRecord, taker: OrderRecord): Trade {
  const { market } = taker.book;
  const lots = min(maker.left, taker.left);
  const price = BigInt(maker.price);
  const baseAmount = BigInt(lots) * market.lot;
  const quoteAmount = BigInt(lots) * price;
  const [bid, ask] = taker.side === "bid" ? [taker, maker] : [maker, taker];

  state.trades++;
  maker.book.reduce(maker, lots);
  settle(state, bid, lots, quoteAmount, baseAmount);
  settle(state, ask, lots, baseAmount, quoteAmount);

  return {
    sequence: BigInt(state.trades),
    base: market.base,
    quote: market.quote,
    price,
    lots: BigInt(lots),
    baseAmount,
    quoteAmount,
    takerSide: taker.side,
    maker: maker.ref,
    taker: taker.ref,
    round: taker.round,
    block: state.moment.block,
    timeMs: state.timeMs,
  };
}

/** Books `lots` of one order; what its limit allowed beyond the price is free again. */
function settle(
  state: State,
  record: OrderRecord,
  lots: Exact,
  sold: Amount,
  bought: Amount,
): void {
  const { account } = record;
  const released = record.soldFor(lots);
  record.locked -= released;
  record.filledLots = sum(record.filledLots, lots);
  record.sold += sold;
  record.bought += bought;
  record.sequence = state.trades;
  const fault = checkExecution(record, record.sold, record.bought);
  assert(fault === undefined, () => `order ${record.id} executed beyond it: ${fault?.fault}.`);

  spendLocked(state, account, record.sellToken, sold, released);
  credit(state, account, record.buyToken, bought);
}

function finish(record: OrderRecord, id: bigint): ExchangeEvent {
  record.state = "filled";
  const { owner, round } = record;
  return { what: "orderFilled", owner, round, id };
}

function min(a: Exact, b: Exact): Exact {
  return a < b ? a : b;
}
