/**
 * Orders live for one round. What was left of those that a round's end took out is signed anew for
 * the round that runs now, as often as it is called once each: the id of a renewed order follows
 * from the one before.
 */

import { bytesToHex, type Hex, hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import type { Order, Round } from "../../protocol/units.ts";
import type { ExchangeClient } from "../client.ts";
import { findMarketOf, formatAmount, formatPrice } from "../orders.ts";
import type { OrderStatus } from "../types.ts";

const LOW_SHIFT = 16n;
const HIGH_BIT = 2n ** 63n;

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
  const kept = new Map<string, Order>();
  for (const { orderHash, signed } of await client.evidence.orders(now - 1)) {
    kept.set(orderHash, signed.order);
  }
  const current = await client.fetchOrders(now);
  const watermark = (await client.evidence.statements(now)).at(-1)?.statement.watermark ?? 0n;
  const done: RenewedOrder[] = [];
  for (const before of await client.fetchOrders(now - 1)) {
    const order = kept.get(before.orderHash);
    // Another device's is renewed there.
    if (before.state !== "expired" || order === undefined) continue;
    const { market, side } = findMarketOf(exchange, order);
    const isBuy = side === "buy";
    const whole = isBuy ? order.buyAmount : order.sellAmount;
    const left = whole - (isBuy ? before.bought : before.sold);
    if (left < market.lot) {
      done.push({ before, renewed: undefined });
      continue;
    }
    const [low, high] = renewedIds(before.orderHash);
    const there = current.find(({ id }) => id === low || id === high);
    if (there !== undefined) {
      done.push({ before, renewed: there });
      continue;
    }
    const quote = isBuy ? order.sellAmount : order.buyAmount;
    const renewed = await client.createOrder({
      market: market.name,
      side,
      price: formatPrice(exchange, market, (quote * market.lot) / whole),
      amount: formatAmount(exchange, market.base, left - (left % market.lot)),
      round: now,
      id: low < watermark ? high : low,
    });
    done.push({ before, renewed });
  }
  return done;
}

/**
 * Ids of the renewed order, of the hash of the hash: nobody else's, and the same at each call. The
 * first is below all ids that the library gives otherwise; the second above them, for a round in
 * which a statement has closed the first (docs/protocol.md section 10).
 */
function renewedIds(orderHash: Hex): readonly [low: bigint, high: bigint] {
  const id = BigInt(bytesToHex(keccak256(hexToBytes(orderHash)).slice(0, 8)));
  return [id >> LOW_SHIFT, id | HIGH_BIT];
}
