/** How an error is worded, by kind: the rows of the table in wordings.ts. */

/** The meaning of an error, and so who can do something about it. */
export type RpcErrorKind =
  /** The EVM ran the call and stopped it: any endpoint would say the same. */
  | "reverted"
  /** The request itself is wrong. */
  | "badRequest"
  /** A reading of logs that is too much for this endpoint: fewer blocks may pass. */
  | "tooWide"
  /** The endpoint has not, not yet, or no longer the block, the state or the receipts. */
  | "pruned"
  /** The endpoint does not serve this caller now: rate, quota, plan or key. */
  | "limited"
  /** The endpoint does not have this method, or not in this form. */
  | "unsupported"
  /** The endpoint cannot answer now: overloaded, syncing, broken, or in words that nobody knows. */
  | "sick"
  /** The endpoint has this very transaction. */
  | "known"
  | "nonceTooLow"
  /** The endpoint keeps no transaction behind a nonce that it does not know. */
  | "nonceTooHigh"
  /** The endpoint holds one priced higher with this nonce, or takes none that is priced so low. */
  | "underpriced"
  /** The present price of blocks is above the limit; that may change. */
  | "belowBaseFee"
  /** The sender cannot pay. */
  | "funds"
  /** Nothing that may change lets this transaction in. */
  | "badTransaction";

export interface Wording {
  readonly kind: RpcErrorKind;
  /** The software that uses the wording, and where that is written. */
  readonly source: string;
  readonly words: RegExp;
  readonly example: string;
  /**
   * Named groups `tip` and `fee`: the least priority fee and fee for a unit of gas, in wei, that
   * would be taken.
   */
  readonly minimum?: RegExp;
}

export const row = (
  kind: RpcErrorKind,
  source: string,
  words: RegExp,
  example: string,
  minimum?: RegExp,
): Wording => ({ kind, source, words, example, ...(minimum && { minimum }) });
