/**
 * The entries of the journal as values: everything that changes the exchange is one of these. How
 * they are written: entries.ts, and entryBytes.ts beside it.
 */
import type { Address } from "../../base/hex.ts";
import type { ChainLog } from "../../protocol/chainLog.ts";
import type { SignedTerms } from "../../protocol/trading/terms.ts";
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
} from "../../protocol/units.ts";

/** When a record was written. */
export interface Timed {
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
