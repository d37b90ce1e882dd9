/**
 * What the operator owes the chain: a pure difference between the machine's state and what the
 * chain shows. Nothing is remembered, so nothing can be lost: after a restart the same duties come
 * out again, without those that the chain already shows. PROTOCOL.md section 9.
 */
import type { Address } from "../base/hex.ts";
import type { State } from "../exchange/state.ts";
import {
  commit,
  type DisputeAnswerView,
  disputeAnswer,
  disputes,
  type EvidenceView,
  evidenceAgainst,
  withdrawals,
} from "../exchange/views.ts";
import { ORDER_PATH_LENGTH, TX_BYTES_CAP } from "../protocol/limits.ts";
import { lastBlockOf, momentOf } from "../protocol/rounds.ts";
import type { Amount, BlockNumber, Round, TokenRoot } from "../protocol/units.ts";

export const DUTY_KINDS = ["cancelWithdrawal", "closeDispute", "commit"] as const;

/** Which duty it is, for as long as it is owed. */
export type DutyId =
  | {
      readonly kind: "cancelWithdrawal";
      readonly client: Address;
      readonly token: Address;
      readonly round: Round;
    }
  | { readonly kind: "closeDispute"; readonly client: Address; readonly round: Round }
  | { readonly kind: "commit"; readonly round: Round };

/** For errors, logs and alerts; one name for one duty. */
export function dutyName(id: DutyId): string {
  switch (id.kind) {
    case "cancelWithdrawal":
      return `cancelWithdrawal of ${id.client} in ${id.token} of round ${id.round}`;
    case "closeDispute":
      return `closeDispute of ${id.client} in round ${id.round}`;
    case "commit":
      return `commit of round ${id.round}`;
  }
}

/**
 * Executions in one proveExecutions: below 100 kB of calldata and half the gas of a transaction.
 */
export const EXECUTIONS_PER_CALL = 150;
/** Executions in one closeDispute at most. */
export const EXECUTIONS_AT_CLOSE = 50;
/** Calldata of one, its order signed in a batch of the longest path: 16 words beside the path. */
const EXECUTION_BYTES = 32 * (16 + ORDER_PATH_LENGTH);
/** What a transaction is beside its calldata, and some more. */
const SPARE_BYTES = 1024;

/** Executions for which a closeDispute has room that takes `bytes` of calldata without any. */
export function executionsAtClose(bytes: number): number {
  const room = TX_BYTES_CAP - SPARE_BYTES - bytes;
  return Math.max(0, Math.min(EXECUTIONS_AT_CLOSE, Math.floor(room / EXECUTION_BYTES)));
}

/** In the order in which they are to be done. `deadlineBlock`: the last block in time. */
export type Duty =
  | {
      readonly kind: "cancelWithdrawal";
      readonly evidence: EvidenceView;
      readonly deadlineBlock: BlockNumber;
    }
  | {
      readonly kind: "closeDispute";
      readonly answer: DisputeAnswerView;
      readonly deadlineBlock: BlockNumber;
    }
  | {
      readonly kind: "commit";
      readonly round: Round;
      /** Those that the chain does not show, in token order. */
      readonly roots: readonly TokenRoot[];
      readonly deadlineBlock: BlockNumber;
    };

export type CommitDuty = Extract<Duty, { kind: "commit" }>;

/** A request as the Mediator tells it from others. */
export interface RequestRef {
  readonly client: Address;
  readonly token: Address;
  readonly round: Round;
  readonly amount: Amount;
}

/** What the newest block says about what the machine still waits for. */
export interface ChainView {
  readonly head: BlockNumber;
  /**
   * Whether the request that the machine wants cancelled still stands. Once it is cancelled, the
   * client may make another in the same round, of which the evidence says nothing.
   */
  isRequestActive(request: RequestRef): boolean;
  isCommitted(round: Round, token: Address): boolean;
  isDisputeOpen(client: Address, round: Round): boolean;
}

/** The duties that can be carried out now. Work grows with requests, disputes and tokens. */
export function duties(state: State, chain: ChainView): Duty[] {
  if (state.halted !== undefined) return [];
  const cancels = cancelDuties(state, chain);
  return [...cancels, ...closeDuties(state, chain), ...commitDuties(state, chain, cancels)];
}

function cancelDuties(state: State, chain: ChainView): Duty[] {
  return withdrawals(state, { state: "refused" })
    .filter((withdrawal) => chain.isRequestActive(withdrawal))
    .map((w) => evidenceAgainst(state, w.client, w.token))
    .filter((evidence) => evidence !== undefined)
    .map((evidence) => ({
      kind: "cancelWithdrawal" as const,
      evidence,
      deadlineBlock: evidence.lastBlock,
    }));
}

/** A dispute opened in r is answered with the tree of r: after its commit. */
function closeDuties(state: State, chain: ChainView): Duty[] {
  const found: Duty[] = [];
  for (const { client, round, deadlineBlock } of disputes(state)) {
    if (!chain.isDisputeOpen(client, round)) continue;
    const answer = disputeAnswer(state, client, round);
    if (answer === undefined) continue;
    if (!answer.tokens.every(({ token }) => chain.isCommitted(round, token))) continue;
    found.push({ kind: "closeDispute", answer, deadlineBlock });
  }
  return found;
}

/** Once every cancellation of the round before has landed: until then the total does not match. */
function commitDuties(state: State, chain: ChainView, cancels: readonly Duty[]): Duty[] {
  const owed = owedCommit(state, chain);
  if (owed === undefined) return [];
  const blocked = cancels.some(
    (duty) => duty.kind === "cancelWithdrawal" && duty.evidence.round < owed.round,
  );
  return blocked ? [] : [owed];
}

/**
 * The commit that is owed, also while cancellations must land before it: they do not change its
 * roots. In quarter 0 by the chain's own clock, once the machine has closed the round before.
 */
export function owedCommit(state: State, chain: ChainView): CommitDuty | undefined {
  const { schedule } = state.genesis;
  const { round } = state.moment;
  // In round 0 the head of an endpoint that lags may even be older than the Mediator.
  if (round === 0) return undefined;
  const now = momentOf(schedule, chain.head);
  if (now.round !== round || now.quarter !== 0) return undefined;
  const roots = commit(state).roots.filter(({ token }) => !chain.isCommitted(round, token));
  if (roots.length === 0) return undefined;
  return { kind: "commit", round, roots, deadlineBlock: lastBlockOf(schedule, round, 0) };
}

/** What `duties` will ask about, so that it can be read beforehand. */
export interface Questions {
  readonly requests: readonly RequestRef[];
  readonly commitments: readonly { round: Round; token: Address }[];
  readonly disputes: readonly { client: Address; round: Round }[];
}

export function questions(state: State): Questions {
  const open = disputes(state);
  const rounds = new Set([state.moment.round, ...open.map(({ round }) => round)]);
  const commitments = [...rounds].flatMap((round) =>
    [...state.tokens.values()]
      .filter(({ listedRound }) => listedRound < round)
      .map(({ address }) => ({ round, token: address })),
  );
  return {
    requests: withdrawals(state, { state: "refused" }),
    commitments: state.moment.round === 0 ? [] : commitments,
    disputes: open,
  };
}
