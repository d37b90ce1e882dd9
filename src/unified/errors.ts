/**
 * Errors in the words of ccxt, by which bots decide what to do: those of `NetworkError`'s family
 * are tried again, the others are not. So nothing that cannot succeed by itself is of that family.
 */
import { messageOf, QuarterdeckError } from "../base/errors.ts";
import { OperatorUnreachable, RefusedByOperator } from "../client/api.ts";
import { BadArgument } from "../client/checks/badArgument.ts";
import type { RefusalCode } from "../protocol/refusals.ts";

/** Classes of ccxt that are used here. */
export const ERROR_NAMES = [
  "ArgumentsRequired",
  "AuthenticationError",
  "BadRequest",
  "BadSymbol",
  "DuplicateOrderId",
  "ExchangeError",
  "ExchangeNotAvailable",
  "InsufficientFunds",
  "InvalidAddress",
  "InvalidNonce",
  "InvalidOrder",
  "MarketClosed",
  "NotSupported",
  "OnMaintenance",
  "OperationRejected",
  "OrderImmediatelyFillable",
  "OrderNotFillable",
  "OrderNotFound",
  "PermissionDenied",
  "RateLimitExceeded",
  "RequestTimeout",
] as const;
export type ErrorName = (typeof ERROR_NAMES)[number];

/** Classes that bots try again by themselves: the family of ccxt's `NetworkError`. */
export const RETRIED: readonly ErrorName[] = [
  "ExchangeNotAvailable",
  "OnMaintenance",
  "RateLimitExceeded",
  "RequestTimeout",
  // Of the family in ccxt too, and used for nothing here.
  "InvalidNonce",
];

/** The class of each refusal. The compiler refuses a code without one. */
export const ERROR_OF_REFUSAL: { readonly [Code in RefusalCode]: ErrorName } = {
  BadInput: "BadRequest",
  BadSignature: "AuthenticationError",
  Unauthorized: "AuthenticationError",
  RateLimited: "RateLimitExceeded",
  Overloaded: "RateLimitExceeded",
  NotLeader: "ExchangeNotAvailable",
  NotReady: "OnMaintenance",
  FillUnsigned: "ExchangeNotAvailable",
  ExchangeHalted: "MarketClosed",
  NotFound: "BadRequest",
  UnknownToken: "BadSymbol",
  UnknownMarket: "BadSymbol",
  UnknownClient: "InsufficientFunds",
  InvalidOrder: "InvalidOrder",
  MisalignedAmount: "InvalidOrder",
  OrderRoundClosed: "InvalidOrder",
  DuplicateOrderId: "DuplicateOrderId",
  IdBelowWatermark: "InvalidOrder",
  WrongStatement: "OperationRejected",
  TooManyOrders: "OperationRejected",
  TooManyPlacements: "OperationRejected",
  PlacedTooFast: "RateLimitExceeded",
  InsufficientFunds: "InsufficientFunds",
  OldNonce: "OperationRejected",
  WouldTake: "OrderImmediatelyFillable",
  NotFilled: "OrderNotFillable",
  Expired: "InvalidOrder",
  UnknownOrder: "OrderNotFound",
  NotYourOrder: "PermissionDenied",
  OrderNotOpen: "OrderNotFound",
};

/** Errors of the library and the chain that say by themselves that they may pass. */
const PASSING: Readonly<Record<string, ErrorName>> = {
  RpcUnavailable: "ExchangeNotAvailable",
  RoundDisputed: "ExchangeNotAvailable",
  SignerUnavailable: "ExchangeNotAvailable",
  TransactionLost: "RequestTimeout",
  DepositUnsettled: "RequestTimeout",
};

/** Others that have a class of their own. */
const LASTING: Readonly<Record<string, ErrorName>> = {
  InsufficientFunds: "InsufficientFunds",
  InsufficientTokens: "InsufficientFunds",
};

/** An error with the name of the class of ccxt that it is for its users. */
export class UnifiedError extends QuarterdeckError {
  override readonly name = "UnifiedError";
  readonly type: ErrorName;

  /** `code`: Quarterdeck's own, where there is one. */
  constructor(type: ErrorName, message: string, code: string = type, cause?: unknown) {
    super({ code, message, hint: "", cause });
    this.type = type;
  }

  /** Whether the same call may succeed later, by itself. */
  get isRetried(): boolean {
    return RETRIED.includes(this.type);
  }
}

const OF_ARGUMENTS: Readonly<Record<string, ErrorName>> = {
  market: "BadSymbol",
  token: "BadSymbol",
  recipient: "InvalidAddress",
  price: "InvalidOrder",
  amount: "InvalidOrder",
  tag: "InvalidOrder",
  side: "InvalidOrder",
};

function nameOf(error: unknown): ErrorName {
  if (error instanceof RefusedByOperator) {
    const known = ERROR_OF_REFUSAL[error.code as RefusalCode];
    // A word of a later release: what is not known is not repeated.
    return known ?? "ExchangeError";
  }
  if (error instanceof OperatorUnreachable) {
    return error.signedOrders.length === 0 ? "ExchangeNotAvailable" : "RequestTimeout";
  }
  if (error instanceof BadArgument) return OF_ARGUMENTS[error.field] ?? "BadRequest";
  const code = error instanceof QuarterdeckError ? error.code : "";
  return PASSING[code] ?? LASTING[code] ?? "ExchangeError";
}

export function toUnifiedError(error: unknown): UnifiedError {
  if (error instanceof UnifiedError) return error;
  const code = error instanceof QuarterdeckError ? error.code : "Error";
  return new UnifiedError(nameOf(error), messageOf(error), code, error);
}
