/**
 * The unified API over one client: what bots call, with decimal text for numbers. The adapter for
 * ccxt and the gateway for other languages are both made of it.
 */

import { formatDecimal } from "../base/decimal.ts";
import { ask } from "../chain/rpc/rpc.ts";
import type { ExchangeClient } from "../client/client.ts";
import { buildOrder } from "../client/orders.ts";
import type { OrderOutcome } from "../client/writes.ts";
import { orderHash } from "../protocol/messages.ts";
import type { OrderResponse } from "../wire/schemas/order.ts";
import type { Placement } from "../wire/schemas/terms.ts";
import { toUnifiedError, UnifiedError } from "./errors.ts";
import { listOf, MarketReads, page, since } from "./marketReads.ts";
import {
  parseOrderId,
  toOrderRequest,
  type UnifiedOrderRequest,
  type UnifiedRequest,
} from "./orderRequests.ts";
import * as shapes from "./structures.ts";

const MAX_ROWS = 500;
/** Rounds before the current one of which operators show orders. */
const SHOWN_ROUNDS = 2;
/** Blocks over which the time of a block is measured. */
const MEASURED_BLOCKS = 50;

type Numbered = string | number | undefined | null;

/** The result of one of several: an order, or why there is none. */
export type UnifiedOutcome =
  | { readonly order: shapes.UnifiedOrder; readonly error?: undefined }
  | { readonly order?: undefined; readonly error: UnifiedError };

export class UnifiedClient extends MarketReads {
  async fetchBalance() {
    return shapes.balancesOf(this.symbols, await this.client.fetchBalance());
  }

  async createOrder(asked: UnifiedOrderRequest) {
    const bounded = await this.#bounded(asked);
    const request = toOrderRequest(this.symbols, bounded);
    const before = await this.#placedBefore(request);
    const order = await (before === undefined
      ? this.client.createOrder(request)
      : this.client.placeOrder(before));
    return { ...this.#shown(order), type: String(asked.type) };
  }

  /** Up to 50, each with an outcome of its own. */
  async createOrders(asked: unknown): Promise<UnifiedOutcome[]> {
    const requests = listOf(asked).map((one) =>
      toOrderRequest(this.symbols, one as UnifiedOrderRequest),
    );
    const before = await Promise.all(requests.map((one) => this.#placedBefore(one)));
    const fresh = requests.filter((_, at) => before[at] === undefined);
    const signed = fresh.length === 0 ? [] : await this.client.orders.signMany(fresh);
    const placements = before.map((one) => one ?? (signed.shift() as Placement));
    return this.#outcomes(await this.client.orders.placeMany(placements));
  }

  /** Takes an order out and another in, both or neither; what is not given stays. */
  async editOrder(id: unknown, asked: UnifiedOrderRequest) {
    const reference = parseOrderId(id);
    const old = await this.fetchOrder(id);
    const request = toOrderRequest(this.symbols, {
      ...asked,
      symbol: asked.symbol ?? old.symbol,
      side: asked.side ?? old.side,
      amount: asked.amount ?? old.remaining,
      price: asked.price ?? old.price,
    });
    const { placed } = await this.client.orders.replace(reference, request);
    return this.#shown(placed);
  }

  async cancelOrder(id: unknown) {
    return this.#shown(await this.client.cancelOrder(parseOrderId(id)));
  }

  async cancelOrders(ids: unknown): Promise<UnifiedOutcome[]> {
    const references = listOf(ids).map(parseOrderId);
    return this.#outcomes(await this.client.orders.cancelMany(references));
  }

  /** Of one market, or of all with one message. */
  async cancelAllOrders(symbol?: unknown): Promise<shapes.UnifiedOrder[]> {
    if (symbol === undefined || symbol === null) {
      return (await this.client.orders.cancelAll()).map((one) => this.#shown(one));
    }
    const open = await this.fetchOpenOrders(symbol);
    const cancelled: shapes.UnifiedOrder[] = [];
    for (let at = 0; at < open.length; at += 50) {
      const ids = open.slice(at, at + 50).map(({ id }) => id);
      // An order that ended meanwhile is no fault.
      for (const { order } of await this.cancelOrders(ids)) {
        if (order !== undefined) cancelled.push(order);
      }
    }
    return cancelled;
  }

  /**
   * All orders go when `timeoutMs` have passed without another such call; 0: never. Counted in
   * blocks of the time that the last ones took, rounded up.
   */
  async cancelAllOrdersAfter(timeoutMs: unknown) {
    const wanted = since(timeoutMs);
    if (wanted === undefined)
      throw new UnifiedError("ArgumentsRequired", "timeout: in milliseconds.");
    if (wanted === 0) {
      const answer = await this.client.orders.cancelAfter(0);
      return { block: answer.block, triggerTime: 0, info: answer };
    }
    const [blockMs, clock] = await Promise.all([
      this.#blockMs(),
      this.client.api.call("fetchClock"),
    ]);
    const blocks = Math.max(1, Math.ceil(wanted / blockMs));
    const answer = await this.client.orders.cancelAfter(clock.block + blocks);
    return { block: answer.block, triggerTime: Date.now() + blocks * blockMs, info: answer };
  }

  async fetchOrder(id: unknown): Promise<shapes.UnifiedOrder> {
    const { round, id: own } = parseOrderId(id);
    const found = (await this.client.fetchOrders(round)).find((one) => one.id === own);
    if (found !== undefined) return this.#shown(found);
    const message = `id: ${id} is no order of this client that is still remembered.`;
    throw new UnifiedError("OrderNotFound", message);
  }

  /** Of the last rounds that operators remember and of the next, oldest first. */
  async fetchOrders(symbol?: unknown, from?: unknown, limit?: unknown) {
    const { round } = await this.client.api.call("fetchClock");
    return this.#ordersOf(Math.max(0, round - SHOWN_ROUNDS), round + 1, symbol, from, limit);
  }

  async fetchOpenOrders(symbol?: unknown, from?: unknown, limit?: unknown) {
    const { round } = await this.client.api.call("fetchClock");
    const orders = await this.#ordersOf(round, round + 1, symbol, undefined, undefined);
    return page(
      orders.filter(({ status }) => status === "open"),
      from,
      limit,
    );
  }

  async fetchClosedOrders(symbol?: unknown, from?: unknown, limit?: unknown) {
    const orders = await this.fetchOrders(symbol);
    return page(
      orders.filter(({ status }) => status === "closed"),
      from,
      limit,
    );
  }

  async fetchCanceledOrders(symbol?: unknown, from?: unknown, limit?: unknown) {
    const orders = await this.fetchOrders(symbol);
    return page(
      orders.filter(({ status }) => status === "canceled" || status === "expired"),
      from,
      limit,
    );
  }

  /** The client's own, oldest first. */
  async fetchMyTrades(symbol?: unknown, from?: unknown, limit?: unknown) {
    const { symbols } = this;
    const market = symbol === undefined || symbol === null ? undefined : symbols.market(symbol);
    const fills = await this.client.account.fetchFills({ limit: MAX_ROWS });
    const trades = fills.reverse().flatMap((one) => {
      const of = symbols.marketOf(one.base, one.quote);
      if (of === undefined || (market !== undefined && of !== market)) return [];
      return [shapes.ownTradeOf(symbols, of, one)];
    });
    return page(trades, from, limit);
  }

  async fetchOrderTrades(id: unknown, symbol?: unknown, from?: unknown, limit?: unknown) {
    const { round, id: own } = parseOrderId(id);
    const trades = await this.fetchMyTrades(symbol);
    const name = shapes.orderId(round, own);
    return page(
      trades.filter(({ order }) => order === name),
      from,
      limit,
    );
  }

  async fetchDeposits(code?: unknown, from?: unknown, limit?: unknown) {
    const { symbols } = this;
    const token = code === undefined || code === null ? undefined : symbols.currency(code).token;
    const deposits = (await this.client.account.fetchDeposits(MAX_ROWS))
      .filter((one) => one.symbol !== null && (token === undefined || one.token === token))
      .map((one) => shapes.depositOf(symbols, one));
    return page(deposits.reverse(), from, limit);
  }

  /** Requests that wait, and those that were paid out. */
  async fetchWithdrawals(code?: unknown, from?: unknown, limit?: unknown) {
    const { symbols } = this;
    const token = code === undefined || code === null ? undefined : symbols.currency(code).token;
    const isAsked = (one: { token: string }) => token === undefined || one.token === token;
    const text = (one: { token: `0x${string}`; amount: bigint }) =>
      formatDecimal(one.amount, symbols.token(one.token).decimals);
    const [waiting, moves] = await Promise.all([
      this.client.fetchWithdrawals(),
      this.client.account.fetchLedger({ limit: MAX_ROWS }),
    ]);
    const paid = moves.filter((one) => one.kind === "withdrawalPaid" && isAsked(one)).reverse();
    const transfers = [
      ...paid.map((one) =>
        shapes.transactionOf({
          id: `${one.round}-${one.token}`,
          txid: one.transactionHash ?? undefined,
          type: "withdrawal",
          code: symbols.code(one.token),
          amount: text(one),
          status: "ok",
          timeMs: one.timeMs,
          address: undefined,
          info: one,
        }),
      ),
      ...waiting.filter(isAsked).map((one) =>
        shapes.transactionOf({
          id: `${one.round}-${one.token}`,
          txid: undefined,
          type: "withdrawal",
          code: symbols.code(one.token),
          amount: text(one),
          status: one.state === "refused" ? "failed" : "pending",
          timeMs: null,
          address: one.recipient,
          info: one,
        }),
      ),
    ];
    return page(transfers, from, limit);
  }

  /** Movements of the balance beside trades, oldest first. */
  async fetchLedger(code?: unknown, from?: unknown, limit?: unknown) {
    const { symbols } = this;
    const token = code === undefined || code === null ? undefined : symbols.currency(code).token;
    const moves = await this.client.account.fetchLedger({ limit: MAX_ROWS });
    const moved = moves.filter(
      ({ kind, symbol }) =>
        symbol !== null && !["withdrawalPaid", "withdrawalRefused"].includes(kind),
    );
    const entries = moved
      .filter((one) => token === undefined || one.token === token)
      .map((one) => shapes.ledgerEntryOf(symbols, one));
    return page(entries.reverse(), from, limit);
  }

  /** Asks the Mediator on chain; it is paid two rounds later by `confirmWithdrawal`. */
  async withdraw(code: unknown, amount: Numbered, address?: unknown) {
    const token = this.symbols.currency(code);
    const text = typeof amount === "number" ? plain(amount) : String(amount);
    const recipient = address === undefined || address === null ? undefined : String(address);
    const mined = await this.client.withdraw(token.token, text, recipient);
    const { transactionHash } = mined;
    return shapes.transactionOf({
      id: transactionHash,
      txid: transactionHash,
      type: "withdrawal",
      code: this.symbols.code(token.token),
      amount: text,
      status: "pending",
      timeMs: null,
      address: recipient ?? this.client.address,
      info: { transactionHash },
    });
  }

  /**
   * The order that was signed under this `clientOrderId` in the round: sent again it is one order.
   * Throws `DuplicateOrderId` where it says something else and an operator has it.
   */
  async #placedBefore(request: UnifiedRequest): Promise<Placement | undefined> {
    const { tag } = request;
    if (tag === undefined) return undefined;
    const { client } = this;
    const round = request.round ?? (await client.api.call("fetchClock")).round;
    const kept = await client.evidence.orders(round);
    const same = kept.filter(({ signed }) => signed.terms?.tag === tag);
    for (const { signed } of same) if (isSame(client, signed, request)) return signed;
    const taken = same.length === 0 ? [] : await client.fetchOrders(round);
    if (!taken.some((one) => one.terms.tag === tag)) return undefined;
    const message = `clientOrderId: another order of this round is named ${tag}.`;
    throw new UnifiedError("DuplicateOrderId", message);
  }

  /** A market order without a price, bounded by `params.slippage` from the best price now. */
  async #bounded(asked: UnifiedOrderRequest): Promise<UnifiedOrderRequest> {
    const slippage = (asked.params as { readonly slippage?: unknown } | undefined)?.slippage;
    const isOpen = asked.price === undefined || asked.price === null;
    if (asked.type !== "market" || !isOpen || slippage === undefined) return asked;
    const part = Number(slippage);
    if (!(part >= 0 && part < 1)) {
      throw new UnifiedError(
        "BadRequest",
        `params.slippage: ${slippage} is no part, such as 0.01.`,
      );
    }
    const { bid, ask: offer } = await this.fetchTicker(asked.symbol);
    const best = asked.side === "buy" ? offer : bid;
    if (best === undefined) {
      throw new UnifiedError("OrderNotFillable", "Nobody offers the other side of this order now.");
    }
    const price = Number(best) * (asked.side === "buy" ? 1 + part : 1 - part);
    return { ...asked, price };
  }

  async #ordersOf(first: number, last: number, symbol: unknown, from: unknown, limit: unknown) {
    const { symbols } = this;
    const market = symbol === undefined || symbol === null ? undefined : symbols.market(symbol);
    const rounds = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    const found = await Promise.all(rounds.map((round) => this.client.fetchOrders(round)));
    const orders = found.flat().flatMap((one) => shapes.orderOf(symbols, one) ?? []);
    const wanted = market === undefined ? undefined : symbols.symbol(market);
    const asked = orders.filter((one) => wanted === undefined || one.symbol === wanted);
    const time = ({ timestamp }: { timestamp: number | undefined }) => timestamp ?? 0;
    return page(
      asked.sort((a, b) => time(a) - time(b)),
      from,
      limit,
    );
  }

  #outcomes(outcomes: readonly OrderOutcome[]): UnifiedOutcome[] {
    return outcomes.map(({ order, error }) =>
      order === undefined ? { error: toUnifiedError(error) } : { order: this.#shown(order) },
    );
  }

  #shown(order: OrderResponse): shapes.UnifiedOrder {
    const shown = shapes.orderOf(this.symbols, order);
    if (shown !== undefined) return shown;
    throw new UnifiedError("BadSymbol", "The order's market is traded here no more.");
  }

  /** Milliseconds of a block, by the times of the last ones. */
  async #blockMs(): Promise<number> {
    const { chain } = this.client;
    const newest = await ask("the newest block", () => chain.getBlock());
    const span = newest.number < BigInt(MEASURED_BLOCKS) ? newest.number : BigInt(MEASURED_BLOCKS);
    const blockNumber = newest.number - span;
    const before = await ask("an older block", () => chain.getBlock({ blockNumber }));
    const seconds = Number(newest.timestamp - before.timestamp);
    return Math.max(1, (seconds * 1000) / Math.max(1, Number(span)));
  }
}

/** Whether a signed order says what is asked for. */
function isSame(client: ExchangeClient, signed: Placement, request: UnifiedRequest): boolean {
  const { owner, round, id } = signed.order;
  const built = buildOrder(client.exchange, owner, round, id, request);
  const { timeInForce = "round", goodTillBlock = null, selfTrade = "cancelTaker" } = request;
  const { terms } = signed;
  const isOrder = orderHash(built) === orderHash(signed.order);
  const isTimed = terms?.timeInForce === timeInForce && terms.goodTillBlock === goodTillBlock;
  return isOrder && isTimed && terms.selfTrade === selfTrade;
}

function plain(amount: number): string {
  const text = String(amount);
  return /^\d+(\.\d+)?$/.test(text) ? text : amount.toFixed(20).replace(/\.?0+$/, "");
}
