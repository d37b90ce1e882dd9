/**
 * The entries of the journal: everything that changes the exchange is one of these. Written as
 * JSON with a version, bigints as decimal strings; read strictly.
 */
import { assert } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { ChainLog, LogPlace } from "../../protocol/chainLog.ts";
import {
  type OrderTerms,
  SELF_TRADES,
  type SignedTerms,
  TIMES_IN_FORCE,
} from "../../protocol/trading/terms.ts";
import type {
  Amount,
  BlockRef,
  CancelOrder,
  Order,
  Schedule,
  Signature,
} from "../../protocol/units.ts";
import {
  absent,
  address,
  bool,
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

/**
 * The form of the entries written now. Version 1 has no time, and orders without terms: it is read
 * for ever, and written of an entry that was read from it.
 */
export const ENTRY_VERSION = 2;
const TIMELESS_VERSION = 1;

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

export type Entry = GenesisEntry | BlocksEntry | PlaceOrderEntry | CancelOrderEntry;

/** The record of an entry, UTF-8 JSON. The same entry always gives the same bytes. */
export function encodeEntry(entry: Entry): Uint8Array {
  const { timeMs } = entry;
  if (timeMs !== undefined) return recordOf({ version: ENTRY_VERSION, timeMs }, entryCodec, entry);
  const isTimeless = entry.kind !== "placeOrder" || entry.terms === undefined;
  assert(isTimeless, "an entry with terms is written without its time.");
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

function recordOf<T>(
  head: Readonly<Record<string, number>>,
  codec: Codec<T>,
  entry: T,
): Uint8Array {
  const body = codec.write(entry) as { readonly [key: string]: Json };
  return new TextEncoder().encode(JSON.stringify({ ...head, ...body }));
}

const versionCodec = oneOf(TIMELESS_VERSION, ENTRY_VERSION);

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

const place: { readonly [K in keyof LogPlace]: Codec<LogPlace[K]> } = {
  block: count,
  blockHash: hash,
  logIndex: count,
  transactionHash: hash,
};

const logCodec = union<"kind", ChainLog>("kind", {
  tokenListed: object({
    kind: oneOf("tokenListed"),
    token: address,
    round: count,
    ...place,
  }),
  deposited: object({
    kind: oneOf("deposited"),
    client: address,
    token: address,
    amount: uint128,
    round: count,
    ...place,
  }),
  withdrawalInitiated: object({
    kind: oneOf("withdrawalInitiated"),
    client: address,
    token: address,
    amount: uint128,
    opening: uint128,
    recipient: address,
    round: count,
    ...place,
  }),
  withdrawalCancelled: object({
    kind: oneOf("withdrawalCancelled"),
    client: address,
    token: address,
    round: count,
    amount: uint128,
    ...place,
  }),
  withdrawalConfirmed: object({
    kind: oneOf("withdrawalConfirmed"),
    client: address,
    token: address,
    round: count,
    amount: uint128,
    recipient: address,
    ...place,
  }),
  committed: object({
    kind: oneOf("committed"),
    round: count,
    token: address,
    node: hash,
    total: uint128,
    leafCount: count,
    ...place,
  }),
  tradingKeySet: object({
    kind: oneOf("tradingKeySet"),
    client: address,
    fromRound: count,
    key: address,
    ...place,
  }),
  disputeOpened: object({
    kind: oneOf("disputeOpened"),
    client: address,
    round: count,
    opener: address,
    mustProveOpenings: bool,
    openingsPresented: bool,
    presented: count,
    ...place,
  }),
  disputeClosed: object({
    kind: oneOf("disputeClosed"),
    client: address,
    round: count,
    operator: address,
    ...place,
  }),
});

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

const entryCodec = union<"kind", Body>("kind", {
  ...unchanged,
  placeOrder: object<PlaceOrderBody>({ ...placed, terms: absent(signedTermsCodec) }),
});

/** Of version 1. */
const timelessCodec = union<"kind", Exclude<Body, PlaceOrderBody> | Omit<PlaceOrderBody, "terms">>(
  "kind",
  { ...unchanged, placeOrder: object<Omit<PlaceOrderBody, "terms">>(placed) },
);
