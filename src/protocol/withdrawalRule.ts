/**
 * When a withdrawal request is paid, and when it can be cancelled (docs/protocol.md sections 4 and
 * 10).
 */

import type { Address } from "../base/hex.ts";
import { checkOrder } from "./orderRule.ts";
import { type BlockSpan, firstBlockOf, lastBlockOf } from "./rounds.ts";
import { checkStatement, covers, coversAll, netSold } from "./statementRule.ts";
import type {
  Amount,
  BlockNumber,
  Cover,
  Moment,
  Order,
  Round,
  Schedule,
  Statement,
} from "./units.ts";

/** A request as the Mediator stores it. */
export interface WithdrawalRequest {
  readonly client: Address;
  readonly token: Address;
  /** The round in which the request was made. */
  readonly round: Round;
  readonly amount: Amount;
  /** The balance proven against the commit of the round before. */
  readonly opening: Amount;
  /** The orders covered by statements presented with the request; undefined: none. */
  readonly presented?: readonly Cover[];
}

/** Why orders do not allow a request to be cancelled. */
export type EvidenceFault =
  /** No order at all, another's, of another round, selling another token, or not ascending. */
  | { readonly fault: "WrongOrder"; readonly round: Round; readonly id: bigint }
  /** Another client's statement, of another round, two of one, or not in its one form. */
  | { readonly fault: "WrongStatement"; readonly round: Round; readonly watermark: bigint }
  /** The request presented a statement that covers more. */
  | { readonly fault: "NotCovered"; readonly round: Round; readonly watermark: bigint }
  /**
   * `claimed`: the request, what the orders may sell, and what the statements sold less what they
   * bought, together; may be negative.
   */
  | { readonly fault: "NotOverdrawn"; readonly claimed: bigint; readonly opening: Amount };

/** Whether a request asks for more than its opening balance leaves beside the orders. */
export function overdrawn(amount: Amount, opening: Amount, sellAmounts: Iterable<Amount>): boolean {
  return claimedBy(amount, sellAmounts) > opening;
}

/**
 * The fault of `orders` and `statements` as evidence that `request` is overdrawn: distinct
 * orders of the client, of the request's round or the one before, that sell the token, ascending by
 * (round, id), covered by none of the statements; of these at most one of each of the two rounds,
 * ascending, covering all that the request presented. Signatures are a matter of their own
 * (`isOrderSignedBy`, `isStatementSignedBy`).
 */
export function checkEvidence(
  request: WithdrawalRequest,
  orders: readonly Order[],
  statements: readonly Statement[] = [],
): EvidenceFault | undefined {
  const wrong = checkStatements(request, statements);
  if (wrong !== undefined) return wrong;
  let last: Order | undefined;
  for (const order of orders) {
    const fits =
      checkOrder(order) === undefined &&
      order.owner === request.client &&
      order.sellToken === request.token &&
      (order.round === request.round || order.round === request.round - 1) &&
      !statements.some((one) => one.round === order.round && covers(one, order.id));
    if (!fits || (last !== undefined && !isAfter(order, last))) {
      return { fault: "WrongOrder", round: order.round, id: order.id };
    }
    last = order;
  }
  let claimed = claimedBy(
    request.amount,
    orders.map((order) => order.sellAmount),
  );
  for (const statement of statements) claimed += netSold(statement, request.token);
  if (claimed > request.opening) return undefined;
  return { fault: "NotOverdrawn", claimed, opening: request.opening };
}

function checkStatements(
  request: WithdrawalRequest,
  statements: readonly Statement[],
): EvidenceFault | undefined {
  let last = request.round - 2;
  for (const statement of statements) {
    const { client, round, watermark } = statement;
    const fits =
      client === request.client &&
      round > last &&
      round <= request.round &&
      checkStatement(statement) === undefined;
    if (!fits) return { fault: "WrongStatement", round, watermark };
    last = round;
  }
  for (const presented of request.presented ?? []) {
    if (!statements.some((statement) => coversAll(statement, presented))) {
      return { fault: "NotCovered", round: presented.round, watermark: presented.watermark };
    }
  }
  return undefined;
}

/**
 * Whether a request of `requestRound` is paid at `moment`. `haltRound` where the Mediator is
 * HALTED: then the moment does not matter.
 */
export function confirmable(requestRound: Round, moment: Moment, haltRound?: Round): boolean {
  if (haltRound !== undefined) return requestRound <= haltRound - 3;
  return requestRound <= moment.round - (moment.quarter === 0 ? 3 : 2);
}

/** First block in which a request of `requestRound` is paid, unless the Mediator halts before. */
export function firstPayableBlock(schedule: Schedule, requestRound: Round): BlockNumber {
  return firstBlockOf(schedule, requestRound + 2, 1);
}

/**
 * The blocks in which a request of `requestRound` can be cancelled: its round and quarter 0 of the
 * next. In that quarter only until its token is committed.
 */
export function cancelWindow(schedule: Schedule, requestRound: Round): BlockSpan {
  return {
    firstBlock: firstBlockOf(schedule, requestRound),
    lastBlock: lastBlockOf(schedule, requestRound + 1, 0),
  };
}

function claimedBy(amount: Amount, sellAmounts: Iterable<Amount>): Amount {
  let claimed = amount;
  for (const sellAmount of sellAmounts) claimed += sellAmount;
  return claimed;
}

function isAfter(order: Order, last: Order): boolean {
  return order.round > last.round || (order.round === last.round && order.id > last.id);
}
