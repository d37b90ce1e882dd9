/**
 * Whether the operator accounts for a client's money: its balances at the opening of a round
 * against its own evidence and the chain. Written without the exchange's code on purpose.
 */
import type { Address, Hex } from "../base/hex.ts";
import { checkAdvance, checkExecution, NOTHING_EXECUTED } from "../protocol/orderRule.ts";
import { verifyProof } from "../protocol/sumTree.ts";
import type { Amount, BalanceProof, Round, SignedFill } from "../protocol/units.ts";
import type { OrderEvidence } from "./evidence.ts";

/** One token of an audited round, as the chain and the client's evidence show it. */
export interface AuditedToken {
  readonly token: Address;
  /** Commitment of (round, token) on chain, undefined while there is none. */
  readonly commitment: Hex | undefined;
  /** What the operator sent for this round, undefined if nothing. */
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
  /** The balance does not follow from zero, and there is no proof of the round before. */
  | { readonly kind: "noOpening"; readonly token: Address }
  | {
      readonly kind: "wrongBalance";
      readonly token: Address;
      readonly expected: Amount;
      readonly proven: Amount;
    };

export interface AuditReport {
  readonly round: Round;
  readonly faults: readonly AuditFault[];
  readonly balances: readonly { readonly token: Address; readonly balance: Amount }[];
}

/**
 * Audits the opening of `round`. `orders`: the client's evidence of the round before, with the
 * furthest fills. Without a proof of the round before, a token's opening counts as zero: right for
 * whoever had not deposited by then.
 */
export function audit(
  client: Address,
  round: Round,
  tokens: readonly AuditedToken[],
  orders: readonly OrderEvidence[],
): AuditReport {
  const faults: AuditFault[] = [];
  const changes = new Map<Address, bigint>();
  for (const { orderHash, signed, fill } of orders) {
    if (fill === undefined) continue;
    const { sold, bought } = fill.fill;
    const fault = checkExecution(signed.order, sold, bought);
    if (fault !== undefined) faults.push({ kind: "badFill", orderHash, why: fault.fault });
    add(changes, signed.order.sellToken, -sold);
    add(changes, signed.order.buyToken, bought);
  }
  const balances: { token: Address; balance: Amount }[] = [];
  for (const one of tokens) {
    const { token, commitment, proof } = one;
    if (commitment === undefined) {
      faults.push({ kind: "notCommitted", token });
      continue;
    }
    if (proof === undefined) {
      faults.push({ kind: "noProof", token });
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
    if (one.opening === undefined) faults.push({ kind: "noOpening", token });
    else faults.push({ kind: "wrongBalance", token, expected, proven: proof.balance });
  }
  return { round, faults, balances };
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
