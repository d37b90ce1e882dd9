/** Calls to send, and their outcome. */
import type { Address, Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { TransactionLost } from "../rpc/errors.ts";

export interface Call {
  /** For errors and logs: "commit of round 7". */
  readonly what: string;
  readonly to: Address;
  readonly data: Hex;
  /** Wei. */
  readonly value?: bigint;
  /** Last block in which the call is of use; undefined: any block. */
  readonly deadlineBlock?: BlockNumber;
  /**
   * Of calls with the same deadline the higher priority goes first, and takes the nonce of a lower
   * one that is not mined yet. One of priority 0 that was offered twice while no other nonce held
   * it up makes way for any higher one, whatever the deadlines. 0 if left out.
   */
  readonly priority?: number;
  /**
   * Chosen by the caller: a call that is repeated under the same key, whatever came of it before,
   * is done once, also after it was mined, for as long as the submitter lives. The key does not
   * reach further: after a restart, or with another submitter, the chain has to be asked.
   */
  readonly key?: string;
  /** An abort withdraws the call: no version of it is sent, bumped or rebroadcast any more. */
  readonly signal?: AbortSignal;
}

export interface Mined {
  readonly transactionHash: Hex;
  readonly block: BlockNumber;
  readonly gasUsed: bigint;
  /** Wei; where endpoints leave out what was paid, the most that it can have been. */
  readonly cost: bigint;
}

/** A call, and the caller that waits for it. */
export interface Job {
  readonly call: Call;
  /** Transactions of it that were mined and reverted. */
  reverts: number;
  /** The caller was answered, and waits no more. */
  settled: boolean;
  /** A no-op (cancellation) transaction: a nonce that no caller wants must not block others. */
  readonly isNoOp: boolean;
  readonly resolve: (mined: Mined) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether both jobs do the same, for any callers; different keys make equal calls different. */
export function isSameCall({ call: a }: Job, { call: b }: Job): boolean {
  const areTwo = a.key !== undefined && b.key !== undefined && a.key !== b.key;
  return !areTwo && doSame(a, b);
}

/** Whether both calls have the same effect. */
export function doSame(a: Call, b: Call): boolean {
  return a.to === b.to && a.data === b.data && (a.value ?? 0n) === (b.value ?? 0n);
}

/** The error of a call that its caller withdrew. */
export function unwanted({ what }: Call): TransactionLost {
  return new TransactionLost(what, "it is not wanted any more");
}
