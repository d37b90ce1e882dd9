/**
 * The calls that answer a dispute: which executions go into proveExecutions, and what is left for
 * closeDispute. Pure. docs/protocol.md section 6.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { encodeCloseDispute, encodeProveExecutions } from "../../chain/contracts/mediatorCalls.ts";
import type { State } from "../../exchange/model/state.ts";
import { type DisputeAnswerView, proof } from "../../exchange/queries/views.ts";
import { type AnswerFault, checkAnswer, type PresentedFill } from "../../protocol/disputeRule.ts";
import { ORDER_PATH_LENGTH, TX_BYTES_CAP } from "../../protocol/limits.ts";
import type { BalanceProof } from "../../protocol/units.ts";

/**
 * Executions in one proveExecutions: below 100 kB of calldata and half the gas of a transaction.
 */
export const EXECUTIONS_PER_CALL = 150;
/** Executions in one closeDispute at most. */
export const EXECUTIONS_AT_CLOSE = 50;
/** Calldata of one, its order signed in a batch of the longest path: 16 words beside the path. */
const EXECUTION_BYTES = 32 * (16 + ORDER_PATH_LENGTH);
/** Bytes of a transaction beside its calldata, with a margin. */
const SPARE_BYTES = 1024;

/** Executions for which a closeDispute has room that takes `bytes` of calldata without any. */
export function executionsAtClose(bytes: number): number {
  const room = TX_BYTES_CAP - SPARE_BYTES - bytes;
  return Math.max(0, Math.min(EXECUTIONS_AT_CLOSE, Math.floor(room / EXECUTION_BYTES)));
}

/** Transactions that an answer with so many executions takes at best, one after the other. */
export function transactionsToAnswer(executions: number): number {
  const before = Math.max(0, executions - EXECUTIONS_AT_CLOSE);
  return Math.ceil(before / EXECUTIONS_PER_CALL) + 1;
}

/** An operator's proofs so far in a dispute, as the Mediator shows them. */
export interface Accumulated {
  readonly orders: number;
  readonly lastId: bigint;
}

/** One transaction of an answer. */
export interface AnswerCall {
  /** For logs and errors. */
  readonly what: string;
  readonly data: Hex;
}

/**
 * The calls that are left, to be mined one after the other. Goes on where an earlier accumulation
 * ended, if that is a prefix of what is to be proven; restarts it otherwise.
 */
export function answerCalls(
  state: State,
  answer: DisputeAnswerView,
  accumulated: Accumulated,
): AnswerCall[] {
  const { client, round, executions, signedStatement: statement } = answer;
  const proofs = proofsOfAnswer(state, answer);
  const bare = encodeCloseDispute(client, round, { executions: [], ...proofs });
  const atClose = executionsAtClose((bare.length - 2) / 2);
  const { orders, lastId } = accumulated;
  const isPrefix = orders === 0 || executions[orders - 1]?.order.id === lastId;
  let from = isPrefix ? orders : 0;
  let restart = !isPrefix;
  const calls: AnswerCall[] = [];
  while (executions.length - from > atClose || restart) {
    const part = executions.slice(from, from + EXECUTIONS_PER_CALL);
    const what = `proveExecutions of ${client} in round ${round} from ${from}`;
    calls.push({ what, data: encodeProveExecutions(client, round, restart, part, statement) });
    from += part.length;
    restart = false;
  }
  const what = `closeDispute of ${client} in round ${round}`;
  const left = executions.slice(from);
  calls.push({ what, data: encodeCloseDispute(client, round, { executions: left, ...proofs }) });
  return calls;
}

function proofsOfAnswer(state: State, answer: DisputeAnswerView) {
  const { client, round, tokens, openingTokens, openingsPresented, disputedRound } = answer;
  const closingTokens = tokens.map(({ token }) => token);
  const { signedStatement: statement, presentedCover: cover } = answer;
  return {
    ...(statement !== undefined && { statement }),
    ...(cover !== undefined && { cover }),
    openingBalances: openingsPresented
      ? tokens.slice(0, openingTokens.length).map(({ opening }) => opening)
      : [],
    openings: openingsPresented ? [] : proofsOf(state, client, openingTokens, disputedRound),
    closings: proofsOf(state, client, closingTokens, round),
  };
}

/** One for each token; none at all for a client that had no leaf in that round. */
function proofsOf(
  state: State,
  client: Address,
  tokens: readonly Address[],
  round: number,
): BalanceProof[] {
  return tokens
    .map((token) => proof(state, client, token, round))
    .filter((one) => one !== undefined);
}

/** The journal's answer would not close the dispute: nothing is sent, and an operator must act. */
export class AnswerRefused extends QuarterdeckError {
  override readonly name = "AnswerRefused";
  readonly fault: AnswerFault;

  constructor({ client, round }: DisputeAnswerView, fault: AnswerFault) {
    const values = Object.entries(fault).map(([name, value]) => `${name} ${value}`);
    super({
      code: "AnswerRefused",
      message:
        `The answer to the dispute of ${client} in round ${round} does not close it: ` +
        `${values.join(", ")}.`,
      hint:
        "Compare this operator's journal with the others' and with the fills that the client " +
        "presented on chain; if it cannot be answered in time, tell the clients to recover.",
    });
    this.fault = fault;
  }
}

/**
 * Throws `AnswerRefused` where the Mediator would not take the answer. `presented`: the fills that
 * the client presented on chain for orders of the answer; one that is missing among them shows as
 * not covered.
 */
export function requireAnswerCloses(
  answer: DisputeAnswerView,
  presented: readonly PresentedFill[],
): void {
  const { client, disputedRound, tokens, executions, statement, presentedCover } = answer;
  const fault = checkAnswer({
    client,
    disputedRound,
    tokens,
    executions,
    presented,
    statement,
    presentedCover,
  });
  if (fault !== undefined) throw new AnswerRefused(answer, fault);
  if (presented.length === answer.presented) return;
  const covered = presented.length;
  throw new AnswerRefused(answer, {
    fault: "FillsNotCovered",
    covered,
    presented: answer.presented,
  });
}
