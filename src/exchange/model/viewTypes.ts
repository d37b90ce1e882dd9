/** The exchange's data as the outside may read it; the queries are in views.ts. */
import type { Address } from "../../base/hex.ts";
import type { Execution, TokenAccount } from "../../protocol/disputeRule.ts";
import type { OrderTerms } from "../../protocol/trading/terms.ts";
import type {
  Amount,
  BlockNumber,
  BlockRef,
  CountersignedStatement,
  Cover,
  Moment,
  Order,
  Round,
  Signature,
  SignedOrder,
  SignedStatement,
  Statement,
  TokenRoot,
} from "../../protocol/units.ts";
import type { Market } from "./entries.ts";
import type { EndReason, OrderRef, Side } from "./outcome.ts";

/** Queued: for the next round. Refused: was queued and did not fit when its round opened. */
export type OrderState = "queued" | "open" | "filled" | "cancelled" | "expired" | "refused";

/** Seen: not decided yet. Debited: waits for its payment. Refused: must be cancelled on chain. */
export type WithdrawalState = "seen" | "debited" | "refused";

export interface ClockView {
  /** Last block taken in; undefined before the first. */
  readonly head: BlockRef | undefined;
  /** The exchange's time; stands still at the halt. */
  readonly moment: Moment;
  readonly haltRound: Round | undefined;
  /** First block in which the Mediator is HALTED if nothing more is done (section 2). */
  readonly haltBlock: BlockNumber | undefined;
}

export interface BalanceView {
  readonly token: Address;
  readonly total: Amount;
  /** The amount locked in open orders. */
  readonly locked: Amount;
  /** total - locked. */
  readonly free: Amount;
}

export interface OrderView {
  readonly order: Order;
  readonly side: Side;
  /** Base units of the market's quote for one lot. */
  readonly price: Amount;
  readonly state: OrderState;
  readonly terms: OrderTerms;
  /** Undefined while it is open, when it is filled, and where that was not written down. */
  readonly reason: EndReason | undefined;
  /** When it came: milliseconds since 1970; 0: not written down. */
  readonly placedMs: number;
  /** Cumulative, as its fill says. */
  readonly sold: Amount;
  readonly bought: Amount;
  /** Sequence of the last trade; 0 before the first. */
  readonly sequence: bigint;
}

/** A limit, and how much of it is used. */
export interface LimitView {
  readonly limit: number;
  readonly used: number;
  readonly left: number;
}

/** The last statement of a client and round that was countersigned. */
export type StatementView = CountersignedStatement;

export interface PriceLevel {
  readonly price: Amount;
  /** Base units of the market's base. */
  readonly baseAmount: Amount;
  readonly orders: number;
}

/** Best price first on both sides. */
export interface BookView {
  readonly market: Market;
  readonly bids: readonly PriceLevel[];
  readonly asks: readonly PriceLevel[];
}

export interface WithdrawalView {
  readonly client: Address;
  readonly token: Address;
  readonly recipient: Address;
  readonly round: Round;
  readonly amount: Amount;
  readonly opening: Amount;
  /** The block in which the withdrawal was requested. */
  readonly block: BlockNumber;
  readonly state: WithdrawalState;
}

export interface DisputeView {
  readonly client: Address;
  /** The round in which the dispute was opened; the dispute is about the round before. */
  readonly round: Round;
  readonly opener: Address;
  readonly openedBlock: BlockNumber;
  /** Last block in which it can be closed. */
  readonly deadlineBlock: BlockNumber;
  readonly openingsPresented: boolean;
  readonly mustProveOpenings: boolean;
  /** Number of fills presented. */
  readonly presented: number;
}

/** An order of the disputed round with all that was executed of it. */
export interface ExecutionView extends Execution {
  readonly signature: Signature;
}

/** All that the machine knows for answering a dispute. */
export interface DisputeAnswerView extends DisputeView {
  readonly disputedRound: Round;
  /** The client's leaf; undefined when it has none. */
  readonly leafIndex: number | undefined;
  /** One for each token of the set of `round`, in that order. */
  readonly tokens: readonly TokenAccount[];
  /** Tokens of the set of the disputed round, in that order. */
  readonly openingTokens: readonly Address[];
  /** Strictly ascending by id; those that the statement covers are left out. */
  readonly executions: readonly ExecutionView[];
  /** Of the disputed round; undefined where none was countersigned. */
  readonly statement: Statement | undefined;
  /** The same with the client's signature. */
  readonly signedStatement: SignedStatement | undefined;
  /** The cover of the statement that the client presented. */
  readonly presentedCover: Cover | undefined;
}

/** The call that cancels a request. */
export interface EvidenceView extends WithdrawalView {
  /** Ascending by (round, id). */
  readonly orders: readonly SignedOrder[];
  /** At most one of each of the request's round and the one before, ascending. */
  readonly statements: readonly SignedStatement[];
  /** The covers that the client presented with the request. */
  readonly presented: readonly Cover[];
  /** First and last block in which it can be cancelled, unless the token is committed before. */
  readonly firstBlock: BlockNumber;
  readonly lastBlock: BlockNumber;
}

/** How a round's commit stands. */
export interface CommitView {
  readonly round: Round;
  /** In token order; the trees with which the round opened. */
  readonly roots: readonly TokenRoot[];
  /** Cancellations that the chain does not show yet, in token order. */
  readonly missing: readonly TokenRoot[];
  /** Requests of the round before that must be cancelled before. */
  readonly cancelFirst: readonly WithdrawalView[];
}

/** A token's sums of a round, as the Mediator counts them, in base units. */
export interface TokenSums {
  readonly token: Address;
  readonly deposits: Amount;
  readonly requested: Amount;
  readonly expected: Amount;
}

export interface TokenView {
  readonly token: Address;
  readonly listedRound: Round;
  /** Undefined before the first commit. */
  readonly committedRound: Round | undefined;
}

/** A client's flows of one round in one token. */
export interface FlowView {
  readonly deposits: Amount;
  /** Requested and not cancelled. */
  readonly requested: Amount;
}

/** Names a market by its two tokens, in either order. */
export interface TokenPair {
  readonly sellToken: Address;
  readonly buyToken: Address;
}

export type { OrderRef, Side };
