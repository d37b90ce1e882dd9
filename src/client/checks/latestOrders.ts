/**
 * The newest reported state of each order, from any operator. Answers and events overtake each
 * other, and an operator that trails reports what others reported before: a state older than the
 * known one is no news. These are statements of operators, and no evidence (evidence.ts).
 */
import type { Hex } from "../../base/hex.ts";
import type { Round } from "../../protocol/units.ts";
import type { OrderResponse } from "../../wire/schemas/order.ts";

/** Rounds before the newest of which orders are remembered: operators show no older ones. */
const KEPT_ROUNDS = 2;

export class LatestOrders {
  readonly #byHash = new Map<Hex, OrderResponse>();
  #newestRound: Round = 0;

  /** Undefined for an order of which nothing was reported, or long ago. */
  of(orderHash: Hex): OrderResponse | undefined {
    return this.#byHash.get(orderHash);
  }

  /** Takes in a reported state; the newest known state of the order then, `told` or another. */
  take(told: OrderResponse): OrderResponse {
    const known = this.#byHash.get(told.orderHash);
    if (known !== undefined && known.asOf >= told.asOf) return known;
    this.#byHash.set(told.orderHash, told);
    if (told.round > this.#newestRound) this.#forget(told.round);
    return told;
  }

  #forget(newestRound: Round): void {
    this.#newestRound = newestRound;
    for (const [hash, { round }] of this.#byHash) {
      if (round < newestRound - KEPT_ROUNDS) this.#byHash.delete(hash);
    }
  }
}
