/**
 * What one client was told of its orders, and whether an operator still says the same: every
 * acknowledged order, cancellation and fill is there, once, and nothing that was never sent.
 */
import type { Hex } from "../../../src/base/hex.ts";
import type { ExchangeClient } from "../../../src/client/client.ts";
import type { OrderStatus } from "../../../src/client/types.ts";
import { orderHash } from "../../../src/protocol/messages.ts";
import type { Round } from "../../../src/protocol/units.ts";

interface Filed {
  status: OrderStatus;
  /** Whether its client asked to cancel it, and whether that was acknowledged. */
  cancel: "no" | "asked" | "acknowledged";
  /** Its round was over when it was last looked at: nothing may change any more. */
  settled: boolean;
}

const ENDED = ["filled", "cancelled", "expired", "refused"];

export class OrderLedger {
  readonly #client: ExchangeClient;
  /** Orders that the operator has acknowledged, or shown after a crash. */
  readonly #filed = new Map<Hex, Filed>();
  /** Orders that it has refused: nothing of them may be kept. */
  readonly #refused = new Set<Hex>();
  readonly counts = { placed: 0, cancelled: 0, filled: 0, unknown: 0, refused: 0 };

  /** When each order was acknowledged, by `performance.now()`. */
  readonly placedAt: number[] = [];

  constructor(client: ExchangeClient) {
    this.#client = client;
  }

  /** Orders that may still be cancelled, for what this client knows. */
  live(): OrderStatus[] {
    return [...this.#filed.values()]
      .filter(({ status, cancel }) => !ENDED.includes(status.state) && cancel === "no")
      .map(({ status }) => status);
  }

  /** Notes an answer, or an event of the stream: both are given only of what is durable. */
  acknowledged(status: OrderStatus): void {
    const known = this.#filed.get(status.orderHash);
    if (known === undefined) {
      this.#filed.set(status.orderHash, { status, cancel: "no", settled: false });
      this.counts.placed += 1;
      this.placedAt.push(performance.now());
      if (status.sold > 0n) this.counts.filled += 1;
      return;
    }
    // Answers and events may overtake one another: the furthest counts.
    const isNews = progress(status) > progress(known.status);
    if (status.sold > known.status.sold) this.counts.filled += 1;
    if (isNews) known.status = status;
  }

  cancelAsked({ orderHash: hash }: OrderStatus): void {
    const known = this.#filed.get(hash);
    if (known !== undefined && known.cancel === "no") known.cancel = "asked";
  }

  cancelAcknowledged(status: OrderStatus): void {
    this.acknowledged(status);
    const known = this.#filed.get(status.orderHash) as Filed;
    known.cancel = "acknowledged";
    known.status = status;
    this.counts.cancelled += 1;
  }

  /** The operator refused the order of `round` that was sent last. */
  async refusedLast(round: Round): Promise<void> {
    const last = (await this.#client.evidence.orders(round)).at(-1);
    if (last !== undefined) this.#refused.add(last.orderHash);
    this.counts.refused += 1;
  }

  /**
   * Holds what the operator says of `round` against what was acknowledged, and takes over what may
   * be either way. `over`: that round has ended. Throws what is wrong.
   */
  async check(round: Round, statuses: readonly OrderStatus[], over: boolean): Promise<void> {
    const listed = new Map(statuses.map((status) => [status.orderHash, status]));
    this.#require(listed.size === statuses.length, `an order of round ${round} is there twice`);
    const sent = new Set((await this.#client.evidence.orders(round)).map((one) => one.orderHash));
    for (const status of statuses) {
      const hash = status.orderHash;
      this.#require(orderHash(status) === hash, `order ${hash} is not what was signed`);
      this.#require(sent.has(hash), `order ${hash} was never sent`);
      this.#require(!this.#refused.has(hash), `order ${hash} was refused and is there`);
      const known = this.#filed.get(hash);
      if (known === undefined) this.counts.unknown += 1;
      else this.#checkOne(known, status);
      this.#checkEnd(known, status, over);
      this.#filed.set(hash, { status, cancel: known?.cancel ?? "no", settled: over });
    }
    for (const [hash, { status }] of this.#filed) {
      const gone = status.round === round && !listed.has(hash);
      this.#require(!gone, `acknowledged order ${hash} is gone`);
    }
  }

  #checkOne({ status: known, cancel, settled }: Filed, now: OrderStatus): void {
    const was = `order ${now.orderHash} was ${text(known)} and is ${text(now)}`;
    const kept = now.sold >= known.sold && now.bought >= known.bought;
    const same = now.sold === known.sold && now.bought === known.bought;
    this.#require(kept, `an acknowledged fill is gone: ${was}`);
    if (cancel === "acknowledged") {
      this.#require(now.state === "cancelled" && same, `an acknowledged cancel is gone: ${was}`);
    }
    if (known.state === "filled" || settled) {
      this.#require(now.state === known.state && same, `what had ended changed: ${was}`);
    }
  }

  #checkEnd(known: Filed | undefined, { state, orderHash: hash }: OrderStatus, over: boolean) {
    const wanted = known?.cancel !== undefined && known.cancel !== "no";
    this.#require(state !== "cancelled" || wanted, `order ${hash} was cancelled by nobody`);
    this.#require(!over || ENDED.includes(state), `order ${hash} is ${state} after its round`);
  }

  /** What the orders did to this client's balances: base units by token. */
  changes(): Map<string, bigint> {
    const sums = new Map<string, bigint>();
    const add = (token: string, amount: bigint) =>
      sums.set(token, (sums.get(token) ?? 0n) + amount);
    for (const { status } of this.#filed.values()) {
      add(status.sellToken, -status.sold);
      add(status.buyToken, status.bought);
    }
    return sums;
  }

  /** What open orders may still sell, by token. A bid pays its own price at most. */
  locked(): Map<string, bigint> {
    const sums = new Map<string, bigint>();
    for (const { status } of this.#filed.values()) {
      if (status.state !== "open") continue;
      const { intent, sellToken, sellAmount, buyAmount, sold, bought } = status;
      const left =
        intent === "sellAll" ? sellAmount - sold : ((buyAmount - bought) * sellAmount) / buyAmount;
      sums.set(sellToken, (sums.get(sellToken) ?? 0n) + left);
    }
    return sums;
  }

  /** Sold and bought of each order of `round`, by its id. */
  executions(round: Round): Map<bigint, { sold: bigint; bought: bigint }> {
    return new Map(
      [...this.#filed.values()]
        .filter(({ status }) => status.round === round && status.sold > 0n)
        .map(({ status: { id, sold, bought } }) => [id, { sold, bought }]),
    );
  }

  #require(condition: boolean, problem: string): void {
    if (!condition) throw new Error(`${this.#client.address}: ${problem}`);
  }
}

/** Orders only ever go on: more is executed, or they end. */
function progress({ sold, bought, state }: OrderStatus): bigint {
  const stage = state === "queued" ? 0n : state === "open" ? 1n : 2n;
  return (sold + bought) * 4n + stage;
}

function text({ state, sold, bought }: OrderStatus): string {
  return `${state}, ${sold} sold for ${bought}`;
}
