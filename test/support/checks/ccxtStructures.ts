/**
 * Structures of ccxt, each key with the types that its values may have: after ccxt's own types and
 * its tests of structures, which the package does not ship. A key must be there, whatever its
 * value.
 */
import { expect } from "vitest";

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const number: Check = (value) => typeof value === "number" && Number.isFinite(value);
const positive: Check = (value) => number(value) && (value as number) > 0;
const notNegative: Check = (value) => number(value) && (value as number) >= 0;
const flag: Check = (value) => typeof value === "boolean";
const nothing: Check = (value) => value === undefined;
const object: Check = (value) => typeof value === "object" && value !== null;
const list: Check = Array.isArray;
/** Milliseconds since 1970: whole ones, of this century. */
const time: Check = (value) =>
  Number.isInteger(value) && (value as number) > 1e12 && (value as number) < 1e14;
const iso: Check = (value) => typeof value === "string" && value === new Date(value).toISOString();
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const fee: Check = (value) => {
  const { currency, cost } = value as { currency: unknown; cost: unknown };
  return (currency === undefined && cost === undefined) || (text(currency) && notNegative(cost));
};
const range: Check = (value) => {
  const { min, max } = value as { min: unknown; max: unknown };
  return optional(notNegative)(min) && optional(positive)(max);
};
const ranges: Check = (value) => object(value) && Object.values(value as object).every(range);
const levels: Check = (value) =>
  list(value) &&
  (value as unknown[][]).every((level) => level.length === 2 && level.every(positive));

const STRUCTURES: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  market: {
    id: text,
    symbol: text,
    base: text,
    quote: text,
    baseId: text,
    quoteId: text,
    type: oneOf("spot"),
    spot: oneOf(true),
    margin: oneOf(false),
    swap: oneOf(false),
    future: oneOf(false),
    option: oneOf(false),
    contract: oneOf(false),
    active: flag,
    settle: nothing,
    settleId: nothing,
    contractSize: nothing,
    linear: nothing,
    inverse: nothing,
    expiry: nothing,
    expiryDatetime: nothing,
    strike: nothing,
    optionType: nothing,
    taker: notNegative,
    maker: notNegative,
    percentage: flag,
    tierBased: flag,
    limits: ranges,
    created: optional(time),
    info: object,
    precision: (value) => {
      const { amount, price } = value as { amount: unknown; price: unknown };
      return positive(amount) && positive(price);
    },
  },
  currency: {
    id: text,
    code: text,
    precision: positive,
    active: optional(flag),
    info: object,
    deposit: optional(flag),
    withdraw: optional(flag),
    fee: optional(notNegative),
    name: optional(text),
    limits: ranges,
    networks: object,
  },
  order: {
    id: text,
    clientOrderId: optional(text),
    timestamp: time,
    datetime: iso,
    lastTradeTimestamp: optional(time),
    symbol: text,
    type: oneOf("limit", "market"),
    side: oneOf("buy", "sell"),
    price: positive,
    amount: positive,
    filled: notNegative,
    remaining: notNegative,
    cost: notNegative,
    average: optional(positive),
    fee,
    timeInForce: oneOf("GTC", "IOC", "FOK", "PO"),
    postOnly: flag,
    trades: list,
    status: oneOf("open", "closed", "canceled", "expired", "rejected"),
    info: object,
    triggerPrice: nothing,
    stopPrice: nothing,
    takeProfitPrice: nothing,
    reduceOnly: flag,
  },
  trade: {
    id: text,
    timestamp: time,
    datetime: iso,
    symbol: text,
    side: oneOf("buy", "sell"),
    price: positive,
    amount: positive,
    cost: positive,
    info: object,
    type: optional(text),
    takerOrMaker: oneOf(undefined, "taker", "maker"),
    order: optional(text),
    fee,
  },
  ticker: {
    symbol: text,
    timestamp: optional(time),
    datetime: optional(iso),
    info: object,
    high: optional(positive),
    low: optional(positive),
    bid: optional(positive),
    bidVolume: optional(positive),
    ask: optional(positive),
    askVolume: optional(positive),
    vwap: optional(positive),
    open: optional(positive),
    close: optional(positive),
    last: optional(positive),
    previousClose: optional(number),
    change: optional(number),
    percentage: optional(number),
    average: optional(positive),
    baseVolume: optional(notNegative),
    quoteVolume: optional(notNegative),
  },
  orderBook: {
    symbol: text,
    bids: levels,
    asks: levels,
    timestamp: optional(time),
    datetime: optional(iso),
    nonce: (value) => Number.isInteger(value),
  },
  balance: { free: notNegative, used: notNegative, total: notNegative },
  transaction: {
    id: text,
    txid: optional(text),
    timestamp: optional(time),
    datetime: optional(iso),
    address: optional(text),
    addressFrom: optional(text),
    addressTo: optional(text),
    tag: optional(text),
    tagFrom: optional(text),
    tagTo: optional(text),
    amount: positive,
    type: oneOf("deposit", "withdrawal"),
    currency: text,
    network: optional(text),
    status: oneOf("pending", "ok", "failed", "canceled"),
    updated: optional(time),
    fee,
    internal: optional(flag),
    comment: optional(text),
    info: object,
  },
  ledgerEntry: {
    id: text,
    timestamp: optional(time),
    datetime: optional(iso),
    amount: positive,
    direction: oneOf("in", "out"),
    type: text,
    currency: text,
    status: text,
    info: object,
    account: optional(text),
    referenceId: optional(text),
    before: optional(number),
    after: optional(number),
    fee: optional(fee),
  },
};

/** Fails, naming the keys that are missing or of another type. */
export function expectStructure(name: string, value: unknown): void {
  if (name === "ohlcv") {
    const [openMs, ...numbers] = value as unknown[];
    expect(time(openMs) && numbers.length === 5 && numbers.every(positive)).toBe(true);
    const [open, high, low, close] = numbers as [number, number, number, number];
    expect(Math.max(open, close) <= high && Math.min(open, close) >= low).toBe(true);
    return;
  }
  const checks = STRUCTURES[name];
  if (checks === undefined) throw new Error(`${name} is no structure`);
  const fields = value as Record<string, unknown>;
  const wrong = Object.entries(checks).flatMap(([key, check]) => {
    if (!(key in fields)) return [`${key} is missing`];
    return check(fields[key]) ? [] : [`${key}: ${JSON.stringify(fields[key])}`];
  });
  expect(wrong, name).toEqual([]);
  const { timestamp, datetime } = fields;
  if (timestamp !== undefined) expect(new Date(timestamp as number).toISOString()).toBe(datetime);
  if (name === "ticker") expect(fields["last"]).toBe(fields["close"]);
}
