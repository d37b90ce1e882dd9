/**
 * Orders and cancellations read by hand, some ten times faster than by their schemas, in the form
 * in which clients of this project send them. What a reader gives is what the schema gives; where
 * it gives nothing, the schema decides, and says what is wrong. Values as JSON.parse makes them.
 */
import { parseAddress } from "../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../base/bytes.ts";
import type { Address, Hex } from "../base/hex.ts";
import {
  isTag,
  type SelfTrade,
  type SignedTerms,
  type TimeInForce,
} from "../protocol/trading/terms.ts";
import type { CancelOrder, Order, Signature } from "../protocol/units.ts";
import { MAX_ITEMS } from "./schemas/batch.ts";
import { MAX_PATH } from "./schemas/signature.ts";
import type { Placement } from "./schemas/terms.ts";

/** Longest id of a request on the stream. */
export const MAX_ID_LENGTH = 64;

type Fields = Readonly<Record<string, unknown>>;

type Reader<T> = (json: unknown) => T | undefined;

/** The readers, by the route whose body they read. */
const READERS: Readonly<Record<string, Reader<unknown>>> = {
  placeOrder: readPlacement,
  placeOrders: listIn("orders", readPlacement),
  cancelOrder: readCancel,
  cancelOrders: listIn("cancels", readCancel),
};

/** The body of a route as its schema gives it; undefined: the schema is to be asked. */
export function readBody(route: string, json: unknown): unknown {
  return Object.hasOwn(READERS, route) ? READERS[route]?.(json) : undefined;
}

/** The stream's request for the same; undefined: its schema is to be asked. */
export function readWrite(
  json: unknown,
): { readonly kind: string; readonly id: number | string; readonly body: unknown } | undefined {
  const fields = exactly(json, 3);
  if (fields === undefined) return undefined;
  const { kind, id } = fields;
  const isId = typeof id === "string" ? id.length <= MAX_ID_LENGTH : readCount(id) !== undefined;
  if (typeof kind !== "string" || !isId) return undefined;
  const body = readBody(kind, fields["body"]);
  return body === undefined ? undefined : { kind, id: id as number | string, body };
}

interface SignedCancel {
  readonly cancel: CancelOrder;
  readonly signature: Signature;
}

function readPlacement(json: unknown): Placement | undefined {
  const fields = fieldsOf(json);
  if (fields === undefined) return undefined;
  const { terms: given } = fields;
  if (Object.keys(fields).length !== (given === undefined ? 2 : 3)) return undefined;
  const order = readOrder(fields["order"]);
  const signature = readSignature(fields["signature"]);
  if (order === undefined || signature === undefined) return undefined;
  if (given === undefined) return { order, signature };
  const terms = readTerms(given);
  return terms && { order, signature, terms };
}

function readCancel(json: unknown): SignedCancel | undefined {
  const fields = exactly(json, 2);
  const given = exactly(fields?.["cancel"], 3);
  const signature = readSignature(fields?.["signature"]);
  if (given === undefined || signature === undefined) return undefined;
  const owner = readAddress(given["owner"]);
  const round = readCount(given["round"]);
  const id = readUint(given["id"], UINT64_MAX);
  if (owner === undefined || round === undefined || id === undefined) return undefined;
  return { cancel: { owner, round, id }, signature };
}

function readOrder(json: unknown): Order | undefined {
  const fields = exactly(json, 8);
  if (fields === undefined) return undefined;
  const intent = fields["intent"];
  if (intent !== "buyAll" && intent !== "sellAll") return undefined;
  const owner = readAddress(fields["owner"]);
  const round = readCount(fields["round"]);
  const id = readUint(fields["id"], UINT64_MAX);
  if (owner === undefined || round === undefined || id === undefined) return undefined;
  const sellToken = readAddress(fields["sellToken"]);
  const sellAmount = readUint(fields["sellAmount"], UINT128_MAX);
  if (sellToken === undefined || sellAmount === undefined) return undefined;
  const buyToken = readAddress(fields["buyToken"]);
  const buyAmount = readUint(fields["buyAmount"], UINT128_MAX);
  if (buyToken === undefined || buyAmount === undefined) return undefined;
  return { owner, round, id, sellToken, sellAmount, buyToken, buyAmount, intent };
}

const NO_PATH: readonly unknown[] = [];

function readSignature(json: unknown): Signature | undefined {
  const fields = fieldsOf(json);
  if (fields === undefined) return undefined;
  const { r, vs, path: given } = fields;
  if (Object.keys(fields).length !== (given === undefined ? 2 : 3)) return undefined;
  const steps = given === undefined ? NO_PATH : given;
  if (!isHash(r) || !isHash(vs) || !Array.isArray(steps)) return undefined;
  if (steps.length > MAX_PATH || !steps.every(isHash)) return undefined;
  return { r, vs, path: steps.length === 0 ? [] : steps };
}

const TIMES: ReadonlySet<unknown> = new Set<TimeInForce>(["round", "ioc", "fok", "postOnly"]);
const SELF: ReadonlySet<unknown> = new Set<SelfTrade>(["cancelTaker", "cancelMaker", "cancelBoth"]);

function readTerms(json: unknown): SignedTerms | undefined {
  const fields = exactly(json, 5);
  const signature = readSignature(fields?.["signature"]);
  if (fields === undefined || signature === undefined) return undefined;
  const { timeInForce, goodTillBlock, selfTrade, tag } = fields;
  if (!TIMES.has(timeInForce) || !SELF.has(selfTrade)) return undefined;
  const block = goodTillBlock === null ? null : readCount(goodTillBlock);
  if (block === undefined || block === 0) return undefined;
  if (tag !== null && !(typeof tag === "string" && isTag(tag))) return undefined;
  return {
    timeInForce: timeInForce as TimeInForce,
    goodTillBlock: block,
    selfTrade: selfTrade as SelfTrade,
    tag,
    signature,
  };
}

/** Of an object that holds nothing but one list, each item of which `read` reads. */
function listIn<Name extends string, T>(
  name: Name,
  read: Reader<T>,
): Reader<{ readonly [Key in Name]: T[] }> {
  return (json) => {
    const list = exactly(json, 1)?.[name];
    if (!Array.isArray(list) || list.length < 1 || list.length > MAX_ITEMS) return undefined;
    const items: T[] = [];
    for (const item of list) {
      const value = read(item);
      if (value === undefined) return undefined;
      items.push(value);
    }
    return { [name]: items } as { [Key in Name]: T[] };
  };
}

function fieldsOf(json: unknown): Fields | undefined {
  return typeof json === "object" && json !== null ? (json as Fields) : undefined;
}

/** An object of so many fields. */
function exactly(json: unknown, count: number): Fields | undefined {
  const fields = fieldsOf(json);
  return fields !== undefined && Object.keys(fields).length === count ? fields : undefined;
}

function readAddress(json: unknown): Address | undefined {
  const outcome = typeof json === "string" ? parseAddress(json) : undefined;
  return outcome?.ok ? outcome.value : undefined;
}

function readCount(json: unknown): number | undefined {
  return Number.isSafeInteger(json) && (json as number) >= 0 ? (json as number) : undefined;
}

const DECIMAL = /^(?:0|[1-9][0-9]{0,38})$/;

function readUint(json: unknown, max: bigint): bigint | undefined {
  if (typeof json !== "string" || !DECIMAL.test(json)) return undefined;
  const value = BigInt(json);
  return value <= max ? value : undefined;
}

const HASH_LENGTH = 2 + 2 * 32;
/** Without a count of the digits, which takes a third of the time. */
const LOWER_HEX = /^0x[0-9a-f]*$/;

function isHash(json: unknown): json is Hex {
  return typeof json === "string" && json.length === HASH_LENGTH && LOWER_HEX.test(json);
}
