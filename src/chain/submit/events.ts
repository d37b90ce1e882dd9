/** What a submitter tells of its work, each time with the call it is about. */
import type { Hex } from "../../base/hex.ts";
import type { Fees } from "./fees.ts";

export type SubmitterEvent =
  | {
      readonly kind: "sent" | "replaced";
      readonly hash: Hex;
      readonly nonce: number;
      readonly fees: Fees;
    }
  /** Another takes its nonce; it is sent again afterwards. */
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
  /** The chain has gone back behind a transaction of ours that it had: it is offered once more. */
  | { readonly kind: "rebroadcast"; readonly nonce: number }
  /** A version could not be signed, or whoever answered refused it; what was out before stays. */
  | { readonly kind: "offerFailed"; readonly nonce: number; readonly problem: string }
  | { readonly kind: "pollFailed" };
