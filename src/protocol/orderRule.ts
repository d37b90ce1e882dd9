/**
 * The rules for an order and for an execution of it (docs/protocol.md section 5). The contract
 * holds the operator to the same rules in proveExecutions. Each check gives the first fault that it
 * finds, as data, or undefined where there is none.
 */

import { ADDRESS_BYTES } from "../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../base/bytes.ts";
import { isHex } from "../base/hex.ts";
import type { Amount, Order } from "./units.ts";

/** A fault of an order by itself. */
export type OrderFault =
  | { readonly fault: "BadAddress"; readonly field: "owner" | "sellToken" | "buyToken" }
  | { readonly fault: "BadRound"; readonly round: number }
  | { readonly fault: "BadId"; readonly id: bigint }
  | {
      readonly fault: "AmountOutOfRange";
      readonly field: "sellAmount" | "buyAmount";
      readonly amount: Amount;
    }
  | { readonly fault: "SameToken" }
  | { readonly fault: "BadIntent" };

/** Cumulative amounts in base units: what left the owner and what arrived. */
export interface Executed {
  readonly sold: Amount;
  readonly bought: Amount;
}

/** A fault of executed amounts. */
export type ExecutionFault =
  | {
      readonly fault: "AmountOutOfRange";
      readonly field: "sold" | "bought";
      readonly amount: Amount;
    }
  | { readonly fault: "SoldTooMuch"; readonly sold: Amount; readonly limit: Amount }
  | { readonly fault: "BoughtTooMuch"; readonly bought: Amount; readonly limit: Amount }
  /** More given than the order allows for what arrived. */
  | { readonly fault: "PriceExceeded"; readonly sold: Amount; readonly bought: Amount }
  /** A cumulative amount went down. */
  | { readonly fault: "WentBack"; readonly from: Executed; readonly to: Executed };

/** The part of an order that bounds what it may execute. */
export type OrderBounds = Pick<Order, "intent" | "sellAmount" | "buyAmount">;

export const NOTHING_EXECUTED: Executed = { sold: 0n, bought: 0n };

/** Whether the order can be traded at all: fields in range, amounts above zero, two tokens. */
export function checkOrder(order: Order): OrderFault | undefined {
  for (const field of ["owner", "sellToken", "buyToken"] as const) {
    if (!isHex(order[field], ADDRESS_BYTES)) return { fault: "BadAddress", field };
  }
  const numbers = checkNumbers(order);
  if (numbers !== undefined) return numbers;
  if (order.sellToken.toLowerCase() === order.buyToken.toLowerCase()) return { fault: "SameToken" };
  if (order.intent !== "buyAll" && order.intent !== "sellAll") return { fault: "BadIntent" };
  return undefined;
}

/** The part of `checkOrder` that is left for an order of known addresses and a known intent. */
export function checkNumbers(order: Order): OrderFault | undefined {
  const { round, id, sellAmount, buyAmount } = order;
  if (!Number.isSafeInteger(round) || round < 0) return { fault: "BadRound", round };
  if (id < 0n || id > UINT64_MAX) return { fault: "BadId", id };
  if (sellAmount <= 0n || sellAmount > UINT128_MAX) {
    return { fault: "AmountOutOfRange", field: "sellAmount", amount: sellAmount };
  }
  if (buyAmount <= 0n || buyAmount > UINT128_MAX) {
    return { fault: "AmountOutOfRange", field: "buyAmount", amount: buyAmount };
  }
  return undefined;
}

/**
 * Whether the order (one that passes `checkOrder`) allows `sold` and `bought` in all:
 * sold * buyAmount <= sellAmount * bought, never beyond buyAmount under buyAll, nor beyond
 * sellAmount under sellAll. From the price and either bound follows sold <= sellAmount under both.
 */
export function checkExecution(
  order: OrderBounds,
  sold: Amount,
  bought: Amount,
): ExecutionFault | undefined {
  if (sold < 0n || sold > UINT128_MAX) {
    return { fault: "AmountOutOfRange", field: "sold", amount: sold };
  }
  if (bought < 0n || bought > UINT128_MAX) {
    return { fault: "AmountOutOfRange", field: "bought", amount: bought };
  }
  if (order.intent === "buyAll" && bought > order.buyAmount) {
    return { fault: "BoughtTooMuch", bought, limit: order.buyAmount };
  }
  if (order.intent === "sellAll" && sold > order.sellAmount) {
    return { fault: "SoldTooMuch", sold, limit: order.sellAmount };
  }
  if (!respectsPrice(order, sold, bought)) return { fault: "PriceExceeded", sold, bought };
  return undefined;
}

/**
 * Whether the order (one that passes `checkOrder`) may go from `from` to `to`: both amounts grow or
 * stay, what was added keeps the price by itself (a good early price pays for no bad late one), and
 * `to` is allowed in all.
 */
export function checkAdvance(
  order: OrderBounds,
  from: Executed,
  to: Executed,
): ExecutionFault | undefined {
  if (to.sold < from.sold || to.bought < from.bought) return { fault: "WentBack", from, to };
  const sold = to.sold - from.sold;
  const bought = to.bought - from.bought;
  if (!respectsPrice(order, sold, bought)) return { fault: "PriceExceeded", sold, bought };
  return checkExecution(order, to.sold, to.bought);
}

/** Whether the order has reached what it was placed for. */
export function isFilled(order: Order, executed: Executed): boolean {
  return order.intent === "buyAll"
    ? executed.bought >= order.buyAmount
    : executed.sold >= order.sellAmount;
}

function respectsPrice(order: OrderBounds, sold: Amount, bought: Amount): boolean {
  return sold * order.buyAmount <= order.sellAmount * bought;
}
