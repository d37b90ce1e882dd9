/**
 * `@quarterdeck/client`: everything that a trader needs, in browsers as in Node. Nothing here is of
 * Node alone: files are in `@quarterdeck/client/node`.
 */
export { type Curve, nobleCurve } from "../base/curve.ts";
export { QuarterdeckError } from "../base/errors.ts";
export type { Address, Hex } from "../base/hex.ts";
export { VERSION } from "../base/version.ts";
export type { ExchangeConstants } from "../chain/contracts/mediator.ts";
export {
  ChainMismatch,
  ContractRefused,
  DeadlineMissed,
  InsufficientFunds,
  RpcUnavailable,
  TransactionLost,
} from "../chain/rpc/errors.ts";
export { SignerUnavailable } from "../chain/signer.ts";
export type { Call, Mined } from "../chain/submit/submitter.ts";
export { OperatorUnreachable, RefusedByOperator } from "../client/api.ts";
export type { AuditFault, AuditPending, AuditReport } from "../client/audit.ts";
export {
  BadArgument,
  type ClientOptions,
  type Deposited,
  DepositUnsettled,
  ExchangeClient,
  type ExchangeFacts,
  MarketChanged,
  type MarketPin,
  type OrderStatus,
} from "../client/client.ts";
export { collectAnswer, dispute, type OpenedDispute } from "../client/dispute.ts";
export { formatAmount, formatPrice, type OrderRequest } from "../client/orders.ts";
export {
  AccountQueries,
  type BookQuery,
  type CandleQuery,
  MarketQueries,
  type TradeQuery,
} from "../client/queries.ts";
export { type DeadManOptions, holdDeadManSwitch } from "../client/rounds/deadManSwitch.ts";
export {
  collectAnswers,
  ExitClient,
  type ExitOptions,
} from "../client/rounds/exitClient.ts";
export { type Recovered, recover } from "../client/rounds/recover.ts";
export { type RenewedOrder, renewOrders } from "../client/rounds/renewOrders.ts";
export { type RoundReport, roundWork } from "../client/rounds/roundWork.ts";
export type { SignerOption } from "../client/signing/parseSigner.ts";
export type {
  ClientMessageName,
  ClientMessages,
  ClientSigner,
  SenderOptions,
  TransactionSender,
} from "../client/signing/signer.ts";
export {
  accountSigner,
  keySigner,
  type SigningAccount,
  tradingKeySigner,
} from "../client/signing/signers.ts";
export { openWallet, type WalletProvider } from "../client/signing/wallet.ts";
export { BookMirror, type MirroredBook } from "../client/streaming/bookMirror.ts";
export type { ChannelRequest, ChannelUpdate } from "../client/streaming/channels.ts";
export {
  ExchangeStream,
  type ExchangeStreamOptions,
  type StreamSource,
} from "../client/streaming/exchangeStream.ts";
export { type Channel, listen, type StreamOptions } from "../client/streaming/hints.ts";
export type { ChainClientSide } from "../client/types.ts";
export * from "./evidence.ts";
