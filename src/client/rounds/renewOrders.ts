/**
 * Orders live for one round. What was left of those that a round's end took out is signed anew for
 * the round that runs now, with the terms that it had, as often as it is called once each: the id
 * of a renewed order follows from the one before.
 */
import { bytesToHex, hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import { FIRST_TERMS_ID, type OrderTerms } from "../../protocol/trading/terms.ts";
import type { Round } from "../../protocol/units.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import type { ExchangeClient } from "../client.ts";
import { findMarketOf, formatAmount, formatPrice } from "../orders.ts";
import type { OrderStatus } from "../types.ts";

/** The outcome for an order of the round before. */
export interface RenewedOrder {
  readonly before: OrderStatus;
  /** Undefined where nothing is left of it that a lot fits in. */
  readonly renewed: OrderStatus | undefined;
}

/**
 * Renews the orders of the round before `round` (default: the current one) that the round's end
 * took out; cancelled and filled ones stay as they are. Throws as `createOrder` does; the call may
 * be repeated.
 */
export async function renewOrders(client: ExchangeClient, round?: Round): Promise<RenewedOrder[]> {
  const { exchange } = client;
  const now = round ?? (await client.reader.clock()).round;
  if (now === 0) return [];
  const kept = new Map<string, Placement>();
  for (const { orderHash, signed } of await client.evidence.orders(now - 1)) {
    kept.set(orderHash, signed);
  }
  const done: RenewedOrder[] = [];
  for (const before of await client.fetchOrders(now - 1)) {
    const signed = kept.get(before.orderHash);
    // Another device's is renewed there; one that was good till a block has seen it.
    const isOver = before.state !== "expired" || before.reason === "goodTillBlock";
    if (isOver || signed === undefined) continue;
    const { order, terms } = signed;
    const { market, side } = findMarketOf(exchange, order);
    const isBuy = side === "buy";
    const whole = isBuy ? order.buyAmount : order.sellAmount;
    const left = whole - (isBuy ? before.bought : before.sold);
    if (left < market.lot) {
      done.push({ before, renewed: undefined });
      continue;
    }
    const quote = isBuy ? order.sellAmount : order.buyAmount;
    const renewed = await client.createOrder({
      market: market.name,
      side,
      price: formatPrice(exchange, market, (quote * market.lot) / whole),
      amount: formatAmount(exchange, market.base, left - (left % market.lot)),
      round: now,
      id: renewedId(before.orderHash as `0x${string}`, terms !== undefined),
      ...(terms !== undefined && requestOf(terms)),
    });
    done.push({ before, renewed });
  }
  return done;
}

/** From the hash of the hash: nobody else's, the same at each call, of the range of its terms. */
function renewedId(orderHash: `0x${string}`, hasTerms: boolean): bigint {
  const hash = keccak256(hexToBytes(orderHash));
  const part = (length: number) => BigInt(bytesToHex(hash.slice(0, length)));
  return hasTerms ? FIRST_TERMS_ID + part(6) : part(8);
}

function requestOf({ timeInForce, goodTillBlock, selfTrade, tag }: OrderTerms) {
  return {
    timeInForce,
    selfTrade,
    ...(goodTillBlock !== null && { goodTillBlock }),
    ...(tag !== null && { tag }),
  };
}
