/** Failures at the chain, by who must act on them. */
import { BaseError, BlockNotFoundError, RpcRequestError } from "viem";
import { clause, QuarterdeckError, reasonOf } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";

const DEEPEST_CAUSE = 16;

/** How a request failed. */
export interface FailureOptions {
  readonly timedOut?: boolean;
  /** The request surely reached no node. */
  readonly undelivered?: boolean;
}

/** No endpoint answered. Retry; if it lasts, an operator must check the endpoints. */
export class RpcUnavailable extends QuarterdeckError {
  override readonly name = "RpcUnavailable";

  constructor(what: string, cause: unknown) {
    super({
      code: "RpcUnavailable",
      message: `No chain endpoint answered ${what} (${shortMessage(cause)}).`,
      hint: "Check that the endpoints are up and reachable.",
      cause,
    });
  }
}

/** One endpoint did not answer. Another may; see `RpcUnavailable` for when none does. */
export class EndpointFailed extends QuarterdeckError {
  override readonly name = "EndpointFailed";
  /** The fault, without the endpoint's name. */
  readonly problem: string;
  readonly timedOut: boolean;
  /** The request surely reached no node; otherwise one may have done what it asks. */
  readonly undelivered: boolean;

  constructor(origin: string, problem: string, options: FailureOptions = {}) {
    super({
      code: "EndpointFailed",
      message: `The endpoint ${origin} failed: ${clause(problem)}.`,
      hint: "Check that it is up and reachable.",
    });
    this.problem = problem;
    this.timedOut = options.timedOut ?? false;
    this.undelivered = options.undelivered ?? false;
  }
}

/**
 * The failure to tell of, of one before and the next: an endpoint of another chain says nothing of
 * ours, and the others may only be down.
 */
export function failureToTell(before: unknown, next: unknown): unknown {
  const isOther = causeOf(next, (cause) => cause instanceof ChainMismatch) !== undefined;
  return before !== undefined && isOther ? before : next;
}

/** An endpoint serves another chain than the exchange's, or than the others do. */
export class ChainMismatch extends QuarterdeckError {
  override readonly name = "ChainMismatch";

  constructor(
    served: readonly { readonly origin: string; readonly chainId: number }[],
    expected?: number,
  ) {
    const each = served.map(({ origin, chainId }) => `${origin} serves chain ${chainId}`);
    const instead = expected === undefined ? "" : ` instead of ${expected}`;
    super({
      code: "ChainMismatch",
      message: `${each.join(", ")}${instead}.`,
      hint: "Configure endpoints of the exchange's chain only.",
    });
  }
}

/** Two endpoints have different blocks or logs at a height that counts as final; it stays so. */
export class EndpointsDisagree extends QuarterdeckError {
  override readonly name = "EndpointsDisagree";

  /** `about`: such as "block 7". */
  constructor(about: string, said: readonly { readonly origin: string; readonly says: string }[]) {
    const each = said.map(({ origin, says }) => `${origin} says ${says}`);
    super({
      code: "EndpointsDisagree",
      message: `Endpoints disagree about ${about}: ${each.join(", ")}.`,
      hint:
        "Find out with a third source which of them is right, take the other out of `rpc`, and " +
        "start again.",
    });
  }
}

/** The contract says no: sending it would only cost gas. */
export class ContractRefused extends QuarterdeckError {
  override readonly name = "ContractRefused";
  /** Name of the contract's typed error, or "unknown". */
  readonly errorName: string;
  readonly args: readonly unknown[];

  constructor(what: string, errorName: string, args: readonly unknown[], cause?: unknown) {
    super({
      code: "ContractRefused",
      message: `The contract refuses ${what}: ${errorName}(${args.map(String).join(", ")}).`,
      hint:
        "contracts/src/interfaces says what each error of the exchange means. Any other is the " +
        "token's: see the balance and the allowance there, and whether it is paused.",
      cause,
    });
    this.errorName = errorName;
    this.args = args;
  }
}

/** A block that counted as final is no longer part of the chain. */
export class ReorgTooDeep extends QuarterdeckError {
  override readonly name = "ReorgTooDeep";

  constructor(block: number, known: Hex, found: Hex) {
    super({
      code: "ReorgTooDeep",
      message: `Block ${block} was taken as final with hash ${known}, and now has ${found}.`,
      hint:
        "Check that the endpoints follow the right chain. If it really reorganised that deep, " +
        "restore a journal from before that block and raise `confirmations`.",
    });
  }
}

/** A transaction was not mined before its deadline. */
export class DeadlineMissed extends QuarterdeckError {
  override readonly name = "DeadlineMissed";

  constructor(what: string, deadlineBlock: number, head: number) {
    super({
      code: "DeadlineMissed",
      message: `${what} was due by block ${deadlineBlock}, and block ${head} is here.`,
      hint: "Check fees, the key's balance and the endpoints; the Mediator may halt.",
    });
  }
}

/** A transaction of ours was not mined, or did nothing: whatever it was for is still to be done. */
export class TransactionLost extends QuarterdeckError {
  override readonly name = "TransactionLost";

  constructor(what: string, why: string, cause?: unknown) {
    super({
      code: "TransactionLost",
      message: `The transaction for ${what} is lost: ${why}.`,
      hint: "Look whether it is still needed, and send it again.",
      cause,
    });
  }
}

/** The key cannot pay. */
export class InsufficientFunds extends QuarterdeckError {
  override readonly name = "InsufficientFunds";

  constructor(what: string, address: Address, cause: unknown) {
    super({
      code: "InsufficientFunds",
      message: `${address} cannot pay for ${what} (${shortMessage(cause)}).`,
      hint: `Send ether to ${address}, or lower the fee limit.`,
      cause,
    });
  }
}

/** In few words, for the middle of a sentence. */
export function shortMessage(error: unknown): string {
  if (error instanceof EndpointFailed) return clause(error.problem);
  if (error instanceof BaseError) return clause(error.details || error.shortMessage);
  return reasonOf(error);
}

/** The first error along the causes of `error`, itself included, that passes `test`. */
export function causeOf(error: unknown, test: (cause: unknown) => boolean): unknown {
  let cause = error;
  for (let depth = 0; cause !== undefined && cause !== null && depth < DEEPEST_CAUSE; depth++) {
    if (test(cause)) return cause;
    cause = (cause as { cause?: unknown }).cause;
  }
  return undefined;
}

/** Whether an endpoint did not answer, or not for our chain. */
export function isUnanswered(error: unknown): boolean {
  const isOther = (cause: unknown) =>
    cause instanceof EndpointFailed || cause instanceof ChainMismatch;
  return causeOf(error, isOther) !== undefined;
}

/** Whether an endpoint answered, and said no. */
export function isRefusal(error: unknown): boolean {
  return causeOf(error, (cause) => cause instanceof RpcRequestError) !== undefined;
}

/** Whether an endpoint answered that it knows no such block. */
export function isUnknownBlock(error: unknown): boolean {
  return causeOf(error, (cause) => cause instanceof BlockNotFoundError) !== undefined;
}

/** Whether an endpoint did not answer, perhaps because an answer would have been too much. */
export function isOverwhelmed(error: unknown): boolean {
  const failed = causeOf(error, (cause) => cause instanceof EndpointFailed);
  if (!(failed instanceof EndpointFailed)) return false;
  return failed.timedOut || /^HTTP (413|429|504)\b|size limit/.test(failed.problem);
}
