/** The effects of time on orders: those past their last block end, and dead-man switches fire. */
import type { Amount, BlockNumber } from "../../protocol/units.ts";
import type { OrderRecord } from "../model/orderRecord.ts";
import type { ExchangeEvent, Parts } from "../model/outcome.ts";
import { liveOrders, type State } from "../model/state.ts";
import { fireSwitches, silentClients } from "./commands.ts";
import { endDueOrders } from "./endOrder.ts";

/** The exchange's clock comes to `block`, of which nothing else has happened yet. */
export function* passTime(state: State, block: BlockNumber, events: ExchangeEvent[]): Parts {
  yield* endDueOrders(state, block, events);
  yield* fireSwitches(state, block, events);
}

/** The amounts that `passTime` would free, order by order. */
export function fundsFreedBy(
  state: State,
  block: BlockNumber,
): { readonly record: OrderRecord; readonly amount: Amount }[] {
  const { round } = state.moment;
  const silent = silentClients(state, block).flatMap((client) => liveOrders(client, round));
  return [...new Set([...state.due.before(block), ...silent])]
    .filter((record) => record.state === "open")
    .map((record) => ({ record, amount: record.locked }));
}
