/** Events of a submitter; each is emitted together with its call. */
import type { Hex } from "../../base/hex.ts";
import type { Fees } from "./fees.ts";

export type SubmitterEvent =
  | {
      readonly kind: "sent" | "replaced";
      readonly hash: Hex;
      readonly nonce: number;
      readonly fees: Fees;
    }
  /**
   * Another call takes the nonce, or a no-op does so that another is mined; the preempted one is
   * sent again afterwards.
   */
  | { readonly kind: "preempted"; readonly by: string }
  /** Wei for a unit of gas: needed now, expected at the deadline, and the most that is paid. */
  | {
      readonly kind: "feeCapNear" | "feeCapReached";
      readonly needed: bigint;
      readonly forecast: bigint;
      readonly cap: bigint;
      readonly hint: string;
    }
  /** Transactions of our key wait that this process did not send. */
  | {
      readonly kind: "unknownPending";
      readonly firstNonce: number;
      readonly lastNonce: number;
      readonly hint: string;
    }
  /** A transaction that a reorganisation may have dropped is broadcast once more. */
  | { readonly kind: "rebroadcast"; readonly nonce: number }
  /** A version could not be signed, or nodes refused it; earlier versions stay broadcast. */
  | { readonly kind: "broadcastFailed"; readonly nonce: number; readonly problem: string }
  | { readonly kind: "pollFailed" };
