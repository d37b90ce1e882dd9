/**
 * How far the journal was applied, and the trades that people ask for: the latest of each market
 * and of each client. A projection of what the machine did; it decides nothing, and travels with
 * the snapshots.
 */
import type { Address } from "../../base/hex.ts";
import type { ExchangeEvent, OrderRef, Trade } from "../../exchange/model/outcome.ts";

/** Kept of each market. */
const TRADES_PER_MARKET = 500;
/** Kept of each client. */
const TRADES_PER_CLIENT = 500;

/** A trade from one side of it. */
export interface ClientTrade {
  readonly trade: Trade;
  readonly order: OrderRef;
}

export class History {
  /** Newest last. */
  readonly #byMarket = new Map<string, Trade[]>();
  readonly #byClient = new Map<Address, ClientTrade[]>();
  #upTo = 0;

  /** Sequence of the last record that the state is made of; 0 before the first. */
  get upTo(): number {
    return this.#upTo;
  }

  /** The record `sequence` was applied, and did this. */
  record(sequence: number, events: readonly ExchangeEvent[]): void {
    this.#upTo = sequence;
    for (const event of events) {
      if (event.what === "trade") this.#add(event.trade);
    }
  }

  /** Newest first. */
  ofMarket(base: Address, quote: Address, limit: number): Trade[] {
    return newest(this.#byMarket.get(marketKey(base, quote)), limit);
  }

  /** Newest first. */
  ofClient(client: Address, limit: number): ClientTrade[] {
    return newest(this.#byClient.get(client), limit);
  }

  /** As JSON text, for a snapshot. */
  encode(): string {
    const trades = new Map<bigint, Trade>();
    for (const list of this.#byMarket.values())
      for (const one of list) trades.set(one.sequence, one);
    for (const list of this.#byClient.values()) {
      for (const { trade } of list) trades.set(trade.sequence, trade);
    }
    const ascending = [...trades.values()].sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
    return JSON.stringify(ascending, (_, part) =>
      typeof part === "bigint" ? { units: part.toString() } : part,
    );
  }

  /** As it was after the record `sequence`. */
  static decode(text: string, sequence: number): History {
    const history = new History();
    history.#upTo = sequence;
    const trades = JSON.parse(text, (_, part) =>
      typeof part?.units === "string" ? BigInt(part.units) : part,
    ) as Trade[];
    for (const trade of trades) history.#add(trade);
    return history;
  }

  #add(trade: Trade): void {
    append(this.#byMarket, marketKey(trade.base, trade.quote), trade, TRADES_PER_MARKET);
    for (const order of [trade.maker, trade.taker]) {
      append(this.#byClient, order.owner, { trade, order }, TRADES_PER_CLIENT);
    }
  }
}

function marketKey(base: Address, quote: Address): string {
  return `${base}/${quote}`;
}

function append<K, T>(lists: Map<K, T[]>, key: K, item: T, limit: number): void {
  const list = lists.get(key) ?? [];
  if (list.length === 0) lists.set(key, list);
  list.push(item);
  // Cut in chunks: shifting an array at every trade would cost its length.
  if (list.length >= 2 * limit) list.splice(0, list.length - limit);
}

function newest<T>(list: readonly T[] | undefined, limit: number): T[] {
  return (list ?? []).slice(-limit).reverse();
}
