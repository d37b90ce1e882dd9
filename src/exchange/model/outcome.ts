/** The results of applying an entry, as data: for streams, metrics, logs, and for signing fills. */
import type { Address } from "../../base/hex.ts";
import type {
  CommittedLog,
  DepositedLog,
  DisputeClosedLog,
  TokenListedLog,
  TradingKeySetLog,
  WithdrawalCancelledLog,
  WithdrawalConfirmedLog,
  WithdrawalInitiatedLog,
} from "../../protocol/chainLog.ts";
import type { Refusal } from "../../protocol/refusals.ts";
import type { Amount, BlockNumber, Quarter, Round, TokenRoot } from "../../protocol/units.ts";

/** Names an order. */
export interface OrderRef {
  readonly owner: Address;
  readonly round: Round;
  readonly id: bigint;
}

/** A bid buys the market's base, an ask sells it. */
export type Side = "bid" | "ask";

/** One execution between two orders. */
export interface Trade {
  /** Counts the trades of the exchange from 1; the `sequence` of both orders' fills. */
  readonly sequence: bigint;
  readonly base: Address;
  readonly quote: Address;
  /** Base units of quote for one lot: the maker's. */
  readonly price: Amount;
  readonly lots: bigint;
  /** lots * lot. */
  readonly baseAmount: Amount;
  /** lots * price. */
  readonly quoteAmount: Amount;
  readonly takerSide: Side;
  readonly maker: OrderRef;
  readonly taker: OrderRef;
  readonly round: Round;
  /** The exchange's clock when it happened. */
  readonly block: BlockNumber;
  /** Milliseconds since 1970 by the clock of the operator that wrote it; 0: not written down. */
  readonly timeMs: number;
}

/**
 * Why an order was taken out before it was filled. `tradingKey`: it waited for a round in which
 * another key signs. `ioc`: it was immediate or cancel, and that is what was left. `replaced`: by
 * another order of its owner. `cancelAll`, `deadMan`: with all orders of its owner, at its wish or
 * when its dead-man switch fired.
 */
export type CancelReason =
  | "owner"
  | "selfTrade"
  | "tradingKey"
  | "ioc"
  | "replaced"
  | "cancelAll"
  | "deadMan";

/**
 * Why an order is no longer open though it was not filled: why it was cancelled; how it expired
 * (`goodTillBlock`, `roundEnded`); or what refused it when the round opened for which it waited.
 */
export type EndReason =
  | CancelReason
  | "goodTillBlock"
  | "roundEnded"
  | "insufficientFunds"
  | "wouldTake"
  | "notFilled";

/** One thing that happened, in order. Logs of the chain appear with what they say. */
export type ExchangeEvent =
  | {
      readonly what: "quarterBegan";
      readonly round: Round;
      readonly quarter: Quarter;
    }
  /**
   * `closed` is over; `roots` are the trees with which `closed + 1` opened, in token order. Reading
   * them hashes whatever is not hashed yet.
   */
  | {
      readonly what: "roundClosed";
      readonly closed: Round;
      readonly roots: readonly TokenRoot[];
    }
  /** A late cancellation changed the tree that the round opened with; `root` as `roots` above. */
  | {
      readonly what: "rootChanged";
      readonly round: Round;
      readonly root: TokenRoot;
    }
  | {
      readonly what: "halted";
      readonly round: Round;
      readonly block: BlockNumber;
    }
  | { readonly what: "tokenListed"; readonly log: TokenListedLog }
  | {
      readonly what: "clientAdmitted";
      readonly client: Address;
      readonly leafIndex: number;
    }
  | { readonly what: "depositCredited"; readonly log: DepositedLog }
  | { readonly what: "tradingKeySet"; readonly log: TradingKeySetLog }
  | ({ readonly what: "orderQueued" } & OrderRef)
  /** The order rests in the book with `remaining` of what it sells. */
  | ({ readonly what: "orderRested"; readonly remaining: Amount } & OrderRef)
  | ({ readonly what: "orderFilled" } & OrderRef)
  | ({
      readonly what: "orderCancelled";
      readonly reason: CancelReason;
    } & OrderRef)
  | OrderExpired
  /** A queued order did not fit when its round opened. */
  | ({ readonly what: "orderRefused"; readonly refusal: Refusal } & OrderRef)
  | { readonly what: "trade"; readonly trade: Trade }
  | {
      readonly what: "withdrawalRequested";
      readonly log: WithdrawalInitiatedLog;
    }
  | {
      readonly what: "withdrawalDecided";
      readonly client: Address;
      readonly token: Address;
      readonly round: Round;
      readonly amount: Amount;
      /** Refused: it must be cancelled on chain (see `evidenceAgainst`). */
      readonly decision: "debited" | "refused";
    }
  /** `credited`: it had been debited, and the money is back. */
  | {
      readonly what: "withdrawalCancelled";
      readonly log: WithdrawalCancelledLog;
      readonly credited: boolean;
    }
  | {
      readonly what: "withdrawalConfirmed";
      readonly log: WithdrawalConfirmedLog;
    }
  | { readonly what: "commitConfirmed"; readonly log: CommittedLog }
  /** Every token of the round is committed. */
  | { readonly what: "roundCommitted"; readonly round: Round }
  | {
      readonly what: "disputeOpened";
      readonly client: Address;
      readonly round: Round;
      /** Last block in which it can be closed. */
      readonly deadlineBlock: BlockNumber;
    }
  | { readonly what: "disputeClosed"; readonly log: DisputeClosedLog }
  /** Orders of the round below the watermark are closed for good, `except` aside. */
  | {
      readonly what: "statementCountersigned";
      readonly client: Address;
      readonly round: Round;
      readonly watermark: bigint;
    };

/** The order was open when its round ended, or after its own last block. */
export type OrderExpired = {
  readonly what: "orderExpired";
  readonly reason?: "goodTillBlock";
} & OrderRef;

/** Refused: nothing changed, and the entry must not be journalled. */
export interface Outcome {
  readonly refusal?: Refusal;
  readonly events: readonly ExchangeEvent[];
  /**
   * Orders that a round's end took out, beside `events`: they can be as many as there are clients,
   * and are only looked for where somebody goes through them, now or later.
   */
  readonly expired?: Iterable<OrderExpired>;
}

/**
 * Work in parts: it may rest wherever it yields. Until it ended nothing else may change what it
 * works on, and whoever reads that meanwhile sees it half done.
 */
export type Parts<Result = void> = Generator<void, Result, void>;

/** Orders that are placed or ended between two rests: one to five milliseconds. */
export const ORDERS_OF_A_PART = 512;

/** Does all of it at once. */
export function finish<Result>(parts: Parts<Result>): Result {
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
  }
}
