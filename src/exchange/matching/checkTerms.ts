/** Whether an order's terms let it come to the market now. Pure. */
import { type Refusal, refuse } from "../../protocol/refusals.ts";
import { firstBlockOf } from "../../protocol/rounds.ts";
import type { OrderTerms } from "../../protocol/trading/terms.ts";
import type { Order } from "../../protocol/units.ts";
import { type Exact, sum } from "../model/exact.ts";
import type { InLots, OrderBook, OrderRecord } from "../model/orderRecord.ts";
import type { State } from "../model/state.ts";

/** The refusal `Expired` where the last block leaves the order no time. */
export function checkLastBlock(
  state: State,
  order: Order,
  { goodTillBlock }: OrderTerms,
): Refusal | undefined {
  if (goodTillBlock === null) return undefined;
  const block = Math.max(state.moment.block, firstBlockOf(state.genesis.schedule, order.round));
  if (goodTillBlock >= block) return undefined;
  return refuse("Expired", { goodTillBlock, block });
}

/**
 * Whether the order does what its terms want against the book as it is: a post-only one meets
 * nobody, its owner's own orders included, and a fill-or-kill one fills whole. `leaving` counts as
 * gone. Work grows with the orders that a fill-or-kill would execute.
 */
export function checkBook(
  order: Pick<Order, "owner">,
  terms: OrderTerms,
  book: OrderBook,
  measured: InLots,
  leaving?: OrderRecord,
): Refusal | undefined {
  if (terms.timeInForce === "postOnly") {
    for (const maker of book.matches(measured)) {
      if (maker !== leaving) return refuse("WouldTake", { price: BigInt(maker.price) });
    }
  }
  if (terms.timeInForce !== "fok") return undefined;
  const lots = lotsWithin(order, terms, book, measured, leaving);
  if (lots === measured.lots) return undefined;
  const { lot } = book.market;
  return refuse("NotFilled", {
    wanted: BigInt(measured.lots) * lot,
    available: BigInt(lots) * lot,
  });
}

/** Lots that the order would execute now, at most its own. */
function lotsWithin(
  { owner }: Pick<Order, "owner">,
  { selfTrade }: OrderTerms,
  book: OrderBook,
  measured: InLots,
  leaving: OrderRecord | undefined,
): Exact {
  let lots: Exact = 0;
  for (const maker of book.matches(measured)) {
    if (maker === leaving) continue;
    const isOwn = maker.owner === owner;
    // The order would end here; with cancelMaker it is the other one that goes.
    if (isOwn && selfTrade !== "cancelMaker") return lots;
    if (!isOwn) lots = sum(lots, maker.left);
    if (lots >= measured.lots) return measured.lots;
  }
  return lots;
}
