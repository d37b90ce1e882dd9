/**
 * Orders that are good till a block before the end of their round. It follows from the orders, and
 * is in no snapshot. Asking whether any is due costs nothing while none is.
 */
import type { BlockNumber } from "../../protocol/units.ts";
import type { OrderRecord } from "./orderRecord.ts";

export class DueOrders {
  /** By their last block, each in order of arrival; those that ended since are among them. */
  readonly #byBlock = new Map<BlockNumber, OrderRecord[]>();
  #first = Number.POSITIVE_INFINITY;

  /** For an order that is good till `block`; in order of arrival. */
  add(block: BlockNumber, record: OrderRecord): void {
    const known = this.#byBlock.get(block);
    if (known === undefined) this.#byBlock.set(block, [record]);
    else known.push(record);
    this.#first = Math.min(this.#first, block);
  }

  /** Open and queued orders whose last block is before `block`: earlier blocks first. */
  before(block: BlockNumber): OrderRecord[] {
    if (this.#first >= block) return [];
    const past = [...this.#byBlock.keys()].filter((last) => last < block).sort((a, b) => a - b);
    const records = past.flatMap((last) => this.#byBlock.get(last) ?? []);
    return records.filter(({ state }) => state === "open" || state === "queued");
  }

  /** The same, forgotten here. Work grows with the blocks at which orders end. */
  take(block: BlockNumber): OrderRecord[] {
    const records = this.before(block);
    if (this.#first >= block) return records;
    this.#first = Number.POSITIVE_INFINITY;
    for (const last of this.#byBlock.keys()) {
      if (last < block) this.#byBlock.delete(last);
      else this.#first = Math.min(this.#first, last);
    }
    return records;
  }
}
