/**
 * The one place where what callers of this library give is parsed, as if it came from JavaScript:
 * nothing is guessed, and nothing is signed or sent before everything that was given is understood.
 */
import { parseAddress } from "../base/address.ts";
import { UINT64_MAX } from "../base/bytes.ts";
import { parseDecimal } from "../base/decimal.ts";
import type { Address, Hex } from "../base/hex.ts";
import { checkOrder } from "../protocol/orderRule.ts";
import type { RefusalOf } from "../protocol/refusals.ts";
import type { Order, Round } from "../protocol/units.ts";
import { parseInput } from "../wire/input.ts";
import { MAX_ITEMS } from "../wire/schemas/batch.ts";
import { signatureInput } from "../wire/schemas/signature.ts";
import { type Placement, signedTermsInput } from "../wire/schemas/terms.ts";
import { BadArgument } from "./checks/badArgument.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** An object with no other fields than `known`: a misspelt option must not be passed over. */
export function parseFields(field: string, value: unknown, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadArgument(
      field,
      `${show(value)} is no object`,
      `Give one with: ${known.join(", ")}.`,
    );
  }
  const stranger = Object.keys(value).find((key) => !known.includes(key));
  if (stranger === undefined) return value as Fields;
  const path = `${field}.${stranger}`;
  throw new BadArgument(path, "There is no such field", `Choose from: ${known.join(", ")}.`);
}

export function parseText(field: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new BadArgument(field, `${show(value)} is no text`, "Give a string that is not empty.");
}

export function parseSide(field: string, value: unknown): "buy" | "sell" {
  if (value === "buy" || value === "sell") return value;
  const lower = typeof value === "string" ? value.trim().toLowerCase() : "";
  const meant = { buy: "buy", bid: "buy", sell: "sell", ask: "sell" }[lower];
  const hint = meant === undefined ? 'Write "buy" or "sell".' : `Write "${meant}".`;
  throw new BadArgument(field, `${show(value)} is neither "buy" nor "sell"`, hint);
}

/** A decimal number as text. Numbers are refused: 0.1 + 0.2 is not what anybody meant to sign. */
export function parseDecimalText(field: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") {
    const text = String(value);
    const example = /^\d+(\.\d+)?$/.test(text) ? text : "2999.5";
    const problem = `${show(value)} is a ${typeof value}, and amounts are given as text`;
    throw new BadArgument(field, problem, `Write it with its exact digits, such as "${example}".`);
  }
  throw new BadArgument(field, `${show(value)} is no amount`, 'Give text, such as "1.25".');
}

/** Base units of an amount as people write it. */
export function parseAmount(field: string, value: unknown, decimals: number): bigint {
  const outcome = parseDecimal(parseDecimalText(field, value), decimals);
  if (outcome.ok) return outcome.value;
  throw new BadArgument(field, outcome.problem, outcome.hint);
}

export function parsePositiveAmount(field: string, value: unknown, decimals: number): bigint {
  const units = parseAmount(field, value, decimals);
  if (units > 0n) return units;
  throw new BadArgument(field, "It is zero", "Give an amount above zero.");
}

/** In lower case or with its checksum; given back with its checksum. */
export function parseAddressArgument(field: string, value: unknown): Address {
  const outcome = parseAddress(typeof value === "string" ? value.trim() : show(value));
  if (outcome.ok) return outcome.value;
  throw new BadArgument(field, outcome.problem, outcome.hint);
}

/** A whole number of `min` .. `max`, as a number. */
export function parseCount(
  field: string,
  value: unknown,
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) {
    return value;
  }
  const hint = `Give a whole number of ${min} to ${max}.`;
  throw new BadArgument(field, `${show(value)} is no such number`, hint);
}

export function parseRound(field: string, value: unknown): Round {
  return parseCount(field, value);
}

/** An order's id: a bigint, or its decimal digits as the wire has them. */
export function parseId(field: string, value: unknown): bigint {
  const isText = typeof value === "string" && /^(0|[1-9][0-9]{0,19})$/.test(value);
  const id = typeof value === "bigint" ? value : isText ? BigInt(value) : undefined;
  if (id !== undefined && id >= 0n && id <= UINT64_MAX) return id;
  const hint = "Give a bigint or decimal digits that fit uint64; numbers lose digits.";
  throw new BadArgument(field, `${show(value)} is no order id`, hint);
}

export function parseWei(field: string, value: unknown, min: bigint): bigint {
  if (typeof value === "bigint" && value >= min) return value;
  throw new BadArgument(
    field,
    `${show(value)} is no such amount of wei`,
    `Give a bigint of at least ${min}, such as ${min + 1n}n.`,
  );
}

export function parseHexData(field: string, value: unknown): Hex {
  if (typeof value === "string" && /^0x([0-9a-fA-F]{2})*$/.test(value)) return value as Hex;
  throw new BadArgument(field, `${show(value)} is no hex data`, "Give 0x and pairs of digits.");
}

/** Base URL of an operator. */
export function parseOperatorUrl(field: string, value: unknown): string {
  return parseUrl(field, value, ["http:", "https:"], "http");
}

export function parseUrl(
  field: string,
  value: unknown,
  protocols: readonly string[],
  usual: string,
): string {
  const text = parseText(field, value).trim();
  const isUrl = URL.canParse(text) && protocols.includes(new URL(text).protocol);
  const isReadable = isUrl && new URL(text).hostname !== "";
  if (isReadable) return text;
  const isBare = /^(localhost|[\w.-]+\.[\w-]+|\[[\da-f:]+\])(:\d+)?(\/.*)?$/i.test(text);
  // Endpoints carry keys in user, path and query: only the host is repeated.
  const host = text.replace(/^.*@/, "").replace(/[/?#].*$/, "");
  const hint = isBare
    ? `Write ${usual}:// before it: ${usual}://${host}.`
    : `Give a whole address, such as ${usual}://127.0.0.1:8080.`;
  const shown = isBare ? `${show(host)} is no ${usual} address` : `It is no ${usual} address`;
  throw new BadArgument(field, shown, hint);
}

export function parseUrls(
  field: string,
  value: unknown,
  parse: (field: string, value: unknown) => string,
): string[] {
  if (typeof value === "string") return [parse(field, value)];
  if (!Array.isArray(value) || value.length === 0) {
    throw new BadArgument(field, `${show(value)} names nobody`, "Give one address or a list.");
  }
  return value.map((one, index) => parse(`${field}.${index}`, one));
}

const MAX_KEY_LENGTH = 200;
export const LONGEST_MS = 24 * 60 * 60 * 1000;

export function parseMethods<T>(field: string, value: unknown, names: readonly string[]): T {
  const missing = names.find(
    (name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] !== "function",
  );
  if (missing === undefined) return value as T;
  const hint = `Give an object with the methods ${names.join(", ")}.`;
  throw new BadArgument(field, `It has no method ${missing}`, hint);
}

const ORDER_REQUEST_FIELDS = [
  "market",
  "side",
  "price",
  "amount",
  "round",
  "id",
  "timeInForce",
  "goodTillBlock",
  "selfTrade",
  "tag",
];

/** A request for an order; see `OrderRequest`. */
export function parseOrderRequest(value: unknown) {
  const given = parseFields("order", value, ORDER_REQUEST_FIELDS);
  const id = given["id"] === undefined ? undefined : parseId("id", given["id"]);
  return {
    given,
    market: parseText("market", given["market"]),
    side: parseSide("side", given["side"]),
    price: parseDecimalText("price", given["price"]),
    amount: parseDecimalText("amount", given["amount"]),
    round: given["round"] === undefined ? undefined : parseRound("round", given["round"]),
    id,
  };
}

const ORDER_FIELDS = [
  "owner",
  "round",
  "id",
  "sellToken",
  "sellAmount",
  "buyToken",
  "buyAmount",
  "intent",
];

/** A signed order of `owner`, as `placeOrder` takes it. */
export function parseSignedOrder(value: unknown, owner: Address): Placement {
  const given = parseFields("signed", value, ["order", "signature", "terms"]);
  const fields = parseFields("signed.order", given["order"], ORDER_FIELDS);
  const bigint = (name: string) => {
    const amount = fields[name];
    if (typeof amount === "bigint") return amount;
    const hint = "Give a bigint of base units.";
    throw new BadArgument(`signed.order.${name}`, `${show(amount)} is no bigint`, hint);
  };
  const address = (name: string) => parseAddressArgument(`signed.order.${name}`, fields[name]);
  const { intent } = fields;
  if (intent !== "buyAll" && intent !== "sellAll") {
    const hint = 'Write "buyAll" for a buy and "sellAll" for a sell.';
    throw new BadArgument("signed.order.intent", `${show(intent)} is no intent`, hint);
  }
  const order: Order = {
    owner: address("owner"),
    round: parseRound("signed.order.round", fields["round"]),
    id: parseId("signed.order.id", fields["id"]),
    sellToken: address("sellToken"),
    sellAmount: bigint("sellAmount"),
    buyToken: address("buyToken"),
    buyAmount: bigint("buyAmount"),
    intent,
  };
  if (order.owner !== owner) {
    const hint = "Place it with its owner's client.";
    throw new BadArgument("signed.order.owner", `This client is ${owner}`, hint);
  }
  const fault = checkOrder(order);
  if (fault !== undefined) {
    throw new BadArgument("signed.order", `It is ${fault.fault}`, "Build it anew.");
  }
  const signature = parseInput(signatureInput, given["signature"], "signed.signature");
  if (!signature.ok) throw badSigned(signature.refusal);
  if (given["terms"] === undefined) return { order, signature: signature.value };
  const terms = parseInput(signedTermsInput, given["terms"], "signed.terms");
  if (!terms.ok) throw badSigned(terms.refusal);
  return { order, signature: signature.value, terms: terms.value };
}

function badSigned({ field, problem }: RefusalOf<"BadInput">): BadArgument {
  return new BadArgument(field, problem, "Sign the order anew.");
}

/** `RetryPolicy` of a question to the operators; undefined: the usual one. */
export function parseRetryPolicy(value: unknown) {
  if (value === undefined) return undefined;
  const given = parseFields("manner", value, ["retryTimeoutMs", "isElsewhere"]);
  const { retryTimeoutMs, isElsewhere } = given;
  if (isElsewhere !== undefined && typeof isElsewhere !== "function") {
    throw new BadArgument("manner.isElsewhere", `${show(isElsewhere)} is no function`, "Give one.");
  }
  return {
    ...(retryTimeoutMs !== undefined && {
      retryTimeoutMs: parseCount("manner.retryTimeoutMs", retryTimeoutMs, 0, LONGEST_MS),
    }),
    ...(isElsewhere !== undefined && { isElsewhere: isElsewhere as (error: unknown) => boolean }),
  };
}

/** The key of a deposit, of the caller's own choice; undefined: the library makes one. */
export function parseDepositOptions(value: unknown): { readonly key: string | undefined } {
  if (value === undefined) return { key: undefined };
  const { key } = parseFields("options", value, ["key"]);
  if (key === undefined) return { key: undefined };
  const text = parseText("options.key", key);
  if (text.length <= MAX_KEY_LENGTH) return { key: text };
  const hint = `Give one of at most ${MAX_KEY_LENGTH}.`;
  throw new BadArgument("options.key", `It has ${text.length} characters`, hint);
}

/** Orders or cancellations of one request. */
export function parseList<T>(field: string, value: unknown, parse: (one: unknown) => T): T[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= MAX_ITEMS) {
    return value.map(parse);
  }
  throw new BadArgument(field, "It is no such list", `Give a list of 1 to ${MAX_ITEMS}.`);
}

export function parseSignal(value: unknown): AbortSignal {
  if (value instanceof AbortSignal) return value;
  throw new BadArgument("signal", "It is no AbortSignal", "Give that of an AbortController.");
}

/** The client that a function of this library works for. */
export function parseClient<T>(value: T): T {
  return parseMethods<T>("client", value, ["send", "audit", "provenBalance"]);
}

/** The order that is meant; other fields, as those of an answer, are of no matter. */
export function parseOrderReference(value: unknown): { round: Round; id: bigint } {
  if (typeof value !== "object" || value === null) {
    throw new BadArgument("order", `${show(value)} is no order`, "Give its round and id.");
  }
  const given = value as Fields;
  return { round: parseRound("order.round", given["round"]), id: parseId("order.id", given["id"]) };
}

/** A value as a person recognises it, in a few characters. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 60));
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? "a list" : "an object";
  return typeof value === "function" ? "a function" : String(value);
}
