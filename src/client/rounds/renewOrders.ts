/**
 * Orders live for one round. What was left of those that a round's end took out is signed anew for
 * the round that runs now, with the terms that it had, as often as it is called once each: the id
 * of a renewed order follows from the one before.
 */
import { bytesToHex, type Hex, hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import { FIRST_TERMS_ID, type OrderTerms } from "../../protocol/trading/terms.ts";
import type { Round } from "../../protocol/units.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import type { ExchangeClient } from "../client.ts";
import { findMarketOf, formatAmount, formatPrice } from "../orders.ts";
import type { OrderStatus } from "../types.ts";

const LOW_SHIFT = 16n;
const HIGH_BIT = 2n ** 63n;
/** The same in the 48 bits of ids with terms, whose clock stands above 2^44 since 2024. */
const TERMS_SHIFT = 19n;
const HIGH_TERMS_BIT = 2n ** 47n;

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
  const current = await client.fetchOrders(now);
  const watermark = (await client.evidence.statements(now)).at(-1)?.statement.watermark ?? 0n;
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
    const [low, high] = renewedIds(before.orderHash, terms !== undefined);
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
      ...(terms !== undefined && requestOf(terms)),
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
function renewedIds(orderHash: Hex, hasTerms: boolean): readonly [low: bigint, high: bigint] {
  const id = BigInt(bytesToHex(keccak256(hexToBytes(orderHash)).slice(0, 8)));
  if (!hasTerms) return [id >> LOW_SHIFT, id | HIGH_BIT];
  const inTerms = id >> TERMS_SHIFT;
  return [FIRST_TERMS_ID + (inTerms >> 1n), FIRST_TERMS_ID + HIGH_TERMS_BIT + inTerms];
}

function requestOf({ timeInForce, goodTillBlock, selfTrade, tag }: OrderTerms) {
  return {
    timeInForce,
    selfTrade,
    ...(goodTillBlock !== null && { goodTillBlock }),
    ...(tag !== null && { tag }),
  };
}
