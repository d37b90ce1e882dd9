/**
 * The entries of the journal: everything that changes the exchange is one of these. Written as
 * JSON with a version, bigints as decimal strings; read strictly.
 */
import { assert } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { ChainLog } from "../../protocol/chainLog.ts";
import {
  type OrderTerms,
  SELF_TRADES,
  type SignedTerms,
  TIMES_IN_FORCE,
} from "../../protocol/trading/terms.ts";
import type {
  Amount,
  BlockRef,
  CancelAfter,
  CancelAll,
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
} from "./codec.ts";
import { logCodec } from "./logCodec.ts";

/**
 * The form of the entries written now. Version 1 has no time, and orders without terms: it is read
 * for ever, and written of an entry that was read from it. Version 3 is written of what has a
 * statement in it, which no reader before it knows.
 */
export const ENTRY_VERSION = 2;
const TIMELESS_VERSION = 1;
const STATEMENT_VERSION = 3;

/** When a record was written. */
interface Timed {
  /**
   * Milliseconds since 1970 by the writer's clock, never below that of the record before. For
   * people and charts: no rule reads it. Undefined in records of version 1.
   */
  readonly timeMs?: number;
}

/** A pair of tokens that the exchange matches. */
export interface Market {
  readonly base: Address;
  readonly quote: Address;
  /** Base units of `base` in one lot. */
  readonly lot: Amount;
  /** Prices, in base units of `quote` for one lot, are multiples of this. */
  readonly tick: Amount;
}

export interface ExchangeLimits {
  /** Orders accepted of one client for one round (see protocol/limits.ts). */
  readonly ordersPerClientAndRound: number;
}

/** The facts that define an exchange from its first moment on. */
export interface Genesis {
  readonly chainId: number;
  readonly mediator: Address;
  readonly schedule: Schedule;
  /** Blocks that the exchange's clock is behind the chain's. */
  readonly confirmations: number;
  readonly markets: readonly Market[];
  readonly limits: ExchangeLimits;
}

/** The first record of every journal. */
export interface GenesisEntry extends Genesis, Timed {
  readonly kind: "genesis";
}

/** Every final block up to `to`, by the Mediator's logs in it, in chain order. */
export interface BlocksEntry extends Timed {
  readonly kind: "blocks";
  readonly to: BlockRef;
  readonly logs: readonly ChainLog[];
}

/** An order whose signature was verified against the key recorded for (owner, round). */
export interface PlaceOrderEntry extends Timed {
  readonly kind: "placeOrder";
  readonly order: Order;
  readonly signature: Signature;
  /** Verified like the order. Without: `DEFAULT_TERMS`. */
  readonly terms?: SignedTerms;
}

/** A verified cancellation request of the owner. */
export interface CancelOrderEntry extends CancelOrder, Timed {
  readonly kind: "cancelOrder";
  readonly signature: Signature;
}

/** Verified: `cancel` is taken out and `order`, of the same owner, is taken in, or neither. */
export interface ReplaceOrderEntry extends Timed {
  readonly kind: "replaceOrder";
  readonly cancel: CancelOrder;
  readonly cancelSignature: Signature;
  readonly order: Order;
  readonly signature: Signature;
  readonly terms?: SignedTerms;
}

/** Verified. */
export interface CancelAllEntry extends CancelAll, Timed {
  readonly kind: "cancelAll";
  readonly signature: Signature;
}

/** Verified: sets or takes off the owner's dead-man switch. */
export interface CancelAfterEntry extends CancelAfter, Timed {
  readonly kind: "cancelAfter";
  readonly signature: Signature;
}

/** Clients that were connected to the operator that wrote it: its word alone. */
export interface KeepAliveEntry extends Timed {
  readonly kind: "keepAlive";
  readonly clients: readonly Address[];
}

/**
 * A client's statement that this journal bears out, and its countersignature, which nobody sees
 * before this is durable. Both signatures were verified.
 */
export interface CountersignEntry extends CountersignedStatement, Timed {
  readonly kind: "countersign";
}

export type Entry =
  | GenesisEntry
  | BlocksEntry
  | PlaceOrderEntry
  | CancelOrderEntry
  | ReplaceOrderEntry
  | CancelAllEntry
  | CancelAfterEntry
  | KeepAliveEntry
  | CountersignEntry;

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

/** The entry in a record; throws a `DecodeError` that names the field which is wrong. */
export function decodeEntry(record: Uint8Array): Entry {
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
