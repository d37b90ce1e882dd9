/**
 * The structures of ccxt's unified API, from what operators answer. Numbers are decimal text, exact;
 * undefined is what nobody knows. `info` is the answer itself, with its amounts in base units.
 */
import { formatDecimal } from "../base/decimal.ts";
import type { Amount } from "../protocol/units.ts";
import type { Answer } from "../wire/routes/routes.ts";
import type { ClientTradeResponse, DepositResponse } from "../wire/schemas/account.ts";
import type { CandleResponse, TickerResponse, TradeResponse } from "../wire/schemas/market.ts";
import type { OrderResponse } from "../wire/schemas/order.ts";
import { toJson } from "../wire/schemas/values.ts";
import { idOf, type Market, type Symbols, type Token } from "./symbols.ts";

/** An answer as plain JSON, which bots write to files. */
function infoOf(answer: unknown): unknown {
  return JSON.parse(toJson(answer as object));
}

export function iso(timestamp: number | undefined): string | undefined {
  return timestamp === undefined ? undefined : new Date(timestamp).toISOString();
}

function times(timeMs: number | null | undefined) {
  const timestamp = timeMs ?? undefined;
  return { timestamp, datetime: iso(timestamp) };
}

export function priceText(symbols: Symbols, market: Market, price: Amount): string {
  const { decimals } = symbols.token(market.quote);
  return formatDecimal(price * symbols.priceScale(market), decimals);
}

function optionalPrice(symbols: Symbols, market: Market, price: Amount | null | undefined) {
  return price == null ? undefined : priceText(symbols, market, price);
}

function baseText(symbols: Symbols, market: Market, amount: Amount): string {
  return formatDecimal(amount, symbols.token(market.base).decimals);
}

function quoteText(symbols: Symbols, market: Market, amount: Amount): string {
  return formatDecimal(amount, symbols.token(market.quote).decimals);
}

export function marketOf(symbols: Symbols, market: Market) {
  const [base, quote] = [symbols.code(market.base), symbols.code(market.quote)];
  const lot = baseText(symbols, market, market.lot);
  const tick = priceText(symbols, market, market.tick);
  return {
    id: idOf(market),
    symbol: symbols.symbol(market),
    base,
    quote,
    baseId: market.base,
    quoteId: market.quote,
    type: "spot" as const,
    spot: true,
    margin: false,
    swap: false,
    future: false,
    option: false,
    contract: false,
    active: true,
    taker: "0",
    maker: "0",
    percentage: true,
    tierBased: false,
    feeSide: "get",
    precision: { amount: lot, price: tick },
    limits: {
      amount: { min: lot, max: undefined },
      price: { min: tick, max: undefined },
      cost: { min: undefined, max: undefined },
      leverage: { min: undefined, max: undefined },
    },
    info: infoOf(market),
  };
}

export function currencyOf(symbols: Symbols, token: Token) {
  const unit = formatDecimal(1n, token.decimals);
  return {
    id: token.token,
    code: symbols.code(token.token),
    name: token.symbol,
    type: "crypto",
    active: true,
    deposit: true,
    withdraw: true,
    margin: false,
    fee: "0",
    precision: unit,
    limits: {
      amount: { min: unit, max: undefined },
      withdraw: { min: unit, max: undefined },
      deposit: { min: unit, max: undefined },
    },
    networks: {},
    info: infoOf(token),
  };
}

export function tickerOf(symbols: Symbols, market: Market, ticker: TickerResponse) {
  const price = (one: Amount | null) => optionalPrice(symbols, market, one);
  // No trade in 24 hours: the last one before is no price of the day.
  const last = ticker.last ?? ticker.open;
  return {
    symbol: symbols.symbol(market),
    ...times(ticker.timeMs),
    bid: price(ticker.bid?.price ?? null),
    bidVolume: ticker.bid === null ? undefined : baseText(symbols, market, ticker.bid.amount),
    ask: price(ticker.ask?.price ?? null),
    askVolume: ticker.ask === null ? undefined : baseText(symbols, market, ticker.ask.amount),
    open: price(ticker.open),
    high: price(ticker.high),
    low: price(ticker.low),
    close: price(last),
    last: price(last),
    baseVolume: baseText(symbols, market, ticker.baseVolume),
    quoteVolume: quoteText(symbols, market, ticker.quoteVolume),
    info: infoOf(ticker),
  };
}

export type UnifiedBook = ReturnType<typeof bookOf>;

interface Levels {
  readonly price: Amount;
  readonly amount: Amount;
}

/** `nonce`: the journal's record up to which it is told. */
export function bookOf(
  symbols: Symbols,
  market: Market,
  book: { readonly bids: readonly Levels[]; readonly asks: readonly Levels[] },
  nonce: number,
) {
  const side = (levels: readonly Levels[]) =>
    levels.map(({ price, amount }): [string, string] => [
      priceText(symbols, market, price),
      baseText(symbols, market, amount),
    ]);
  return {
    symbol: symbols.symbol(market),
    bids: side(book.bids),
    asks: side(book.asks),
    timestamp: undefined,
    datetime: undefined,
    nonce,
  };
}

const NO_FEE = "0";

function tradePart(symbols: Symbols, market: Market, trade: TradeResponse) {
  return {
    id: String(trade.sequence),
    ...times(trade.timeMs),
    symbol: symbols.symbol(market),
    type: undefined,
    price: priceText(symbols, market, trade.price),
    amount: baseText(symbols, market, trade.baseAmount),
    cost: quoteText(symbols, market, trade.quoteAmount),
    info: infoOf(trade),
  };
}

export interface UnifiedTrade extends ReturnType<typeof tradePart> {
  readonly side: "buy" | "sell";
  /** Of the client's own trades. */
  readonly order: string | undefined;
  readonly takerOrMaker: "taker" | "maker" | undefined;
  readonly fee: { readonly currency: string; readonly cost: string } | undefined;
}

/** A trade of the market; `side`: what its later order did. */
export function tradeOf(symbols: Symbols, market: Market, trade: TradeResponse): UnifiedTrade {
  const part = tradePart(symbols, market, trade);
  return {
    ...part,
    order: undefined,
    takerOrMaker: undefined,
    side: trade.takerSide,
    fee: undefined,
  };
}

/** A trade of the client. */
export function ownTradeOf(
  symbols: Symbols,
  market: Market,
  trade: ClientTradeResponse,
): UnifiedTrade {
  const { base, quote } = market;
  const got = trade.side === "buy" ? base : quote;
  return {
    ...tradePart(symbols, market, trade),
    order: orderId(trade.round, trade.orderId),
    takerOrMaker: trade.role,
    side: trade.side,
    fee: { currency: symbols.code(got), cost: NO_FEE },
  };
}

const STATUS = {
  queued: "open",
  open: "open",
  filled: "closed",
  cancelled: "canceled",
  expired: "expired",
  refused: "rejected",
} as const;

const TIME_IN_FORCE = { round: "GTC", ioc: "IOC", fok: "FOK", postOnly: "PO" } as const;

/** `<round>-<id>`: an id is its owner's choice, and unique in its round. */
export function orderId(round: number, id: bigint): string {
  return `${round}-${id}`;
}

export type UnifiedOrder = NonNullable<ReturnType<typeof orderOf>>;

/** Undefined where its market is traded no more. */
export function orderOf(symbols: Symbols, order: OrderResponse) {
  const isBuy = order.intent === "buyAll";
  const [base, quote] = isBuy
    ? [order.buyToken, order.sellToken]
    : [order.sellToken, order.buyToken];
  const market = symbols.marketOf(base, quote);
  if (market === undefined) return undefined;
  const whole = isBuy ? order.buyAmount : order.sellAmount;
  const quoteAmount = isBuy ? order.sellAmount : order.buyAmount;
  const filled = isBuy ? order.bought : order.sold;
  const cost = isBuy ? order.sold : order.bought;
  const inBase = (amount: Amount) => baseText(symbols, market, amount);
  const unit = 10n ** BigInt(symbols.token(base).decimals);
  const average = filled === 0n ? undefined : quoteText(symbols, market, (cost * unit) / filled);
  const { timeInForce, tag } = order.terms;
  return {
    id: orderId(order.round, order.id),
    clientOrderId: tag ?? undefined,
    ...times(order.timeMs),
    lastTradeTimestamp: undefined,
    lastUpdateTimestamp: undefined,
    symbol: symbols.symbol(market),
    type: "limit",
    timeInForce: TIME_IN_FORCE[timeInForce] as string,
    postOnly: timeInForce === "postOnly",
    reduceOnly: false,
    side: isBuy ? "buy" : "sell",
    price: priceText(symbols, market, (quoteAmount * market.lot) / whole),
    average,
    amount: inBase(whole),
    filled: inBase(filled),
    remaining: inBase(whole - filled),
    cost: quoteText(symbols, market, cost),
    status: STATUS[order.state] as string,
    fee: { currency: symbols.code(isBuy ? base : quote), cost: NO_FEE },
    info: infoOf(order),
  };
}

export type UnifiedBalances = ReturnType<typeof balancesOf>;

export function balancesOf(symbols: Symbols, balances: Answer<"fetchBalances">) {
  const entries = balances
    .filter(({ token }) => symbols.exchange.tokens.some((one) => one.token === token))
    .map(({ token, free, locked, total }) => {
      const text = (amount: Amount) => formatDecimal(amount, symbols.token(token).decimals);
      const account = { free: text(free), used: text(locked), total: text(total) };
      return [symbols.code(token), account] as const;
    });
  return { accounts: Object.fromEntries(entries), info: infoOf(balances) };
}

export type UnifiedCandle = readonly [number, string, string, string, string, string];

export function candleOf(symbols: Symbols, market: Market, candle: CandleResponse): UnifiedCandle {
  const price = (one: Amount) => priceText(symbols, market, one);
  const { openMs, open, high, low, close, baseVolume } = candle;
  const volume = baseText(symbols, market, baseVolume);
  return [openMs, price(open), price(high), price(low), price(close), volume];
}

interface Transfer {
  readonly id: string;
  readonly txid: string | undefined;
  readonly type: "deposit" | "withdrawal";
  readonly code: string;
  readonly amount: string;
  readonly status: "pending" | "ok" | "failed" | "canceled";
  readonly timeMs: number | null;
  readonly address: string | undefined;
  readonly info: unknown;
}

export type UnifiedTransaction = ReturnType<typeof transactionOf>;

export function transactionOf({ timeMs, code, info, ...transfer }: Transfer) {
  return {
    ...transfer,
    info: infoOf(info),
    ...times(timeMs),
    currency: code,
    network: undefined,
    addressFrom: undefined,
    addressTo: transfer.address,
    tag: undefined,
    tagFrom: undefined,
    tagTo: undefined,
    updated: undefined,
    comment: undefined,
    internal: false,
    fee: { currency: code, cost: NO_FEE },
  };
}

export function depositOf(symbols: Symbols, deposit: DepositResponse): UnifiedTransaction {
  const { token, amount, transactionHash, state, timeMs } = deposit;
  return transactionOf({
    id: transactionHash,
    txid: transactionHash,
    type: "deposit",
    code: symbols.code(token),
    amount: formatDecimal(amount, symbols.token(token).decimals),
    status: state === "pending" ? "pending" : "ok",
    timeMs,
    address: undefined,
    info: infoOf(deposit),
  });
}

type Move = Answer<"fetchLedger">[number];

const LEDGER_STATUS = { withdrawalRefused: "failed", withdrawalReturned: "ok" } as const;

/** A movement that changed the balance; the others are told of withdrawals. */
export function ledgerEntryOf(symbols: Symbols, move: Move) {
  const { kind, token, amount, record, index, timeMs, transactionHash } = move;
  return {
    id: `${record}-${index}`,
    ...times(timeMs),
    direction: kind === "withdrawal" ? "out" : "in",
    account: undefined,
    referenceId: transactionHash ?? undefined,
    referenceAccount: undefined,
    type: "transaction",
    currency: symbols.code(token),
    amount: formatDecimal(amount, symbols.token(token).decimals),
    before: undefined,
    after: undefined,
    status: kind in LEDGER_STATUS ? LEDGER_STATUS[kind as keyof typeof LEDGER_STATUS] : "ok",
    fee: undefined,
    info: infoOf(move),
  };
}
