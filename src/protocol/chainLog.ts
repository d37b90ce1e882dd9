/**
 * The Mediator's logs as the exchange takes them: one union, one member per event. Names and fields
 * are those of contracts/src/interfaces/IMediator.sol.
 */
import type { Address, Hex } from "../base/hex.ts";
import type { Amount, BlockNumber, Round } from "./units.ts";

/** Where a log stands in the chain. `(blockHash, logIndex)` identifies it (section 4). */
export interface LogPlace {
  readonly block: BlockNumber;
  readonly blockHash: Hex;
  /** Position among all logs of the block. */
  readonly logIndex: number;
  /** For people; identifies nothing: one transaction can emit many logs. */
  readonly transactionHash: Hex;
}

export interface TokenListedLog extends LogPlace {
  readonly kind: "tokenListed";
  readonly token: Address;
  readonly round: Round;
}

export interface DepositedLog extends LogPlace {
  readonly kind: "deposited";
  readonly client: Address;
  readonly token: Address;
  /** The amount that arrived, in base units. */
  readonly amount: Amount;
  readonly round: Round;
}

export interface WithdrawalInitiatedLog extends LogPlace {
  readonly kind: "withdrawalInitiated";
  readonly client: Address;
  readonly token: Address;
  readonly amount: Amount;
  /** The balance proven against the commit of the round before. */
  readonly opening: Amount;
  readonly recipient: Address;
  readonly round: Round;
}

export interface WithdrawalCancelledLog extends LogPlace {
  readonly kind: "withdrawalCancelled";
  readonly client: Address;
  readonly token: Address;
  /** Round of the request. */
  readonly round: Round;
  readonly amount: Amount;
}

export interface WithdrawalConfirmedLog extends LogPlace {
  readonly kind: "withdrawalConfirmed";
  readonly client: Address;
  readonly token: Address;
  /** Round of the request. */
  readonly round: Round;
  readonly amount: Amount;
  readonly recipient: Address;
}

export interface CommittedLog extends LogPlace {
  readonly kind: "committed";
  readonly round: Round;
  readonly token: Address;
  readonly node: Hex;
  readonly total: Amount;
  readonly leafCount: number;
}

export interface TradingKeySetLog extends LogPlace {
  readonly kind: "tradingKeySet";
  readonly client: Address;
  readonly fromRound: Round;
  /** The zero address: only the client's own key signs from then on. */
  readonly key: Address;
}

export interface DisputeOpenedLog extends LogPlace {
  readonly kind: "disputeOpened";
  readonly client: Address;
  /** The round in which the dispute was opened; the dispute is about the round before. */
  readonly round: Round;
  readonly opener: Address;
  readonly mustProveOpenings: boolean;
  readonly openingsPresented: boolean;
  /** How many fills the client presented; the contract's `presentedFill` tells which. */
  readonly presented: number;
}

/** The orders that a statement covers which a client presented; beside the log of the call. */
export interface StatementPresentedLog extends LogPlace {
  readonly kind: "statementPresented";
  readonly client: Address;
  /** Of the request; the zero address: presented with a dispute. */
  readonly token: Address;
  /** Of the request or dispute. */
  readonly round: Round;
  readonly statementRound: Round;
  readonly watermark: bigint;
  readonly except: readonly bigint[];
}

export interface DisputeClosedLog extends LogPlace {
  readonly kind: "disputeClosed";
  readonly client: Address;
  /** The round in which the dispute was opened. */
  readonly round: Round;
  readonly operator: Address;
}

/** One log of the Mediator. */
export type ChainLog =
  | TokenListedLog
  | DepositedLog
  | WithdrawalInitiatedLog
  | WithdrawalCancelledLog
  | WithdrawalConfirmedLog
  | CommittedLog
  | TradingKeySetLog
  | DisputeOpenedLog
  | StatementPresentedLog
  | DisputeClosedLog;

export type ChainLogKind = ChainLog["kind"];
