/**
 * One client's orders of one round. Ids are 64 bits, and small ones are the rule: as numbers they
 * are found many times faster than as bigints, and a number up to 2^53 is the id exactly.
 */

import { type Exact, exact } from "./exact.ts";
import type { OrderRecord } from "./orderRecord.ts";

/** By id, in the order in which they were added. */
export class OrdersById {
  readonly #records = new Map<Exact, OrderRecord>();
  /** The highest id: clients count upwards, and an id beyond it is new without a look. */
  #highest: Exact = -1;

  get size(): number {
    return this.#records.size;
  }

  get(id: bigint): OrderRecord | undefined {
    return this.#records.get(exact(id));
  }

  has(id: bigint): boolean {
    const key = exact(id);
    return key <= this.#highest && this.#records.has(key);
  }

  /** Takes an order whose id is new. */
  add(record: OrderRecord): void {
    const key = exact(record.id);
    this.#records.set(key, record);
    if (key > this.#highest) this.#highest = key;
  }

  values(): IterableIterator<OrderRecord> {
    return this.#records.values();
  }
}

/** Orders that count towards the limit (see orderLimits.ts), in the order of being added. */
export class CountedOrders {
  #first: OrderRecord | undefined;
  #last: OrderRecord | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** An order is in one such list at most, once. */
  add(record: OrderRecord): void {
    record.countedBefore = this.#last;
    if (this.#last === undefined) this.#first = record;
    else this.#last.countedAfter = record;
    this.#last = record;
    this.#size++;
  }

  /** Nothing where it is not in the list. */
  delete(record: OrderRecord): void {
    const { countedBefore: before, countedAfter: after } = record;
    if (before === undefined && this.#first !== record) return;
    if (before === undefined) this.#first = after;
    else before.countedAfter = after;
    if (after === undefined) this.#last = before;
    else after.countedBefore = before;
    record.countedBefore = undefined;
    record.countedAfter = undefined;
    this.#size--;
  }

  /** The one just given may be deleted meanwhile. */
  *values(): Generator<OrderRecord> {
    for (let record = this.#first; record !== undefined; ) {
      const next: OrderRecord | undefined = record.countedAfter;
      yield record;
      record = next;
    }
  }
}
