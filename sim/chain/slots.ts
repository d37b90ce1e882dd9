/**
 * A RoundRobinOperatorManager in TypeScript (contracts/src/managers, types/SlotClock and
 * SlotClaims): its list is fixed, and it is never in maintenance. Pure.
 */
import { ZERO_ADDRESS } from "../../src/base/address.ts";
import type { Address } from "../../src/base/hex.ts";
import { Revert, type SlotTerms, type Terms } from "./terms.ts";

/**
 * The operators that claimed, as of `slot`. Bit i of a bitmap is the operator at place i + 1 of the
 * list.
 */
export interface SlotClaims {
  readonly slot: number;
  readonly current: number;
  readonly next: number;
  /** Places that claimed last; 0: nobody. */
  readonly last: number;
  readonly lastBefore: number;
}

export const NO_CLAIMS: SlotClaims = { slot: 0, current: 0, next: 0, last: 0, lastBefore: 0 };

export function slotAt({ anchorBlock, size }: SlotTerms, block: number): number {
  return block < anchorBlock ? 0 : 1 + Math.floor((block - anchorBlock) / size);
}

function asOf(claims: SlotClaims, slot: number): SlotClaims {
  if (claims.slot === slot) return claims;
  const current = claims.slot + 1 === slot ? claims.next : 0;
  return { slot, current, next: 0, last: claims.last, lastBefore: claims.last };
}

/** The place of the operator that acts in `slot`: from its own place on, the next that claimed. */
function select(slot: number, bitmap: number, fallback: number, count: number): number {
  if (bitmap === 0) return fallback;
  const start = (slot - 1) % count;
  const fromStart = (bitmap >> start) << start;
  const candidates = fromStart === 0 ? bitmap : fromStart;
  return Math.log2(candidates & -candidates) + 1;
}

/** The operator that may act at `block`; the zero address: nobody. */
export function operatorAt({ operators, slots }: Terms, claims: SlotClaims, block: number) {
  if (slots === undefined) return operators[0] as Address;
  const slot = slotAt(slots, block);
  const { current, lastBefore } = asOf(claims, slot);
  return operators[select(slot, current, lastBefore, operators.length) - 1] ?? ZERO_ADDRESS;
}

/** The claims after `sender` claimed for `wanted` at `block`. Throws `Revert`. */
export function claimFor(
  { operators, slots }: Terms,
  claims: SlotClaims,
  at: { readonly block: number; readonly sender: Address },
  wanted: bigint,
): SlotClaims {
  if (slots === undefined) throw new Revert("unknown function");
  const slot = slotAt(slots, at.block);
  if (wanted !== BigInt(slot + 1)) throw new Revert("WrongSlot", wanted, BigInt(slot + 1));
  const place = operators.indexOf(at.sender) + 1;
  if (place === 0) throw new Revert("NotRegistered", at.sender);
  const now = asOf(claims, slot);
  const bit = 1 << (place - 1);
  return (now.next & bit) !== 0 ? now : { ...now, next: now.next | bit, last: place };
}

/** The answer of a view of the manager. Throws `Revert` where there is no such view. */
export function answerOfManager(
  terms: Terms,
  claims: SlotClaims,
  env: { readonly block: number; readonly sender: Address },
  functionName: string,
  first: unknown,
): unknown {
  switch (functionName) {
    case "isRegistered":
    case "wasOperator":
      return terms.operators.includes(first as Address);
    case "operator":
      return operatorAt(terms, claims, env.block);
    case "amIOperator":
      return operatorAt(terms, claims, env.block) === env.sender;
    case "commitQuorum":
      return 1n;
    default:
      return answerOfSlots(terms, claims, env.block, functionName, first);
  }
}

function answerOfSlots(
  { operators, slots }: Terms,
  claims: SlotClaims,
  block: number,
  functionName: string,
  first: unknown,
): unknown {
  if (slots === undefined) throw new Revert(`no view ${functionName}`);
  const slot = slotAt(slots, block);
  const now = asOf(claims, slot);
  switch (functionName) {
    case "inMaintenance":
      return false;
    case "count":
      return BigInt(operators.length);
    case "operatorAt": {
      const account = operators[Number(first)];
      if (account === undefined) throw new Revert("NoSuchOperator", first);
      return [account, `operator ${first}`, `http://operator-${first}.sim`];
    }
    case "slotInfo": {
      const begins = slot === 0 ? 0 : slots.anchorBlock + (slot - 1) * slots.size;
      const ends = slot === 0 ? slots.anchorBlock - 1 : begins + slots.size - 1;
      return [BigInt(slot), BigInt(begins), BigInt(ends), slots.size];
    }
    case "claims":
      return [BigInt(now.current), BigInt(now.next)];
    case "forecast":
      return operators[select(slot + 1, now.next, now.last, operators.length) - 1] ?? ZERO_ADDRESS;
    default:
      throw new Revert(`no view ${functionName}`);
  }
}
