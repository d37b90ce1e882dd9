/**
 * One client's orders of one round. Clients count ids upwards, so that their orders come in the
 * order of ids: no hash table is needed then, whose growth would cost more than all else here.
 */

import { type Exact, exact } from "./exact.ts";
import type { OrderRecord } from "./orderRecord.ts";

/** By id, in the order in which they were added. */
export class OrdersById {
  /** Of each its id and itself: who finds the id has the order beside it. */
  readonly #kept: (Exact | OrderRecord)[] = [];
  /** The highest id: one beyond it is new without a look. */
  #highest: Exact = -1;
  /** All of them, once an id was beyond 2^53 or not above those before it: ids ascend till then. */
  #byId: Map<Exact, OrderRecord> | undefined;

  get size(): number {
    return this.#kept.length / 2;
  }

  get(id: bigint): OrderRecord | undefined {
    const key = exact(id);
    if (key > this.#highest) return undefined;
    if (this.#byId !== undefined) return this.#byId.get(key);
    const place = placeOf(this.#kept, key as number);
    return place === -1 ? undefined : (this.#kept[place + 1] as OrderRecord);
  }

  has(id: bigint): boolean {
    return this.get(id) !== undefined;
  }

  /** Takes an order whose id is new. */
  add(record: OrderRecord): void {
    const key = record.number;
    if (this.#byId === undefined && (typeof key === "bigint" || key < this.#highest)) {
      this.#byId = new Map(Array.from(this.values(), (one) => [one.number, one]));
    }
    this.#kept.push(key, record);
    this.#byId?.set(key, record);
    if (key > this.#highest) this.#highest = key;
  }

  *values(): Generator<OrderRecord> {
    for (let i = 1; i < this.#kept.length; i += 2) yield this.#kept[i] as OrderRecord;
  }
}

/** Guesses by proportion, after which the search halves: ids may be spread unevenly on purpose. */
const GUESSES = 4;

/** The place of `key`, which is not above the last, among every other item: numbers that ascend. */
function placeOf(kept: readonly unknown[], key: number): number {
  let low = 0;
  let high = kept.length / 2 - 1;
  for (let tries = 0; low <= high; tries++) {
    const first = kept[2 * low] as number;
    const last = kept[2 * high] as number;
    if (key < first || key > last) return -1;
    const share = tries < GUESSES && last > first ? (key - first) / (last - first) : 0.5;
    const place = low + Math.floor(share * (high - low));
    const found = kept[2 * place] as number;
    if (found === key) return 2 * place;
    if (found < key) low = place + 1;
    else high = place - 1;
  }
  return -1;
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
