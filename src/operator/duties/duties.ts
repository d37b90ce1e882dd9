/**
 * The duties that the operator owes the chain: a pure difference between the machine's state and
 * what the chain shows. Nothing is remembered, so nothing can be lost: after a restart the same
 * duties come out again, without those that the chain already shows. docs/protocol.md section 9.
 *
 * A duty is *owed* as soon as it exists, and *sendable* once nothing is left that it waits for.
 */
import type { Address } from "../../base/hex.ts";
import type { State } from "../../exchange/model/state.ts";
import {
  areTreesHashed,
  type DisputeAnswerView,
  disputeAnswer,
  disputes,
  type EvidenceView,
  evidenceAgainst,
  roots,
  tokensOfRound,
  withdrawals,
} from "../../exchange/queries/views.ts";
import { firstBlockOf, lastBlockOf, momentOf } from "../../protocol/rounds.ts";
import type { Amount, BlockNumber, Round, TokenRoot } from "../../protocol/units.ts";

export const DUTY_KINDS = ["cancelWithdrawal", "closeDispute", "commit"] as const;

export type DutyKind = (typeof DUTY_KINDS)[number];

/** Identity of a duty, for as long as it is owed. */
export type DutyId =
  | {
      readonly kind: "cancelWithdrawal";
      readonly client: Address;
      readonly token: Address;
      readonly round: Round;
    }
  | { readonly kind: "closeDispute"; readonly client: Address; readonly round: Round }
  | { readonly kind: "commit"; readonly round: Round };

/** Name of a duty in errors, logs and alerts; equal for equal identities only. */
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

interface CancelDuty {
  readonly kind: "cancelWithdrawal";
  readonly evidence: EvidenceView;
  readonly waitsFor?: undefined;
}

interface CloseDuty {
  readonly kind: "closeDispute";
  readonly answer: DisputeAnswerView;
  /** The commit of the dispute's round: the answer is proven against it. */
  readonly waitsFor?: "commit" | undefined;
}

export interface CommitDuty {
  readonly kind: "commit";
  readonly round: Round;
  /** Roots that the chain does not show, in token order; empty while `waitsFor` is "round". */
  readonly roots: readonly TokenRoot[];
  /**
   * "round": the machine has not closed the round before, or has not hashed its trees yet, or
   * quarter 0 is not the chain's present.
   * "cancellations": requests of the round before must be cancelled first, or the total is wrong.
   */
  readonly waitsFor?: "round" | "cancellations" | undefined;
  readonly deadlineBlock: BlockNumber;
}

/** A duty that is owed. `deadlineBlock`: the last block in time. */
export type Duty =
  | (CancelDuty & { readonly deadlineBlock: BlockNumber })
  | (CloseDuty & { readonly deadlineBlock: BlockNumber })
  | CommitDuty;

export function dutyId(duty: Duty): DutyId {
  switch (duty.kind) {
    case "cancelWithdrawal": {
      const { client, token, round } = duty.evidence;
      return { kind: duty.kind, client, token, round };
    }
    case "closeDispute":
      return { kind: duty.kind, client: duty.answer.client, round: duty.answer.round };
    case "commit":
      return { kind: duty.kind, round: duty.round };
  }
}

/**
 * A withdrawal request, with the fields that distinguish it from others of the same client and
 * token.
 */
export interface RequestRef {
  readonly client: Address;
  readonly token: Address;
  readonly round: Round;
  readonly amount: Amount;
}

/** The newest block's facts about everything that the machine still waits for. */
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

/**
 * All that is owed, in the order cancel, close, commit. `head`: the newest block known, at or after
 * that of `chain`. Work grows with requests, disputes and tokens.
 */
export function owedDuties(state: State, chain: ChainView, head: BlockNumber = chain.head): Duty[] {
  if (state.halted !== undefined) return [];
  const cancels = owedCancels(state, chain);
  const commit = owedCommit(state, chain, head);
  const commits = commit === undefined ? [] : [waitingForCancels(commit, cancels)];
  return [...cancels, ...owedCloses(state, chain), ...commits];
}

/** The duties that can be carried out now, in the same order. */
export function sendableDuties(state: State, chain: ChainView): Duty[] {
  return owedDuties(state, chain).filter(({ waitsFor }) => waitsFor === undefined);
}

function owedCancels(state: State, chain: ChainView): Duty[] {
  return withdrawals(state, { state: "refused" })
    .filter((withdrawal) => chain.isRequestActive(withdrawal))
    .map(({ client, token }) => evidenceAgainst(state, client, token))
    .filter((evidence) => evidence !== undefined)
    .map((evidence) => ({
      kind: "cancelWithdrawal" as const,
      evidence,
      deadlineBlock: evidence.lastBlock,
    }));
}

/** A dispute opened in r is answered with the tree of r: after its commit. */
function owedCloses(state: State, chain: ChainView): Duty[] {
  const found: Duty[] = [];
  for (const { client, round, deadlineBlock } of disputes(state)) {
    if (!chain.isDisputeOpen(client, round)) continue;
    const answer = disputeAnswer(state, client, round);
    if (answer === undefined) continue;
    const waitsFor = isCommitted(state, chain, round) ? undefined : "commit";
    found.push({ kind: "closeDispute", answer, deadlineBlock, waitsFor });
  }
  return found;
}

/**
 * The commit that is owed, cancellations aside: they do not change its roots. Owed from the first
 * block of its round, also before the machine is there.
 */
export function owedCommit(
  state: State,
  chain: ChainView,
  head: BlockNumber = chain.head,
): CommitDuty | undefined {
  if (state.halted !== undefined || state.tokens.size === 0) return undefined;
  const { schedule } = state.genesis;
  const round = state.completedRound + 1;
  if (head < firstBlockOf(schedule, round) || isCommitted(state, chain, round)) return undefined;
  const duty = { kind: "commit", round, deadlineBlock: lastBlockOf(schedule, round, 0) } as const;
  // The head of an endpoint that lags may even be older than the Mediator.
  const now = chain.head < schedule.genesisBlock ? undefined : momentOf(schedule, chain.head);
  const isNow = now?.round === round && now.quarter === 0 && state.moment.round === round;
  if (!isNow || !areTreesHashed(state, round)) return { ...duty, roots: [], waitsFor: "round" };
  return {
    ...duty,
    roots: roots(state, round).filter(({ token }) => !chain.isCommitted(round, token)),
  };
}

function waitingForCancels(duty: CommitDuty, cancels: readonly Duty[]): CommitDuty {
  const isBlocked = cancels.some((one) => dutyId(one).round < duty.round);
  return duty.waitsFor === undefined && isBlocked ? { ...duty, waitsFor: "cancellations" } : duty;
}

function isCommitted(state: State, chain: ChainView, round: Round): boolean {
  return tokensOfRound(state, round).every(({ token }) => chain.isCommitted(round, token));
}

/** The facts that `owedDuties` will ask for, so that they can be read beforehand. */
export interface Questions {
  readonly requests: readonly RequestRef[];
  readonly commitments: readonly { round: Round; token: Address }[];
  readonly disputes: readonly { client: Address; round: Round }[];
}

export function questions(state: State): Questions {
  const open = disputes(state);
  const rounds = new Set([state.moment.round, ...open.map(({ round }) => round)]);
  const commitments = [...rounds].flatMap((round) =>
    tokensOfRound(state, round).map(({ token }) => ({ round, token })),
  );
  return {
    requests: withdrawals(state, { state: "refused" }),
    commitments: state.moment.round === 0 ? [] : commitments,
    disputes: open,
  };
}
