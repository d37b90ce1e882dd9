/**
 * A made-up stream of orders for matching engines: first `open` orders that rest, then operations
 * that hold their number: half of them place an order that rests, the others cancel any open order
 * (seven of ten) or execute against the best. Nobody meets an order of its own.
 */

export interface Placement {
  readonly kind: "place";
  readonly id: number;
  /** Bids are of even clients, asks of odd ones. */
  readonly client: number;
  readonly side: "bid" | "ask";
  /** Ticks. */
  readonly price: number;
  readonly lots: number;
}

export interface Cancellation {
  readonly kind: "cancel";
  readonly of: Placement;
}

export type Operation = Placement | Cancellation;

export interface StreamShape {
  /** Orders open while it is measured. */
  readonly open: number;
  /** Prices a side among which orders are spread. */
  readonly levels: number;
  readonly clients: number;
}

/** Operations as numbers beside the heap, so that no engine pays for their memory. */
export type Packed = Int32Array;

/** Of each: whether it cancels, id, client, whether it bids, price, lots. */
const FIELDS = 6;

export function pack(operations: readonly Operation[]): Packed {
  const packed = new Int32Array(FIELDS * operations.length);
  operations.forEach((one, i) => {
    const isCancel = one.kind === "cancel";
    const { id, client, side, price, lots } = isCancel ? one.of : one;
    packed.set([isCancel ? 1 : 0, id, client, side === "bid" ? 1 : 0, price, lots], FIELDS * i);
  });
  return packed;
}

export function sizeOf(packed: Packed): number {
  return packed.length / FIELDS;
}

/** Those from `from` to `to` or the end. */
export function unpack(packed: Packed, from: number, to: number): Operation[] {
  const found: Operation[] = [];
  for (let i = from; i < Math.min(to, sizeOf(packed)); i++) {
    const [cancels, id, client, bids, price, lots] = packed.subarray(FIELDS * i, FIELDS * (i + 1));
    const side = bids === 1 ? "bid" : "ask";
    const placement = { kind: "place", id, client, side, price, lots } as Placement;
    found.push(cancels === 1 ? { kind: "cancel", of: placement } : placement);
  }
  return found;
}

interface Resting {
  readonly placement: Placement;
  lots: number;
  /** Its place among all that are open. */
  at: number;
}

/** Numbers from 0 to `below`, by a linear congruence: chance that repeats. */
function dice(seed: number): (below: number) => number {
  let last = seed;
  return (below) => {
    last = (Math.imul(last, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((last / 2 ** 32) * below);
  };
}

/** The plainest book there is: which orders are open, and which is first at a side's best price. */
class PlainSide {
  readonly #queues: Resting[][];
  #best = Number.POSITIVE_INFINITY;

  constructor(levels: number) {
    this.#queues = Array.from({ length: levels }, () => []);
  }

  /** `distance`: levels from the middle. */
  add(distance: number, resting: Resting): void {
    (this.#queues[distance] as Resting[]).push(resting);
    this.#best = Math.min(this.#best, distance);
  }

  remove(distance: number, resting: Resting): void {
    const queue = this.#queues[distance] as Resting[];
    queue.splice(queue.indexOf(resting), 1);
  }

  best(): Resting | undefined {
    while (this.#best < this.#queues.length && this.#queues[this.#best]?.length === 0) this.#best++;
    return this.#queues[this.#best]?.[0];
  }
}

export class OrderStream {
  readonly #shape: StreamShape;
  readonly #roll = dice(7);
  readonly #sides: { readonly bid: PlainSide; readonly ask: PlainSide };
  readonly #open: Resting[] = [];
  #ids = 0;

  constructor(shape: StreamShape) {
    this.#shape = shape;
    this.#sides = { bid: new PlainSide(shape.levels), ask: new PlainSide(shape.levels) };
  }

  /** The orders that are open before anything is measured: every level has some. */
  fill(): Operation[] {
    const { open, levels } = this.#shape;
    return Array.from({ length: open }, (_, i) =>
      this.#rest(i % 2 === 0 ? "bid" : "ask", (i >>> 1) % levels),
    );
  }

  next(count: number): Operation[] {
    return Array.from({ length: count }, () => {
      if (this.#open.length < this.#shape.open) {
        return this.#rest(this.#roll(2) === 0 ? "bid" : "ask", this.#roll(this.#shape.levels));
      }
      return this.#roll(10) < 7 ? this.#cancel() : this.#execute();
    });
  }

  #rest(side: Placement["side"], distance: number): Placement {
    const placement = this.#place(side, this.#priceOf(side, distance), 1 + this.#roll(20));
    const resting = { placement, lots: placement.lots, at: this.#open.length };
    this.#open.push(resting);
    this.#sides[side].add(distance, resting);
    return placement;
  }

  #cancel(): Cancellation {
    const resting = this.#open[this.#roll(this.#open.length)] as Resting;
    this.#takeOut(resting);
    return { kind: "cancel", of: resting.placement };
  }

  /** At the best price of the other side, for what is first there or half of it. */
  #execute(): Placement {
    const side = this.#roll(2) === 0 ? "bid" : "ask";
    const maker = this.#sides[side === "bid" ? "ask" : "bid"].best();
    if (maker === undefined) throw new Error("a side of the book is empty");
    const lots = this.#roll(2) === 0 ? maker.lots : Math.ceil(maker.lots / 2);
    maker.lots -= lots;
    if (maker.lots === 0) this.#takeOut(maker);
    return this.#place(side, maker.placement.price, lots);
  }

  #place(side: Placement["side"], price: number, lots: number): Placement {
    const half = Math.floor(this.#shape.clients / 2);
    const client = 2 * this.#roll(half) + (side === "bid" ? 0 : 1);
    return { kind: "place", id: this.#ids++, client, side, price, lots };
  }

  #takeOut(resting: Resting): void {
    const { side, price } = resting.placement;
    const last = this.#open.pop() as Resting;
    if (last !== resting) {
      this.#open[resting.at] = last;
      last.at = resting.at;
    }
    this.#sides[side].remove(Math.abs(price - this.#middle) - 1, resting);
  }

  get #middle(): number {
    return this.#shape.levels + 1;
  }

  #priceOf(side: Placement["side"], distance: number): number {
    return side === "bid" ? this.#middle - 1 - distance : this.#middle + 1 + distance;
  }
}
