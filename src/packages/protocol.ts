/**
 * `@quarterdeck/client/protocol`: what contract, operator and client agree on, pure. For auditors,
 * bots in their own words, and whoever checks a proof.
 */
export { type Curve, nobleCurve } from "../base/curve.ts";
export type { Address, Hex } from "../base/hex.ts";
export * from "../protocol/disputeRule.ts";
export * from "../protocol/haltRule.ts";
export * from "../protocol/limits.ts";
export * from "../protocol/messages.ts";
export * from "../protocol/orderRule.ts";
export * from "../protocol/recoverRule.ts";
export * from "../protocol/rounds.ts";
export * from "../protocol/signatures.ts";
export * from "../protocol/signatures.ts";
export * from "../protocol/sumTree.ts";
export type * from "../protocol/units.ts";
export * from "../protocol/withdrawalRule.ts";
