/**
 * What a shared journal makes of an exchange, by the naive model instead of the operator's own
 * machine: every balance, order and level of the book that an operator may show.
 */
import { decodeEntry, type Entry, type Market } from "../../../src/exchange/model/entries.ts";
import { NaiveModel, type NaiveOrder } from "../../../src/exchange/naiveModel.testkit.ts";
import type { ChainLog } from "../../../src/protocol/chainLog.ts";
import { momentOf } from "../../../src/protocol/rounds.ts";
import type { Order, Round, Schedule } from "../../../src/protocol/units.ts";

export interface ModelLevel {
  readonly price: bigint;
  readonly amount: bigint;
}

export class JournalModel {
  readonly #model = new NaiveModel();
  #schedule: Schedule | undefined;
  #market: Market | undefined;
  #limit = 0;
  #quarters = 0;
  /** The last block that the journal holds. */
  block = 0;

  take(payload: Uint8Array): void {
    const entry = decodeEntry(payload);
    switch (entry.kind) {
      case "genesis":
        this.#schedule = entry.schedule;
        this.#market = entry.markets[0];
        this.#limit = entry.limits.ordersPerClientAndRound;
        break;
      case "blocks":
        this.#follow(entry);
        break;
      case "placeOrder":
        // What is refused is in the journal where others of its batch took the funds.
        this.#model.place(this.#orderOf(entry.order), this.#limit);
        break;
      case "cancelOrder":
        this.#model.cancel(entry.owner, entry.round, entry.id);
        break;
      case "countersign":
        this.#model.countersign(entry.statement.client, entry.statement);
        break;
      default:
        throw new Error(`A record is a ${entry.kind}, which this model does not know yet.`);
    }
  }

  balance(client: string, token: string): { total: bigint; locked: bigint } {
    const [total, locked] = [this.#model.total(client, token), this.#model.locked(client, token)];
    return { total, locked };
  }

  orders(owner: string, round: Round): NaiveOrder[] {
    return this.#model.orders.filter((one) => one.owner === owner && one.round === round);
  }

  /** Best first. */
  book(): { bids: ModelLevel[]; asks: ModelLevel[] } {
    return { bids: this.#side(true), asks: this.#side(false).reverse() };
  }

  /** Dearest first. */
  #side(isBid: boolean): ModelLevel[] {
    const levels = new Map<bigint, bigint>();
    for (const { price, left, market, ...order } of this.#model.orders) {
      if (order.state !== "open" || order.isBid !== isBid) continue;
      levels.set(price, (levels.get(price) ?? 0n) + left * market.lot);
    }
    const sorted = [...levels].sort(([a], [b]) => (a > b ? -1 : 1));
    return sorted.map(([price, amount]) => ({ price, amount }));
  }

  #orderOf(order: Order): NaiveOrder {
    const market = this.#market as Market;
    const isBid = order.sellToken === market.quote;
    const [base, quote] = isBid
      ? [order.buyAmount, order.sellAmount]
      : [order.sellAmount, order.buyAmount];
    const lots = base / market.lot;
    const { owner, round, id } = order;
    return {
      owner,
      round,
      id,
      isBid,
      market,
      lots,
      price: quote / lots,
      left: lots,
      sold: 0n,
      bought: 0n,
      state: "queued",
    };
  }

  #follow({ to, logs }: Extract<Entry, { kind: "blocks" }>): void {
    for (const log of logs) {
      this.#passTo(log.block);
      this.#takeLog(log);
    }
    this.#passTo(to.number);
    this.block = to.number;
  }

  #passTo(block: number): void {
    const { round, quarter } = momentOf(this.#schedule as Schedule, block);
    while (this.#quarters < 4 * round + quarter) {
      this.#quarters += 1;
      this.#model.beginQuarter(this.#quarters % 4 === 0);
    }
  }

  #takeLog(log: ChainLog): void {
    if (log.kind === "deposited") {
      this.#model.deposit(log.client, log.token, log.amount);
    } else if (log.kind === "withdrawalInitiated") {
      const { client, token, amount, round } = log;
      this.#model.withdrawals.push({ client, token, amount, round, state: "seen" });
    } else if (log.kind === "withdrawalCancelled" || log.kind === "withdrawalConfirmed") {
      this.#model.endWithdrawal(log.client, log.token, log.kind === "withdrawalCancelled");
    }
  }
}
