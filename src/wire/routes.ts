/**
 * The one table of routes: the server serves it, the client calls it, the documents list it.
 * `access` says who may: anybody, or only the client named in the path with a session of its own
 * (see session.ts).
 */
import * as z from "zod";
import {
  address,
  amount,
  balanceProof,
  cancelOrder,
  count,
  countText,
  hash,
  signature,
  signatureInput,
  signedFill,
  signedOrderInput,
  uint64,
} from "./shapes.ts";

/**
 * The record of the journal up to which something is told. Answers and events overtake each other,
 * on the way and between operators: of two messages about the same thing, the one with the greater
 * `asOf` is the newer, whoever sent it.
 */
const asOf = count;

const market = z.object({
  /** BASE/QUOTE by symbols. */
  name: z.string(),
  base: address,
  quote: address,
  /** Base units of base in a lot: amounts are whole lots. */
  lot: amount,
  /** Base units of quote: the price of a lot is a whole number of ticks. */
  tick: amount,
});

const token = z.object({
  token: address,
  symbol: z.string(),
  decimals: count,
  /** First committed in the round after this one. */
  listedRound: count,
});

export const exchange = z.object({
  chainId: count,
  mediator: address,
  manager: address,
  /** Key with which this operator signs fills. */
  operator: address,
  schedule: z.object({ genesisBlock: count, roundSize: count }),
  /** Blocks by which this operator's clock trails the chain's. */
  confirmations: count,
  markets: z.array(market),
  tokens: z.array(token),
  limits: z.object({ ordersPerClientAndRound: count }),
});

/** Signed as `OperatorIdentity` in the manager's domain (protocol/messages.ts). */
const identity = z.object({
  operator: address,
  /** Its own, as it is configured. */
  endpoint: z.string(),
  challenge: hash,
  version: z.string(),
  signature,
});

export const clock = z.object({
  /** Newest block of the chain that this operator has seen. */
  chainHead: count,
  /** The exchange's own block: `confirmations` behind. */
  block: count,
  round: count,
  quarter: count,
  /** First block of the next quarter. */
  nextQuarterBlock: count,
  blocksLeft: count,
  /** Last round whose every token is committed on chain. */
  committedRound: count,
  haltRound: count.nullable(),
});

const level = z.object({
  /** Base units of quote for a lot. */
  price: amount,
  /** Base units of base. */
  amount: amount,
});

const book = z.object({
  base: address,
  quote: address,
  bids: z.array(level),
  asks: z.array(level),
  asOf,
});

export const trade = z.object({
  sequence: uint64,
  block: count,
  round: count,
  base: address,
  quote: address,
  price: amount,
  baseAmount: amount,
  quoteAmount: amount,
  /** What the later order did. */
  takerSide: z.enum(["buy", "sell"]),
});

export const orderStatus = z.object({
  orderHash: hash,
  owner: address,
  round: count,
  id: uint64,
  sellToken: address,
  sellAmount: amount,
  buyToken: address,
  buyAmount: amount,
  intent: z.enum(["buyAll", "sellAll"]),
  state: z.enum(["queued", "open", "filled", "cancelled", "expired", "refused"]),
  sold: amount,
  bought: amount,
  asOf,
  /** The operator's signature on what was executed so far: keep it, it is evidence. */
  fill: signedFill.nullable(),
});

export const balance = z.object({
  token: address,
  total: amount,
  locked: amount,
  free: amount,
  asOf,
});

export const withdrawal = z.object({
  token: address,
  round: count,
  amount: amount,
  recipient: address,
  state: z.enum(["undecided", "debited", "refused"]),
  /** First block at which confirmWithdrawal pays it, if no halt comes between. */
  payableFrom: count,
  asOf,
});

const clientPath = z.strictObject({ client: address });
const marketPath = z.strictObject({ base: address, quote: address });
const limitText = countText.pipe(z.number().int().min(1).max(500));

export const clientTrade = trade.extend({
  /** Of the client's own order, of the trade's round. */
  orderId: uint64,
  side: z.enum(["buy", "sell"]),
});

export type Access = "public" | "client";

/** One route: what it takes and gives. `path` in the notation of fastify. */
export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly access: Access;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly answer: z.ZodType;
  readonly about: string;
}

export const ROUTES = {
  fetchExchange: {
    method: "GET",
    path: "/v1/exchange",
    access: "public",
    answer: exchange,
    about: "What this exchange is: chain, contracts, markets, tokens, limits.",
  },
  fetchIdentity: {
    method: "GET",
    path: "/v1/identity",
    access: "public",
    query: z.strictObject({ challenge: hash }),
    answer: identity,
    about: "Shows that this endpoint holds the operator's key, by signing 32 bytes of the caller.",
  },
  fetchClock: {
    method: "GET",
    path: "/v1/clock",
    access: "public",
    answer: clock,
    about: "The exchange's own time, and the deadline ahead.",
  },
  fetchOrderBook: {
    method: "GET",
    path: "/v1/markets/:base/:quote/book",
    access: "public",
    params: marketPath,
    query: z.strictObject({ depth: limitText.default(50) }),
    answer: book,
    about: "Price levels, best first.",
  },
  fetchTrades: {
    method: "GET",
    path: "/v1/markets/:base/:quote/trades",
    access: "public",
    params: marketPath,
    query: z.strictObject({ limit: limitText.default(100) }),
    answer: z.array(trade),
    about: "The market's latest trades, newest first.",
  },
  placeOrder: {
    method: "POST",
    path: "/v1/orders",
    access: "public",
    body: signedOrderInput,
    answer: orderStatus,
    about: "Places a signed order. Answered once it is durable and matched.",
  },
  cancelOrder: {
    method: "POST",
    path: "/v1/orders/cancel",
    access: "public",
    body: z.strictObject({ cancel: cancelOrder, signature: signatureInput }),
    answer: orderStatus,
    about: "Takes an order out of the book, signed by its owner or trading key.",
  },
  fetchBalances: {
    method: "GET",
    path: "/v1/clients/:client/balances",
    access: "client",
    params: clientPath,
    answer: z.array(balance),
    about: "Balances of every token, as of the exchange's block.",
  },
  fetchOrders: {
    method: "GET",
    path: "/v1/clients/:client/orders",
    access: "client",
    params: clientPath,
    query: z.strictObject({ round: countText.optional() }),
    answer: z.array(orderStatus),
    about: "Orders of a round (default: the current one), with signed fills.",
  },
  fetchMyTrades: {
    method: "GET",
    path: "/v1/clients/:client/trades",
    access: "client",
    params: clientPath,
    query: z.strictObject({ limit: limitText.default(100) }),
    answer: z.array(clientTrade),
    about: "The client's latest trades of the rounds still kept, newest first.",
  },
  fetchProofs: {
    method: "GET",
    path: "/v1/clients/:client/proofs/:round",
    access: "client",
    params: z.strictObject({ client: address, round: countText }),
    answer: z.array(z.object({ token: address, proof: balanceProof })),
    about: "The client's proofs against a round's commit, one per token of its set, in order.",
  },
  fetchWithdrawals: {
    method: "GET",
    path: "/v1/clients/:client/withdrawals",
    access: "client",
    params: clientPath,
    answer: z.array(withdrawal),
    about: "Withdrawal requests that wait for a decision, cancellation or confirmation.",
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;
export type Answer<Name extends RouteName> = z.output<(typeof ROUTES)[Name]["answer"]>;
export type Body<Name extends RouteName> = (typeof ROUTES)[Name] extends { body: z.ZodType }
  ? z.output<(typeof ROUTES)[Name]["body"]>
  : undefined;
export type Params<Name extends RouteName> = (typeof ROUTES)[Name] extends { params: z.ZodType }
  ? z.output<(typeof ROUTES)[Name]["params"]>
  : undefined;
export type Query<Name extends RouteName> = (typeof ROUTES)[Name] extends { query: z.ZodType }
  ? z.output<(typeof ROUTES)[Name]["query"]>
  : undefined;
