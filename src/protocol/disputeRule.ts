/**
 * Disputes: who may open one, how the operator accounts for the client's round, and by when
 * (docs/protocol.md sections 6 and 10). Twin of the contract's own accounting, so that either side
 * knows before it sends what the contract will say. A dispute opened in round r is about round r-1.
 * Signatures and balance proofs are matters of their own (signatures.ts, sumTree.ts).
 */
import type { Address, Hex } from "../base/hex.ts";
import { orderHash } from "./messages.ts";
import {
  checkAdvance,
  checkExecution,
  checkOrder,
  type Executed,
  type ExecutionFault,
} from "./orderRule.ts";
import { type BlockSpan, firstBlockOf, lastBlockOf, momentOf, rescueWindow } from "./rounds.ts";
import { checkStatement, covers, coversAll } from "./statementRule.ts";
import type {
  Amount,
  BlockNumber,
  Cover,
  Order,
  Quarter,
  Round,
  Schedule,
  Statement,
} from "./units.ts";

/** A fill that the client presented when it opened: cumulative for its order. */
export interface PresentedFill extends Executed {
  readonly orderHash: Hex;
}

/** An order of the disputed round and all that was executed of it. */
export interface Execution extends Executed {
  readonly order: Order;
}

/** One client's disputed round in one token. */
export interface TokenAccount {
  readonly token: Address;
  /** Balance in the commit of the disputed round; 0 for a token that was not in it yet. */
  readonly opening: Amount;
  /** Deposited in the disputed round. */
  readonly deposits: Amount;
  /** Withdrawals requested in the disputed round and not cancelled. */
  readonly requested: Amount;
  /** Balance in the commit of the round after. */
  readonly closing: Amount;
}

/** All that an operator answers a dispute with. */
export interface DisputeAnswer {
  readonly client: Address;
  readonly disputedRound: Round;
  /** One for each token of the commit of the round after the disputed one. */
  readonly tokens: readonly TokenAccount[];
  readonly presented: readonly PresentedFill[];
  /**
   * Strictly ascending by order id. An order that the statement covers is shown only where a fill
   * of it was presented; its amounts are not looked at, nor is its signature.
   */
  readonly executions: readonly Execution[];
  /** Signed by the client; it stands for the executions of all orders that it covers. */
  readonly statement?: Statement | undefined;
  /** The orders that the presented statement covers; undefined: none was presented. */
  readonly presentedCover?: Cover | undefined;
}

/** Why an answer does not close a dispute. Named as the contract's errors are. */
export type AnswerFault =
  /** No order at all, of another client or round, or its id not above that of the one before. */
  | { readonly fault: "WrongOrder"; readonly round: Round; readonly id: bigint }
  /** `id`: of the order that names it; undefined: the statement does. */
  | { readonly fault: "TokenNotInRound"; readonly token: Address; readonly id?: bigint }
  | { readonly fault: "ExecutionOutsideOrder"; readonly id: bigint; readonly why: ExecutionFault }
  /** Less than the client holds an operator's signature on, or beyond the price since. */
  | { readonly fault: "StaleExecution"; readonly id: bigint; readonly why: ExecutionFault }
  /** Another client's, of another round, or not in its one form. */
  | { readonly fault: "WrongStatement"; readonly round: Round; readonly watermark: bigint }
  /** The client presented a statement that covers more. */
  | { readonly fault: "NotCovered"; readonly round: Round; readonly watermark: bigint }
  | { readonly fault: "FillsNotCovered"; readonly covered: number; readonly presented: number }
  | {
      readonly fault: "BalanceMismatch";
      readonly token: Address;
      /** The sum that the accounts leave; may be negative. */
      readonly expected: bigint;
      readonly proven: Amount;
    };

/** Why an answer does not close, the contract's first reason; undefined if it closes. */
export function checkAnswer(answer: DisputeAnswer): AnswerFault | undefined {
  const wrong = checkAnswerStatement(answer);
  if (wrong !== undefined) return wrong;
  const expected = new Map(answer.tokens.map((account) => [account.token, balanceBefore(account)]));
  const presented = new Map(answer.presented.map((fill) => [fill.orderHash, fill]));
  let covered = 0;
  let lastId = -1n;

  for (const execution of answer.executions) {
    const { order, sold, bought } = execution;
    const own = order.owner === answer.client && order.round === answer.disputedRound;
    if (!own || order.id <= lastId || checkOrder(order) !== undefined) {
      return { fault: "WrongOrder", round: order.round, id: order.id };
    }
    const fill = presented.get(orderHash(order));
    if (answer.statement !== undefined && covers(answer.statement, order.id)) {
      if (fill === undefined) return { fault: "WrongOrder", round: order.round, id: order.id };
      lastId = order.id;
      covered++;
      continue;
    }
    const outside = checkAmounts(execution, fill) ?? checkTokens(order, expected);
    if (outside !== undefined) return outside;

    lastId = order.id;
    if (fill !== undefined) covered++;
    add(expected, order.sellToken, -sold);
    add(expected, order.buyToken, bought);
  }

  if (covered !== answer.presented.length) {
    return { fault: "FillsNotCovered", covered, presented: answer.presented.length };
  }
  return addSums(answer.statement, expected) ?? checkBalances(answer.tokens, expected);
}

function checkAnswerStatement(answer: DisputeAnswer): AnswerFault | undefined {
  const { statement, presentedCover } = answer;
  if (statement !== undefined) {
    const { client, round, watermark } = statement;
    const own = client === answer.client && round === answer.disputedRound;
    if (!own || checkStatement(statement) !== undefined) {
      return { fault: "WrongStatement", round, watermark };
    }
  }
  if (presentedCover === undefined) return undefined;
  if (statement !== undefined && coversAll(statement, presentedCover)) return undefined;
  const { round, watermark } = presentedCover;
  return { fault: "NotCovered", round, watermark };
}

function addSums(
  statement: Statement | undefined,
  expected: Map<Address, bigint>,
): AnswerFault | undefined {
  if (statement === undefined) return undefined;
  for (const [i, token] of statement.tokens.entries()) {
    if (!expected.has(token)) return { fault: "TokenNotInRound", token };
    add(expected, token, (statement.bought[i] as Amount) - (statement.sold[i] as Amount));
  }
  return undefined;
}

function checkAmounts(
  execution: Execution,
  fill: PresentedFill | undefined,
): AnswerFault | undefined {
  const { order, sold, bought } = execution;
  const outside = checkExecution(order, sold, bought);
  if (outside !== undefined) return { fault: "ExecutionOutsideOrder", id: order.id, why: outside };
  const stale = fill === undefined ? undefined : checkAdvance(order, fill, { sold, bought });
  return stale === undefined ? undefined : { fault: "StaleExecution", id: order.id, why: stale };
}

function checkTokens(
  order: Order,
  expected: ReadonlyMap<Address, bigint>,
): AnswerFault | undefined {
  for (const token of [order.sellToken, order.buyToken]) {
    if (!expected.has(token)) return { fault: "TokenNotInRound", token, id: order.id };
  }
  return undefined;
}

function checkBalances(
  tokens: readonly TokenAccount[],
  expected: ReadonlyMap<Address, bigint>,
): AnswerFault | undefined {
  for (const { token, closing } of tokens) {
    const left = expected.get(token) as bigint;
    if (left !== closing) {
      return { fault: "BalanceMismatch", token, expected: left, proven: closing };
    }
  }
  return undefined;
}

function balanceBefore(account: TokenAccount): bigint {
  return account.opening + account.deposits - account.requested;
}

function add(balances: Map<Address, bigint>, token: Address, amount: bigint): void {
  balances.set(token, (balances.get(token) as bigint) + amount);
}

/** On what ground a dispute of round r is opened. */
export type Ground =
  /** One proof against the commit of r-1 for each of its tokens. */
  | { readonly ground: "openings"; readonly proofs: number; readonly tokens: number }
  /** A deposit of the client that the Mediator has on record. */
  | { readonly ground: "deposit"; readonly round: Round };

/** The consequence of a ground: which side shows the opening balances. */
export interface Standing {
  readonly openingsPresented: boolean;
  /** Neither presented nor to be proven: the client may have had no leaf yet, and opened with 0. */
  readonly mustProveOpenings: boolean;
}

/** The standing that a ground gives in `round`, or why it gives none. */
export function standingOf(
  round: Round,
  ground: Ground,
): Standing | { readonly fault: "NoStanding" | "ProofCount" } {
  if (ground.ground === "openings") {
    if (ground.proofs !== ground.tokens) return { fault: "ProofCount" };
    if (ground.tokens === 0) return { fault: "NoStanding" };
    return { openingsPresented: true, mustProveOpenings: false };
  }
  if (ground.round > round - 1) return { fault: "NoStanding" };
  return { openingsPresented: false, mustProveOpenings: ground.round < round - 1 };
}

/** Why fills cannot be presented as they are. */
export interface PresentedFault {
  readonly fault: "FillNotAscending" | "EmptyFill";
  readonly orderHash: Hex;
}

/**
 * Fills are presented strictly ascending by order hash, and none with nothing sold or nothing
 * bought, which the contract could not tell from no fill.
 */
export function checkPresented(presented: readonly PresentedFill[]): PresentedFault | undefined {
  let last: Hex | undefined;
  for (const { orderHash, sold, bought } of presented) {
    if (last !== undefined && orderHash <= last) return { fault: "FillNotAscending", orderHash };
    if (sold === 0n || bought === 0n) return { fault: "EmptyFill", orderHash };
    last = orderHash;
  }
  return undefined;
}

/**
 * The blocks in which a dispute can be answered: the quarter in which it was opened and the next,
 * once that round's commit is there.
 */
export function closingWindow(schedule: Schedule, openedBlock: BlockNumber): BlockSpan {
  const { round, quarter } = momentOf(schedule, openedBlock);
  const lastBlock =
    quarter === 3
      ? lastBlockOf(schedule, round + 1, 0)
      : lastBlockOf(schedule, round, (quarter + 1) as Quarter);
  return { firstBlock: openedBlock, lastBlock };
}

/** The blocks at the end of that window in which any registered operator may answer. */
export function closingRescueWindow(
  schedule: Schedule,
  openedBlock: BlockNumber,
): BlockSpan | undefined {
  return rescueWindow(schedule, closingWindow(schedule, openedBlock).lastBlock);
}

/** First block in which the Mediator is HALTED if a dispute opened in `round` is still open. */
export function disputeHaltBlock(schedule: Schedule, round: Round): BlockNumber {
  return firstBlockOf(schedule, round + 1, 1);
}
