/**
 * The entries of the journal as records. Versions 1 to 3 are JSON with a version, bigints as
 * decimal strings, read strictly; version 4 is bytes, see entryBytes.ts.
 */
import { assert } from "../../base/errors.ts";
import {
  type OrderTerms,
  SELF_TRADES,
  type SignedTerms,
  TIMES_IN_FORCE,
} from "../../protocol/trading/terms.ts";
import type {
  BlockRef,
  CancelOrder,
  CountersignedStatement,
  Order,
  Schedule,
  Signature,
  Statement,
} from "../../protocol/units.ts";
import {
  absent,
  address,
  type Codec,
  count,
  hash,
  type Json,
  list,
  object,
  oneOf,
  optional,
  parseJson,
  tag,
  uint64,
  uint128,
  union,
  word,
} from "../form/codec.ts";
import type {
  BlocksEntry,
  CancelAfterEntry,
  CancelAllEntry,
  CancelOrderEntry,
  CountersignEntry,
  Entry,
  ExchangeLimits,
  Genesis,
  GenesisEntry,
  KeepAliveEntry,
  Market,
  PlaceOrderEntry,
  ReplaceOrderEntry,
  Timed,
} from "./entry.ts";
import { decodeBinary } from "./entryBytes.ts";
import { logCodec } from "./logCodec.ts";

export type * from "./entry.ts";

/**
 * The form of the entries written as JSON: in journals that older releases read too, and to be
 * shown. Version 1 has no time, and orders without terms: it is read
 * for ever, and written of an entry that was read from it. Version 3 is written of what has a
 * statement in it, which no reader before it knows.
 */
export const ENTRY_VERSION = 2;
const TIMELESS_VERSION = 1;
const STATEMENT_VERSION = 3;

/** Entries that a record of version 1 holds. */
type TimelessEntry = GenesisEntry | BlocksEntry | PlaceOrderEntry | CancelOrderEntry;

/** The record of an entry, UTF-8 JSON. The same entry always gives the same bytes. */
export function encodeEntry(entry: Entry): Uint8Array {
  const { timeMs } = entry;
  if (timeMs !== undefined) {
    const version = hasStatement(entry) ? STATEMENT_VERSION : ENTRY_VERSION;
    return recordOf({ version, timeMs }, entryCodec, entry);
  }
  assert(isTimeless(entry), () => `${entry.kind} is written without its time.`);
  return recordOf({ version: TIMELESS_VERSION }, timelessCodec, entry);
}

/** Whether a record is of the binary form; else it is of JSON. */
export function isBinary(record: Uint8Array): boolean {
  const first = record[0];
  return first !== undefined && first < FIRST_TEXT_BYTE;
}

/** Texts begin with a character from here on, and binary records with a version below. */
const FIRST_TEXT_BYTE = 0x20;

/** The entry in a record; throws a `DecodeError` that names the field which is wrong. */
export function decodeEntry(record: Uint8Array): Entry {
  if (isBinary(record)) return decodeBinary(record);
  const json = parseJson(new TextDecoder().decode(record));
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return entryCodec.read(json, "");
  }
  const { version, ...rest } = json as { readonly [key: string]: Json };
  if (versionCodec.read(version ?? null, "version") === TIMELESS_VERSION) {
    return timelessCodec.read(rest, "");
  }
  const { timeMs, ...body } = rest;
  return { ...entryCodec.read(body, ""), timeMs: count.read(timeMs ?? null, "timeMs") };
}

function hasStatement(entry: Entry): boolean {
  if (entry.kind === "countersign") return true;
  return entry.kind === "blocks" && entry.logs.some(({ kind }) => kind === "statementPresented");
}

function isTimeless(entry: Entry): entry is TimelessEntry {
  if (entry.kind === "placeOrder") return entry.terms === undefined;
  return Object.hasOwn(timelessMembers, entry.kind);
}

function recordOf<T>(
  head: Readonly<Record<string, number>>,
  codec: Codec<T>,
  entry: T,
): Uint8Array {
  const body = codec.write(entry) as { readonly [key: string]: Json };
  return new TextEncoder().encode(JSON.stringify({ ...head, ...body }));
}

const versionCodec = oneOf(TIMELESS_VERSION, ENTRY_VERSION, STATEMENT_VERSION);

const scheduleCodec: Codec<Schedule> = object({
  genesisBlock: count,
  roundSize: count,
});

const marketCodec: Codec<Market> = object({
  base: address,
  quote: address,
  lot: uint128,
  tick: uint128,
});

const genesisFields = {
  chainId: count,
  mediator: address,
  schedule: scheduleCodec,
  confirmations: count,
  markets: list(marketCodec),
  limits: object<ExchangeLimits>({ ordersPerClientAndRound: count }),
};

export const genesisCodec: Codec<Genesis> = object<Genesis>(genesisFields);

export const orderCodec: Codec<Order> = object({
  owner: address,
  round: count,
  id: uint64,
  sellToken: address,
  sellAmount: uint128,
  buyToken: address,
  buyAmount: uint128,
  intent: oneOf("buyAll", "sellAll"),
});

export const signatureCodec: Codec<Signature> = object({
  r: word,
  vs: word,
  path: list(word),
});

export const statementCodec: Codec<Statement> = object<Statement>({
  client: address,
  round: count,
  watermark: uint64,
  except: list(uint64),
  tokens: list(address),
  sold: list(uint128),
  bought: list(uint128),
});

const countersignedFields = {
  statement: statementCodec,
  signature: signatureCodec,
  countersignature: signatureCodec,
};

export const countersignedCodec: Codec<CountersignedStatement> =
  object<CountersignedStatement>(countersignedFields);

const termsFields = {
  timeInForce: oneOf(...TIMES_IN_FORCE),
  goodTillBlock: optional(count),
  selfTrade: oneOf(...SELF_TRADES),
  tag: optional(tag),
};

export const termsCodec: Codec<OrderTerms> = object<OrderTerms>(termsFields);

const signedTermsCodec: Codec<SignedTerms> = object<SignedTerms>({
  ...termsFields,
  signature: signatureCodec,
});

export const blockRefCodec: Codec<BlockRef> = object({ number: count, hash });

/** An entry as its fields are written; the time stands before them. */
type Untimed<T> = T extends Timed ? Omit<T, keyof Timed> : never;
type Body = Untimed<Entry>;
type PlaceOrderBody = Untimed<PlaceOrderEntry>;

const unchanged = {
  genesis: object<Untimed<GenesisEntry>>({ kind: oneOf("genesis"), ...genesisFields }),
  blocks: object<Untimed<BlocksEntry>>({
    kind: oneOf("blocks"),
    to: blockRefCodec,
    logs: list(logCodec),
  }),
  cancelOrder: object<Untimed<CancelOrderEntry>>({
    kind: oneOf("cancelOrder"),
    owner: address,
    round: count,
    id: uint64,
    signature: signatureCodec,
  }),
};

const placed = {
  kind: oneOf("placeOrder"),
  order: orderCodec,
  signature: signatureCodec,
};

const command = { owner: address, round: count, nonce: uint64 };

const entryCodec = union<"kind", Body>("kind", {
  ...unchanged,
  placeOrder: object<PlaceOrderBody>({ ...placed, terms: absent(signedTermsCodec) }),
  replaceOrder: object<Untimed<ReplaceOrderEntry>>({
    kind: oneOf("replaceOrder"),
    cancel: object<CancelOrder>({ owner: address, round: count, id: uint64 }),
    cancelSignature: signatureCodec,
    order: orderCodec,
    signature: signatureCodec,
    terms: absent(signedTermsCodec),
  }),
  cancelAll: object<Untimed<CancelAllEntry>>({
    kind: oneOf("cancelAll"),
    ...command,
    signature: signatureCodec,
  }),
  cancelAfter: object<Untimed<CancelAfterEntry>>({
    kind: oneOf("cancelAfter"),
    ...command,
    block: count,
    graceBlocks: count,
    signature: signatureCodec,
  }),
  keepAlive: object<Untimed<KeepAliveEntry>>({
    kind: oneOf("keepAlive"),
    clients: list(address),
  }),
  countersign: object<Untimed<CountersignEntry>>({
    kind: oneOf("countersign"),
    ...countersignedFields,
  }),
});

type TermlessBody = Omit<PlaceOrderBody, "terms">;
const timelessMembers = { ...unchanged, placeOrder: object<TermlessBody>(placed) };

/** Of version 1. */
const timelessCodec = union<"kind", Exclude<Untimed<TimelessEntry>, PlaceOrderBody> | TermlessBody>(
  "kind",
  timelessMembers,
);
