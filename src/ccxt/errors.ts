/** The classes of ccxt, by what an error of this project means to a bot. */
import * as ccxt from "ccxt";
import { type ErrorName, toUnifiedError } from "../unified/errors.ts";

type ErrorClass = new (message: string) => Error;

export const CLASSES: Readonly<Record<ErrorName, ErrorClass>> = {
  ArgumentsRequired: ccxt.ArgumentsRequired,
  AuthenticationError: ccxt.AuthenticationError,
  BadRequest: ccxt.BadRequest,
  BadSymbol: ccxt.BadSymbol,
  DuplicateOrderId: ccxt.DuplicateOrderId,
  ExchangeError: ccxt.ExchangeError,
  ExchangeNotAvailable: ccxt.ExchangeNotAvailable,
  InsufficientFunds: ccxt.InsufficientFunds,
  InvalidAddress: ccxt.InvalidAddress,
  InvalidNonce: ccxt.InvalidNonce,
  InvalidOrder: ccxt.InvalidOrder,
  MarketClosed: ccxt.MarketClosed,
  NotSupported: ccxt.NotSupported,
  OnMaintenance: ccxt.OnMaintenance,
  OperationRejected: ccxt.OperationRejected,
  OrderImmediatelyFillable: ccxt.OrderImmediatelyFillable,
  OrderNotFillable: ccxt.OrderNotFillable,
  OrderNotFound: ccxt.OrderNotFound,
  PermissionDenied: ccxt.PermissionDenied,
  RateLimitExceeded: ccxt.RateLimitExceeded,
  RequestTimeout: ccxt.RequestTimeout,
};

/** An error of ccxt stays as it is. */
export function toCcxtError(id: string, error: unknown): Error {
  if (error instanceof ccxt.BaseError) return error;
  const unified = toUnifiedError(error);
  const made = new CLASSES[unified.type](`${id} ${unified.code}: ${unified.message}`);
  made.cause = unified;
  return made;
}
