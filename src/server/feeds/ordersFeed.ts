/** Tells a client's orders, each as it is, with its signed fill. */
import type { OrderResponse } from "../../wire/schemas/order.ts";
import type { Feed, Update } from "./feed.ts";

/** Orders kept for who comes back. */
const KEPT_ORDERS = 256;

export class OrdersFeed implements Feed {
  readonly #current: () => Promise<readonly OrderResponse[]>;
  /** Everything after this record is kept; of this one, some may be missing. */
  #keptSince: number;
  #kept: OrderResponse[] = [];
  #waiting: OrderResponse[] = [];
  #sequence: number;

  /** `current`: the orders of the current round. `sequence`: the record at which this begins. */
  constructor(current: () => Promise<readonly OrderResponse[]>, sequence: number) {
    this.#current = current;
    this.#keptSince = sequence;
    this.#sequence = sequence;
  }

  /** To be told at the next flush. */
  push(order: OrderResponse): void {
    this.#waiting.push(order);
  }

  async first(after: number | undefined): Promise<Update | undefined> {
    const sequence = this.#sequence;
    if (after !== undefined && after > this.#keptSince && after <= sequence) {
      // Orders of one record may come in several messages: the last record's are told again.
      const data = this.#kept.filter(({ asOf }) => asOf >= after);
      return data.length === 0 ? undefined : { type: "update", sequence, previous: after, data };
    }
    return { type: "snapshot", sequence, previous: null, data: await this.#current() };
  }

  next(): Update | undefined {
    if (this.#waiting.length === 0) return undefined;
    const data = this.#waiting;
    const previous = this.#sequence;
    this.#waiting = [];
    this.#sequence = Math.max(previous, ...data.map(({ asOf }) => asOf));
    this.#kept.push(...data);
    if (this.#kept.length > 2 * KEPT_ORDERS) {
      const dropped = this.#kept.splice(0, this.#kept.length - KEPT_ORDERS);
      this.#keptSince = Math.max(this.#keptSince, ...dropped.map(({ asOf }) => asOf));
    }
    return { type: "update", sequence: this.#sequence, previous, data };
  }
}
