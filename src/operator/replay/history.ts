/**
 * How far the journal was applied, and what people ask of the past: trades of each market and each
 * client, candles, and what moved balances. A projection of what the machine did: it decides
 * nothing, is bounded, and travels with the snapshots, so that every operator has the same.
 */
import type { Address } from "../../base/hex.ts";
import type { ExchangeEvent, OrderRef, Trade } from "../../exchange/model/outcome.ts";
import { Candles, marketKey } from "./candles.ts";
import { decodeHistory, encodeHistory } from "./historyBytes.ts";
import { Ledger } from "./ledger.ts";

/** Kept of each market. */
const TRADES_PER_MARKET = 5000;
/** Kept of each client. */
const TRADES_PER_CLIENT = 500;

/** A trade from one side of it. */
export interface ClientTrade {
  readonly trade: Trade;
  readonly order: OrderRef;
}

/** Which trades: those before a sequence, newest first; or those after one, oldest first. */
export interface TradePage {
  readonly before?: bigint | undefined;
  readonly after?: bigint | undefined;
  readonly limit: number;
}

export class History {
  /** Newest last. */
  readonly #byMarket = new Map<string, Trade[]>();
  readonly #byClient = new Map<Address, ClientTrade[]>();
  #upTo = 0;
  #timeMs = 0;
  #candles = new Candles();
  #ledger = new Ledger();
  #halfApplied: PromiseWithResolvers<void> | undefined;

  /** Sequence of the last record that the state is made of; 0 before the first. */
  get upTo(): number {
    return this.#upTo;
  }

  /** Milliseconds since 1970 of that record; 0: nobody knows. */
  get timeMs(): number {
    return this.#timeMs;
  }

  get candles(): Candles {
    return this.#candles;
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  /**
   * Undefined while the state is that of whole records; else resolves once it is again. Readers
   * wait for it: what they are told is a whole record's, and bears its sequence.
   */
  whenWhole(): Promise<void> | undefined {
    return this.#halfApplied?.promise;
  }

  /** A record is applied in parts from now on, until the function that this gives is called. */
  beginParts(): () => void {
    const halfApplied = Promise.withResolvers<void>();
    this.#halfApplied = halfApplied;
    return () => {
      this.#halfApplied = undefined;
      halfApplied.resolve();
    };
  }

  /**
   * The record `sequence` was applied, and did this; `timeMs`: of the record. `from`: events of the
   * record that were given before, where they are given in parts.
   */
  record(sequence: number, events: readonly ExchangeEvent[], timeMs = 0, from = 0): void {
    this.#upTo = sequence;
    this.#timeMs = timeMs;
    this.#ledger.add(sequence, timeMs, events, from);
    for (const event of events) {
      if (event.what !== "trade") continue;
      this.#add(event.trade);
      this.#candles.add(event.trade, timeMs);
    }
  }

  ofMarket(base: Address, quote: Address, page: TradePage): Trade[] {
    return pageOf(this.#byMarket.get(marketKey(base, quote)), page, ({ sequence }) => sequence);
  }

  ofClient(client: Address, page: TradePage): ClientTrade[] {
    return pageOf(this.#byClient.get(client), page, ({ trade }) => trade.sequence);
  }

  /** As bytes, for a snapshot. */
  encode(): Uint8Array {
    const trades = new Map<bigint, Trade>();
    for (const list of this.#byMarket.values())
      for (const one of list) trades.set(one.sequence, one);
    for (const list of this.#byClient.values()) {
      for (const { trade } of list) trades.set(trade.sequence, trade);
    }
    return encodeHistory({
      timeMs: this.#timeMs,
      trades: [...trades.values()].sort((a, b) => (a.sequence < b.sequence ? -1 : 1)),
      candles: this.#candles.encode(),
      moves: this.#ledger.encode(),
    });
  }

  /** As it was after the record `sequence`. Throws where the bytes are no history. */
  static decode(bytes: Uint8Array, sequence: number): History {
    const history = new History();
    const { timeMs, trades, candles, moves } = decodeHistory(bytes);
    history.#upTo = sequence;
    history.#timeMs = timeMs;
    for (const trade of trades) history.#add(trade);
    history.#candles = Candles.decode(candles);
    history.#ledger = Ledger.decode(moves);
    return history;
  }

  #add(trade: Trade): void {
    append(this.#byMarket, marketKey(trade.base, trade.quote), trade, TRADES_PER_MARKET);
    for (const order of [trade.maker, trade.taker]) {
      append(this.#byClient, order.owner, { trade, order }, TRADES_PER_CLIENT);
    }
  }
}

function append<K, T>(lists: Map<K, T[]>, key: K, item: T, limit: number): void {
  const list = lists.get(key) ?? [];
  if (list.length === 0) lists.set(key, list);
  list.push(item);
  // Cut in chunks: shifting an array at every trade would cost its length.
  if (list.length >= 2 * limit) list.splice(0, list.length - limit);
}

function pageOf<T>(
  list: readonly T[] = [],
  { before, after, limit }: TradePage,
  sequenceOf: (item: T) => bigint,
): T[] {
  if (after !== undefined) {
    const first = list.findIndex((item) => sequenceOf(item) > after);
    return first === -1 ? [] : list.slice(first, first + limit);
  }
  const end = before === undefined ? -1 : list.findIndex((item) => sequenceOf(item) >= before);
  return (end === -1 ? list : list.slice(0, end)).slice(-limit).reverse();
}
