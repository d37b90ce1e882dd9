/** Orders and cancellations, alone and several at once: signed for what was asked, and written. */
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { MAX_PATH_LENGTH, ORDER_PATH_LENGTH } from "../protocol/limits.ts";
import { orderHash } from "../protocol/messages.ts";
import { DEFAULT_TERMS, isSameTerms, type OrderTerms, termsOf } from "../protocol/trading/terms.ts";
import type { Domain, Order, Round, Signature } from "../protocol/units.ts";
import type { Answer } from "../wire/routes/routes.ts";
import type { Placement } from "../wire/schemas/terms.ts";
import { type Api, OperatorUnreachable, RefusedByOperator } from "./api.ts";
import {
  parseCount,
  parseList,
  parseOrderReference,
  parseOrderRequest,
  parseSignedOrder,
} from "./arguments.ts";
import { requireAsAsked } from "./checks/builtOrder.ts";
import type { ExchangeFacts } from "./checks/exchangeFacts.ts";
import type { OrderIds } from "./checks/orderIds.ts";
import { parseTerms, termsNotKept } from "./checks/orderTerms.ts";
import type { OwnClock, Sessions } from "./checks/ownClock.ts";
import type { EvidenceStore } from "./evidence/evidence.ts";
import type { LatestOrders } from "./latestOrders.ts";
import { anotherOrder, type Operators, requireLength, writeAgain, writeOnce } from "./operators.ts";
import { buildOrder, findMarket } from "./orders.ts";
import type { Receipts } from "./receipts.ts";
import { signSeveral } from "./signing/several.ts";
import type { ClientSigner } from "./signing/signer.ts";
import type { Statements } from "./statements.ts";
import type { OrderStatus } from "./types.ts";

export interface OrderWriterOptions {
  readonly api: Operators;
  readonly owner: Address;
  readonly domain: Domain;
  readonly signer: Pick<ClientSigner, "sign">;
  readonly evidence: EvidenceStore;
  readonly receipts: Receipts;
  readonly latest: LatestOrders;
  readonly ids: OrderIds;
  readonly statements: Pick<
    Statements,
    "prepare" | "signing" | "take" | "refused" | "unanswered" | "tryState"
  >;
  readonly clock: OwnClock;
  readonly sessions: Sessions;
  /** The exchange as the client knows it. */
  readonly exchange: () => ExchangeFacts;
  /** Asks what it is anew; rejects with `MarketChanged` where a market is not what it was. */
  readonly learnAnew: () => Promise<unknown>;
}

/** Refusals that a market other than the one learnt explains. */
const OF_ANOTHER_MARKET = ["MisalignedAmount", "UnknownMarket", "UnknownToken"];

/** The result of one of several writes. */
export type OrderOutcome =
  | { readonly order: OrderStatus; readonly error?: undefined }
  | { readonly order?: undefined; readonly error: RefusedByOperator };

interface Built {
  readonly order: Order;
  readonly terms: OrderTerms | undefined;
}

type Asked = ReturnType<typeof parseAsked>;

function parseAsked(request: unknown) {
  const { given, ...asked } = parseOrderRequest(request);
  return { ...asked, terms: parseTerms(given, asked.id) };
}

/** Signs and writes the orders of one client. */
export class OrderWriter {
  readonly #options: OrderWriterOptions;

  #lastNonce = 0n;

  constructor(options: OrderWriterOptions) {
    this.#options = options;
  }

  /** See `ExchangeClient.createOrder`. */
  async create(request: unknown): Promise<OrderStatus> {
    const { clock } = this.#options;
    const asked = parseAsked(request);
    const first = await this.#sign(asked, asked.round ?? (await this.#currentRound()));
    try {
      return await this.place(first);
    } catch (error) {
      await this.#explain(error);
      const hasRoom = asked.id === undefined && (await this.#makeRoom(error, first.order.round));
      if (hasRoom) return this.place(await this.#sign(asked, first.order.round));
      const isClosed = error instanceof RefusedByOperator && error.code === "OrderRoundClosed";
      const { round } = first.order;
      if (!isClosed || asked.round !== undefined || !(await clock.isOver(round))) throw error;
      const next = await this.#currentRound();
      if (next <= round) throw error;
      return this.place(await this.#sign(asked, next));
    }
  }

  /** See `ExchangeClient.placeOrder`. */
  async place(given: unknown): Promise<OrderStatus> {
    const { api, owner } = this.#options;
    const signed = parseSignedOrder(given, owner);
    const hash = orderHash(signed.order);
    const { round, id } = signed.order;
    const terms = termsOf(signed.terms);
    const status = await writeOnce(api, {
      name: "placeOrder",
      body: signed,
      read: (one) => this.#read(one, round, id),
      isAbout: (shown) => shown.orderHash === hash,
      isDone: (shown) => shown.orderHash === hash,
    }).catch((error: unknown) => {
      this.#noteRefusal(error, signed.order);
      throw error instanceof OperatorUnreachable ? error.about([signed]) : error;
    });
    const kept = await this.#keep(status, round);
    if (!isSameTerms(kept.terms, terms)) throw termsNotKept(kept);
    return kept;
  }

  /** See `ExchangeClient.cancelOrder`. */
  async cancel(order: unknown): Promise<OrderStatus> {
    const { api, owner, domain, signer } = this.#options;
    const { round, id } = parseOrderReference(order);
    const cancel = { owner, round, id };
    const signature = await signer.sign(domain, "CancelOrder", cancel);
    const status = await writeOnce(api, {
      name: "cancelOrder",
      body: { cancel, signature },
      read: (one) => this.#read(one, round, id),
      isAbout: (shown) => shown.owner === owner && shown.round === round && shown.id === id,
      isDone: (shown) => shown.state === "cancelled",
    });
    return this.#keep(status, round);
  }

  /**
   * Signs orders as `create` does one, for the current round or the one that each names: up to 16
   * with one signature, more singly. They are among the evidence then, and sent nowhere yet. Throws
   * `BadArgument`, and signs none then.
   */
  async signMany(requests: unknown): Promise<Placement[]> {
    const asked = parseList("orders", requests, parseAsked);
    const current = asked.every(({ round }) => round !== undefined)
      ? undefined
      : await this.#currentRound();
    const rounds = asked.map((one) => one.round ?? (current as Round));
    for (const [at, one] of asked.entries()) this.#orderOf(one, rounds[at] as Round, one.id ?? 1n);
    for (const round of new Set(rounds)) {
      const more = rounds.filter((one) => one === round).length;
      await this.#options.statements.prepare(round, more);
    }
    return this.#signAll(asked.map((one, at) => this.#build(one, rounds[at] as Round)));
  }

  /**
   * Places orders that are signed and among the evidence, up to 50: each is answered by itself, in
   * their order. The same list may be sent again: an order that was taken is answered as it is.
   * Throws `OperatorUnreachable` with them where nothing is known of any, `RefusedByOperator` where
   * none was looked at, `BadReceipt`, `TermsNotKept`, `BadArgument`.
   */
  async placeMany(given: unknown): Promise<OrderOutcome[]> {
    const { api, owner } = this.#options;
    const signed = parseList("orders", given, (one) => parseSignedOrder(one, owner));
    const { statements } = this.#options;
    const lost = (error: unknown) => {
      for (const { order } of signed) statements.unanswered(order);
      throw error instanceof OperatorUnreachable ? error.about(signed) : error;
    };
    const body = { orders: signed };
    const { answer: items } = await writeAgain(api, "placeOrders", body).catch(lost);
    requireLength(api.url, items, signed.length);
    for (const [at, { order, signature: _, terms }] of signed.entries()) {
      const status = items[at]?.order;
      if (items[at]?.error?.act === "caller") this.#options.statements.refused(order);
      if (status === null || status === undefined) continue;
      if (status.orderHash !== orderHash(order)) throw anotherOrder(api.url);
      if (!isSameTerms(status.terms, termsOf(terms))) throw termsNotKept(status);
    }
    return this.#outcomes(items);
  }

  /** `signMany`, then `placeMany`. */
  async createMany(requests: unknown): Promise<OrderOutcome[]> {
    return this.placeMany(await this.signMany(requests));
  }

  /** Cancels up to 50 orders with one signature; each is answered by itself, in their order. */
  async cancelMany(given: unknown): Promise<OrderOutcome[]> {
    const { api, owner, domain, signer } = this.#options;
    const cancels = parseList("orders", given, parseOrderReference).map((one) => ({
      owner,
      ...one,
    }));
    const signatures = await signSeveral(
      signer,
      domain,
      "CancelOrder",
      cancels,
      2 ** MAX_PATH_LENGTH,
    );
    const body = {
      cancels: cancels.map((cancel, at) => ({ cancel, signature: signatures[at] as Signature })),
    };
    const { answer, wasOpen } = await writeAgain(api, "cancelOrders", body);
    requireLength(api.url, answer, cancels.length);
    return this.#outcomes(wasOpen ? await this.#settled(answer, cancels) : answer);
  }

  /** Takes out all orders of this client, of this round and the next; gives those that it took. */
  async cancelAll(): Promise<OrderStatus[]> {
    const { api, owner, domain, signer } = this.#options;
    const cancelAll = { owner, round: await this.#currentRound(), nonce: this.#nextNonce() };
    const signature = await signer.sign(domain, "CancelAll", cancelAll);
    const { answer: taken } = await writeAgain(api, "cancelAllOrders", { cancelAll, signature });
    return Promise.all(taken.map((status) => this.#keep(status, status.round)));
  }

  /**
   * Sets the dead-man switch: once the exchange's clock is past `block`, all orders of this client
   * go, whoever leads then; 0 takes it off. Call it again before. With `graceBlocks` it moves to so
   * many blocks ahead by itself as long as this client listens to its own events at the operator
   * that leads: it is a cancel on disconnect then.
   */
  async cancelAfter(block: number, graceBlocks = 0): Promise<Answer<"cancelOrdersAfter">> {
    const { api, owner, domain, signer } = this.#options;
    const until = parseCount("block", block);
    const grace = parseCount("graceBlocks", graceBlocks);
    const wish = { owner, round: await this.#currentRound(), nonce: this.#nextNonce() };
    const cancelAfter = { ...wish, block: until, graceBlocks: grace };
    const signature = await signer.sign(domain, "CancelAfter", cancelAfter);
    return (await writeAgain(api, "cancelOrdersAfter", { cancelAfter, signature })).answer;
  }

  /** Takes `old` out and a new order in, both or neither, with no trade in between. */
  async replace(old: unknown, request: unknown): Promise<Answer<"replaceOrder">> {
    const { api, owner, domain, signer } = this.#options;
    const cancel = { owner, ...parseOrderReference(old) };
    const asked = parseAsked(request);
    const placed = await this.#sign(asked, asked.round ?? (await this.#currentRound()));
    const cancelSignature = await signer.sign(domain, "CancelOrder", cancel);
    const body = { cancel, cancelSignature, ...placed };
    const { answer } = await writeAgain(api, "replaceOrder", body).catch((error: unknown) => {
      this.#noteRefusal(error, placed.order);
      throw error instanceof OperatorUnreachable ? error.about([placed]) : error;
    });
    if (answer.placed.orderHash !== orderHash(placed.order)) throw anotherOrder(api.url);
    if (!isSameTerms(answer.placed.terms, termsOf(placed.terms))) throw termsNotKept(answer.placed);
    await this.#keep(answer.cancelled, answer.cancelled.round);
    await this.#keep(answer.placed, answer.placed.round);
    return answer;
  }

  /** An order as an event told it: its signed fill is checked and kept. Throws `BadReceipt`. */
  async keep(status: OrderStatus): Promise<OrderStatus> {
    return this.#keep(status, status.round);
  }

  /** Above every one before, also of other processes as far as the clock goes. */
  #nextNonce(): bigint {
    const now = BigInt(Date.now());
    this.#lastNonce = now > this.#lastNonce ? now : this.#lastNonce + 1n;
    return this.#lastNonce;
  }

  /**
   * Cancellations that an earlier try may have done: an order that is cancelled by now is answered
   * as it is.
   */
  async #settled(
    items: Answer<"cancelOrders">,
    cancels: readonly { readonly round: Round; readonly id: bigint }[],
  ): Promise<Answer<"cancelOrders">> {
    const settled: Answer<"cancelOrders"> = [];
    for (const [at, item] of items.entries()) {
      const { round, id } = cancels[at] ?? { round: 0, id: 0n };
      const isEnded = item.error?.code === "OrderNotOpen";
      const order = isEnded
        ? await this.#options.api.ask((one) => this.#read(one, round, id))
        : undefined;
      settled.push(order?.state === "cancelled" ? { order, error: null } : item);
    }
    return settled;
  }

  async #outcomes(items: Answer<"placeOrders">): Promise<OrderOutcome[]> {
    const outcomes: OrderOutcome[] = [];
    for (const { order, error } of items) {
      if (order !== null) outcomes.push({ order: await this.#keep(order, order.round) });
      else if (error !== null) {
        const { code, act, message } = error;
        outcomes.push({ error: new RefusedByOperator(code, act, message) });
      }
    }
    return outcomes;
  }

  async #keep(status: OrderStatus, round: Round): Promise<OrderStatus> {
    await this.#options.receipts.keep([status], round);
    this.#options.statements.take(status);
    this.#options.latest.take(status);
    return status;
  }

  /** The latest round, as an operator says it and the client's own endpoints do not contradict. */
  async #currentRound(): Promise<Round> {
    const { api, clock } = this.#options;
    return clock.confirm((await api.call("fetchClock")).round);
  }

  async #sign(request: Asked, round: Round): Promise<Placement> {
    this.#orderOf(request, round, request.id ?? 1n);
    await this.#options.statements.prepare(round, 1);
    const [signed] = await this.#signAll([this.#build(request, round)]);
    return signed as Placement;
  }

  /** The order with an id of its own; throws `BadArgument` where this client stated such ids. */
  #build(request: Asked, round: Round): Built {
    const { ids, statements } = this.#options;
    const isPlain = request.terms === undefined && request.id === undefined;
    const terms = isPlain && ids.needsTerms(round) ? DEFAULT_TERMS : request.terms;
    const id = request.id ?? ids.next(round, terms !== undefined);
    ids.require(round, id);
    statements.signing(round, id);
    return { order: this.#orderOf(request, round, id), terms };
  }

  /** Computed back and compared with what was asked. Throws where it is not the same. */
  #orderOf(request: Asked, round: Round, id: bigint): Order {
    const { owner } = this.#options;
    const exchange = this.#options.exchange();
    const { market, side, price, amount } = request;
    const { base, quote } = findMarket(exchange, market);
    const order = buildOrder(exchange, owner, round, id, { market, side, price, amount });
    const decimals = new Map(exchange.tokens.map((one) => [one.token, one.decimals]));
    requireAsAsked(order, { ...request, base, quote }, decimals);
    return order;
  }

  /** Kept before they are sent: whatever becomes of the answer, the operator may hold them. */
  async #signAll(built: readonly Built[]): Promise<Placement[]> {
    const { evidence, domain, signer } = this.#options;
    const most = 2 ** ORDER_PATH_LENGTH;
    const orders = built.map(({ order }) => order);
    const signatures = await signSeveral(signer, domain, "Order", orders, most);
    const allTerms = built.flatMap(({ order, terms }) =>
      terms === undefined ? [] : [{ orderHash: orderHash(order), ...terms }],
    );
    const termsSignatures = await signSeveral(signer, domain, "OrderTerms", allTerms, most);
    const placements: Placement[] = [];
    for (const [at, { order, terms }] of built.entries()) {
      const signature = signatures[at] as Signature;
      const ofTerms = terms && { ...terms, signature: termsSignatures.shift() as Signature };
      const placed = { order, signature, ...(ofTerms !== undefined && { terms: ofTerms }) };
      await evidence.saveOrder(orderHash(order), placed);
      placements.push(placed);
    }
    return placements;
  }

  /** A refusal that stays: the leader has no such order, and takes it no more. */
  #noteRefusal(error: unknown, order: Order): void {
    const isFinal = error instanceof RefusedByOperator && error.act === "caller";
    const { statements } = this.#options;
    if (isFinal && error.code !== "DuplicateOrderId") statements.refused(order);
    else statements.unanswered(order);
  }

  /** Whether a statement lifted the limit that an order was refused for. */
  async #makeRoom(error: unknown, round: Round): Promise<boolean> {
    const isFull = error instanceof RefusedByOperator && error.code === "TooManyOrders";
    const { ids, statements } = this.#options;
    const before = ids.watermark(round);
    return (
      isFull && (await statements.tryState(round)) !== undefined && ids.watermark(round) > before
    );
  }

  /** Throws `MarketChanged` where that is why an order was refused. */
  async #explain(error: unknown): Promise<void> {
    if (!(error instanceof RefusedByOperator) || !OF_ANOTHER_MARKET.includes(error.code)) return;
    await this.#options.learnAnew().catch((found: unknown) => {
      if (found instanceof QuarterdeckError && found.name === "MarketChanged") throw found;
    });
  }

  /** An order as the operator behind `api` shows it, and no other. */
  async #read(api: Api, round: Round, id: bigint): Promise<OrderStatus | undefined> {
    const { sessions, owner } = this.#options;
    const session = await sessions.header((await api.call("fetchClock")).chainHead);
    const own = { params: { client: owner }, query: { round }, session };
    return (await api.call("fetchOrders", own)).find((one) => one.id === id);
  }
}
