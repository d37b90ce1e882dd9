/** What is to be sent, and what comes of it. */
import type { Address, Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";

export interface Call {
  /** For errors and logs: "commit of round 7". */
  readonly what: string;
  readonly to: Address;
  readonly data: Hex;
  /** Wei. */
  readonly value?: bigint;
  /** Last block in which it is of use; undefined: whenever. */
  readonly deadlineBlock?: BlockNumber;
  /**
   * Of calls that are due alike the greater goes first, and takes the nonce of a lesser one that is
   * not mined yet; 0.
   */
  readonly priority?: number;
  /**
   * Of the caller's choice: whoever repeats a call under the same key, whatever came of it before,
   * has it done once, also after it was mined, for as long as the submitter lives. It does not
   * reach further: after a restart, or with another submitter, the chain has to be looked at.
   */
  readonly key?: string;
  /** Once it is aborted nobody wants the call any more: it is not sent, raised or offered again. */
  readonly signal?: AbortSignal;
}

export interface Mined {
  readonly transactionHash: Hex;
  readonly block: BlockNumber;
  readonly gasUsed: bigint;
  /** Wei; where endpoints leave out what was paid, the most that it can have been. */
  readonly cost: bigint;
}

/** A call that somebody waits for. */
export interface Job {
  readonly call: Call;
  /** Transactions of it that were mined and reverted. */
  reverts: number;
  /** Nobody waits for it any more. */
  settled: boolean;
  /** It sends nothing to ourselves, so that a nonce which nobody wants holds up no other. */
  readonly isFiller: boolean;
  readonly resolve: (mined: Mined) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether they do the same, whoever asked for them; keys tell apart what looks alike. */
export function isSameCall({ call: a }: Job, { call: b }: Job): boolean {
  const areTwo = a.key !== undefined && b.key !== undefined && a.key !== b.key;
  return !areTwo && doSame(a, b);
}

/** Whether they would have the same effect. */
export function doSame(a: Call, b: Call): boolean {
  return a.to === b.to && a.data === b.data && (a.value ?? 0n) === (b.value ?? 0n);
}
