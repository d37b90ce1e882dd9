/**
 * Whether the operator accounts for a client's money: its balances at the opening of a round
 * against its own evidence and the chain. Written without the exchange's code on purpose.
 */
import type { Address, Hex } from "../base/hex.ts";
import { checkAdvance, checkExecution, NOTHING_EXECUTED } from "../protocol/orderRule.ts";
import { covers } from "../protocol/statementRule.ts";
import { verifyProof } from "../protocol/sumTree.ts";
import type { Amount, BalanceProof, Round, SignedFill, Statement } from "../protocol/units.ts";
import type { OrderEvidence } from "./evidence/evidence.ts";

/** One token of an audited round, as the chain and the client's evidence show it. */
export interface AuditedToken {
  readonly token: Address;
  /** Commitment of (round, token) on chain, undefined while there is none. */
  readonly commitment: Hex | undefined;
  /** The proofs that the operator sent for this round, undefined if none. */
  readonly proof: BalanceProof | undefined;
  /** Proven balance of the round before, undefined where the client has no proof of it. */
  readonly opening: Amount | undefined;
  /** On chain, of the round before. */
  readonly deposits: Amount;
  readonly requested: Amount;
}

export type AuditFault =
  | { readonly kind: "notCommitted"; readonly token: Address }
  /** The operator sent no proof: it may be down, or hide something. */
  | { readonly kind: "noProof"; readonly token: Address }
  /** The proof does not lead to what is committed. */
  | { readonly kind: "badProof"; readonly token: Address; readonly why: string }
  /** An execution that the order does not allow, or that goes behind a signed fill. */
  | { readonly kind: "badFill"; readonly orderHash: Hex; readonly why: string }
  /** A proof of the round before is owed and was not sent, and from zero it does not follow. */
  | { readonly kind: "noOpening"; readonly token: Address }
  /** The balance does not follow from the known fills, and the operator did not show all. */
  | { readonly kind: "noFills"; readonly token: Address }
  | {
      readonly kind: "wrongBalance";
      readonly token: Address;
      readonly expected: Amount;
      readonly proven: Amount;
    };

/** Facts that cannot be proven, through nobody's fault: no reason for a dispute. */
export type AuditPending =
  /** The round's commit may still come in time; round 0 never has one. */
  | { readonly kind: "notDueYet"; readonly token: Address }
  /**
   * The client is in no opening before that of `provableFrom`, the round after its first deposit;
   * undefined: it never deposited.
   */
  | {
      readonly kind: "noLeafYet";
      readonly token: Address;
      readonly provableFrom: Round | undefined;
    }
  /** Operators keep the last rounds only, and what is missing was not fetched in time. */
  | {
      readonly kind: "tooLate";
      readonly token: Address;
      readonly missing: "proof" | "opening" | "fills";
    };

/** The proofs that can be expected of the operator when the audit is made. */
export interface AuditSituation {
  /** First round whose opening holds the client; undefined: it never deposited. */
  readonly provableFrom: Round | undefined;
  /** Whether the time for the round's commit is over. */
  readonly isCommitDue: boolean;
  /** Whether the round is too old for operators to show all that belongs to it. */
  readonly isLate: boolean;
  /** Whether an operator showed the furthest fill of each order of the round before. */
  readonly hasFills: boolean;
}

/** Everything is owed. */
export const EVERYTHING_DUE: AuditSituation = {
  provableFrom: 0,
  isCommitDue: true,
  isLate: false,
  hasFills: true,
};

export interface AuditReport {
  readonly round: Round;
  /** Each is worth a dispute. */
  readonly faults: readonly AuditFault[];
  /** The facts that this audit could not prove, and nobody owes (yet, or any more). */
  readonly pending: readonly AuditPending[];
  readonly balances: readonly { readonly token: Address; readonly balance: Amount }[];
}

/**
 * Audits the opening of `round`. `orders`: the client's evidence of the round before, with the
 * furthest fills. `situation`: what the operator owes by now; all of it where it is left out.
 * `statement`: the last one of that round that an operator countersigned.
 */
export function audit(
  client: Address,
  round: Round,
  tokens: readonly AuditedToken[],
  orders: readonly OrderEvidence[],
  situation: AuditSituation = EVERYTHING_DUE,
  statement?: Statement,
): AuditReport {
  const faults: AuditFault[] = [];
  const pending: AuditPending[] = [];
  const changes = new Map<Address, bigint>();
  for (const [i, token] of statement?.tokens.entries() ?? []) {
    add(changes, token, (statement?.bought[i] as Amount) - (statement?.sold[i] as Amount));
  }
  for (const { orderHash, signed, fill } of orders) {
    if (fill === undefined) continue;
    const { sold, bought } = fill.fill;
    const fault = checkExecution(signed.order, sold, bought);
    if (fault !== undefined) faults.push({ kind: "badFill", orderHash, why: fault.fault });
    // Among the statement's sums: a later fill of the order is a broken promise, and no claim.
    if (statement !== undefined && covers(statement, signed.order.id)) continue;
    add(changes, signed.order.sellToken, -sold);
    add(changes, signed.order.buyToken, bought);
  }
  const balances: { token: Address; balance: Amount }[] = [];
  for (const one of tokens) {
    const { token, commitment, proof } = one;
    if (commitment === undefined || proof === undefined) {
      const missing = missingOf(one, round, situation);
      if ("fault" in missing) faults.push(missing.fault);
      else pending.push(missing.pending);
      continue;
    }
    const outcome = verifyProof(commitment, client, proof);
    if (!outcome.ok) {
      faults.push({ kind: "badProof", token, why: outcome.fault });
      continue;
    }
    balances.push({ token, balance: proof.balance });
    const change = changes.get(token) ?? 0n;
    const expected = (one.opening ?? 0n) + one.deposits + change - one.requested;
    if (expected === proof.balance) continue;
    const found = mismatchOf(one, round, expected, proof.balance, situation);
    if ("fault" in found) faults.push(found.fault);
    else pending.push(found.pending);
  }
  return { round, faults, pending, balances };
}

type Finding = { readonly fault: AuditFault } | { readonly pending: AuditPending };

/** The finding for a token without a commitment, or without a proof. */
function missingOf(
  { token, commitment }: AuditedToken,
  round: Round,
  { provableFrom, isCommitDue, isLate }: AuditSituation,
): Finding {
  if (commitment === undefined) {
    if (isCommitDue) return { fault: { kind: "notCommitted", token } };
    return { pending: { kind: "notDueYet", token } };
  }
  if (provableFrom === undefined || provableFrom > round) {
    return { pending: { kind: "noLeafYet", token, provableFrom } };
  }
  if (isLate) return { pending: { kind: "tooLate", token, missing: "proof" } };
  return { fault: { kind: "noProof", token } };
}

/** The finding for a proven balance that does not follow from the known facts. */
function mismatchOf(
  { token, opening }: AuditedToken,
  round: Round,
  expected: Amount,
  proven: Amount,
  { provableFrom, isLate, hasFills }: AuditSituation,
): Finding {
  // Nothing is ever committed for round 0, and a client in no opening had nothing in it.
  const isOpeningOwed = round > 1 && provableFrom !== undefined && provableFrom < round;
  if (opening === undefined && isOpeningOwed) {
    if (isLate) return { pending: { kind: "tooLate", token, missing: "opening" } };
    return { fault: { kind: "noOpening", token } };
  }
  if (hasFills) return { fault: { kind: "wrongBalance", token, expected, proven } };
  if (isLate) return { pending: { kind: "tooLate", token, missing: "fills" } };
  return { fault: { kind: "noFills", token } };
}

/** Why a fill that an operator sends is not what this order may be executed at, if so. */
export function checkFill(
  { signed, fill: known }: OrderEvidence,
  fill: SignedFill,
): string | undefined {
  const from = known === undefined ? NOTHING_EXECUTED : known.fill;
  return checkAdvance(signed.order, from, fill.fill)?.fault;
}

function add(sums: Map<Address, bigint>, token: Address, amount: bigint): void {
  sums.set(token, (sums.get(token) ?? 0n) + amount);
}
