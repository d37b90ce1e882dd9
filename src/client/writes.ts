/**
 * Orders and cancellations: signed as requested, and idempotent: each counts once, whatever becomes
 * of its answer. The same signed body is sent again until somebody answers it; a refusal that an
 * earlier try may have caused is compared with the order's state at the operator that refused.
 */
import type { Curve } from "../base/curve.ts";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { hashCancelOrder, hashOrder, hashOrderTerms, orderHash } from "../protocol/messages.ts";
import { signMessage } from "../protocol/signatures.ts";
import { isSameTerms, termsOf } from "../protocol/trading/terms.ts";
import type { Domain, Round } from "../protocol/units.ts";
import type { Body } from "../wire/routes/routes.ts";
import type { Placement } from "../wire/schemas/terms.ts";
import { type Api, OperatorUnreachable, RefusedByOperator } from "./api.ts";
import { parseOrderReference, parseOrderRequest, parseSignedOrder } from "./arguments.ts";
import { requireAsAsked } from "./checks/builtOrder.ts";
import type { ExchangeFacts } from "./checks/exchangeFacts.ts";
import { parseTerms, randomId } from "./checks/orderTerms.ts";
import type { OwnClock, Sessions } from "./checks/ownClock.ts";
import type { EvidenceStore } from "./evidence.ts";
import type { LatestOrders } from "./latestOrders.ts";
import { isAnsweredElsewhere, type Operators } from "./operators.ts";
import { buildOrder, findMarket } from "./orders.ts";
import type { Receipts } from "./receipts.ts";
import type { OrderStatus } from "./types.ts";

export interface Write<Name extends "placeOrder" | "cancelOrder"> {
  readonly name: Name;
  readonly body: Body<Name>;
  /** The order as that operator shows it; undefined if it shows none. */
  readonly read: (api: Api) => Promise<OrderStatus | undefined>;
  /** Whether an answer is about this order: one about another answers nothing. */
  readonly isAbout: (status: OrderStatus) => boolean;
  /** Whether the write is what made the order as it is. */
  readonly isDone: (status: OrderStatus) => boolean;
}

/**
 * Resolves once it is durable. Throws `RefusedByOperator` when it was not taken, and
 * `OperatorUnreachable` when that is not known: then the same write may be sent again.
 */
export async function writeOnce<Name extends "placeOrder" | "cancelOrder">(
  operators: Operators,
  { name, body, read, isAbout, isDone }: Write<Name>,
): Promise<OrderStatus> {
  // Whether a try was left without an answer, so that it may have been taken; and how it failed.
  let isOpen = false;
  let openError: OperatorUnreachable | undefined;
  const attempt = async (api: Api): Promise<OrderStatus> => {
    try {
      const answer = (await api.call(name, { body })) as OrderStatus;
      if (isAbout(answer)) return answer;
      throw new OperatorUnreachable(api.url, "it answers about another order");
    } catch (error) {
      if (isAnsweredElsewhere(error) || !(error instanceof RefusedByOperator)) {
        isOpen ||= leavesOpen(error);
        if (error instanceof OperatorUnreachable && error.mayHaveArrived) openError ??= error;
        throw error;
      }
      // A write that is refused as a duplicate may be this very order, sent by an earlier call.
      if (!isOpen && error.code !== "DuplicateOrderId") throw error;
      if (isUnsigned(error)) throw error;
      const status = await readAfter(error, () => read(api));
      if (status !== undefined && isDone(status)) return status;
      throw error;
    }
  };
  const isUnsettled = (error: unknown) =>
    isOpen && error instanceof RefusedByOperator && error.act === "retry" && !isUnsigned(error);
  const isElsewhere = (error: unknown) => isAnsweredElsewhere(error) || isUnsettled(error);
  try {
    return await operators.ask(attempt, { isElsewhere });
  } catch (error) {
    // Another that was never reached hides nothing of a try that may have arrived.
    if (error instanceof OperatorUnreachable) throw openError ?? error;
    if (!isUnsettled(error)) throw error;
    const { code } = error as RefusedByOperator;
    throw new OperatorUnreachable(operators.url, `${code}, and an earlier try is open`, error);
  }
}

/** The write was taken, and its state cannot be given now. */
function isUnsigned(error: RefusedByOperator): boolean {
  return error.code === "FillUnsigned";
}

/**
 * An operator that lost the lead meanwhile answers `NotLeader` too, and may have kept the write.
 */
function leavesOpen(error: unknown): boolean {
  if (error instanceof OperatorUnreachable) return error.mayHaveArrived;
  return error instanceof RefusedByOperator && error.code === "NotLeader";
}

/** A state that cannot be read settles nothing: that is no refusal of the write. */
async function readAfter<T>(refusal: RefusedByOperator, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof RefusedByOperator) || isUnsigned(error)) throw error;
    throw new OperatorUnreachable("The operator", `${refusal.code}, then ${error.code}`, error);
  }
}

export interface OrderWriterOptions {
  readonly api: Operators;
  readonly owner: Address;
  readonly domain: Domain;
  readonly curve: Curve;
  readonly privateKey: Uint8Array;
  readonly evidence: EvidenceStore;
  readonly receipts: Receipts;
  readonly latest: LatestOrders;
  readonly clock: OwnClock;
  readonly sessions: Sessions;
  /** The exchange as the client knows it. */
  readonly exchange: () => ExchangeFacts;
  /** Asks what it is anew; rejects with `MarketChanged` where a market is not what it was. */
  readonly learnAnew: () => Promise<unknown>;
}

/** Refusals that a market other than the one learnt explains. */
const OF_ANOTHER_MARKET = ["MisalignedAmount", "UnknownMarket", "UnknownToken"];

type Asked = ReturnType<typeof parseAsked>;

function parseAsked(request: unknown) {
  const { given, ...asked } = parseOrderRequest(request);
  return { ...asked, terms: parseTerms(given, asked.id) };
}

/** Signs and writes the orders of one client. */
export class OrderWriter {
  readonly #options: OrderWriterOptions;

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
      throw error instanceof OperatorUnreachable ? error.about(signed) : error;
    });
    const kept = await this.#keep(status, round);
    if (!isSameTerms(kept.terms, terms)) throw termsNotKept(kept);
    return kept;
  }

  /** See `ExchangeClient.cancelOrder`. */
  async cancel(order: unknown): Promise<OrderStatus> {
    const { api, owner, curve, domain, privateKey } = this.#options;
    const { round, id } = parseOrderReference(order);
    const cancel = { owner, round, id };
    const signature = signMessage(curve, domain, hashCancelOrder(cancel), privateKey);
    const status = await writeOnce(api, {
      name: "cancelOrder",
      body: { cancel, signature },
      read: (one) => this.#read(one, round, id),
      isAbout: (shown) => shown.owner === owner && shown.round === round && shown.id === id,
      isDone: (shown) => shown.state === "cancelled",
    });
    return this.#keep(status, round);
  }

  async #keep(status: OrderStatus, round: Round): Promise<OrderStatus> {
    await this.#options.receipts.keep([status], round);
    this.#options.latest.take(status);
    return status;
  }

  /** The latest round, as an operator says it and the client's own endpoints do not contradict. */
  async #currentRound(): Promise<Round> {
    const { api, clock } = this.#options;
    return clock.confirm((await api.call("fetchClock")).round);
  }

  /** Kept before it is sent: whatever becomes of the answer, the operator may hold the order. */
  async #sign(request: Asked, round: Round): Promise<Placement> {
    const { owner, curve, domain, privateKey, evidence } = this.#options;
    const exchange = this.#options.exchange();
    const { market, side, price, amount, terms } = request;
    const { base, quote } = findMarket(exchange, market);
    const id = request.id ?? randomId(terms !== undefined);
    const order = buildOrder(exchange, owner, round, id, { market, side, price, amount });
    const decimals = new Map(exchange.tokens.map((one) => [one.token, one.decimals]));
    requireAsAsked(order, { ...request, base, quote }, decimals);
    const signature = signMessage(curve, domain, hashOrder(order), privateKey);
    const hash = orderHash(order);
    await evidence.saveOrder(hash, { order, signature });
    if (terms === undefined) return { order, signature };
    const termsHash = hashOrderTerms({ orderHash: hash, ...terms });
    const signed = { ...terms, signature: signMessage(curve, domain, termsHash, privateKey) };
    return { order, signature, terms: signed };
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

function termsNotKept({ round, id }: OrderStatus): QuarterdeckError {
  return new QuarterdeckError({
    code: "TermsNotKept",
    message: `The operator holds order ${id} of round ${round} with other terms than were signed.`,
    hint: "Cancel it, and do not trade with this operator.",
  });
}
