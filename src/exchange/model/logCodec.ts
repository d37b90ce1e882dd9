/** How logs of the chain are written in records. */
import type { ChainLog, LogPlace } from "../../protocol/chainLog.ts";
import { address, bool, type Codec, count, hash, object, oneOf, uint128, union } from "./codec.ts";

const place: { readonly [K in keyof LogPlace]: Codec<LogPlace[K]> } = {
  block: count,
  blockHash: hash,
  logIndex: count,
  transactionHash: hash,
};

export const logCodec = union<"kind", ChainLog>("kind", {
  tokenListed: object({
    kind: oneOf("tokenListed"),
    token: address,
    round: count,
    ...place,
  }),
  deposited: object({
    kind: oneOf("deposited"),
    client: address,
    token: address,
    amount: uint128,
    round: count,
    ...place,
  }),
  withdrawalInitiated: object({
    kind: oneOf("withdrawalInitiated"),
    client: address,
    token: address,
    amount: uint128,
    opening: uint128,
    recipient: address,
    round: count,
    ...place,
  }),
  withdrawalCancelled: object({
    kind: oneOf("withdrawalCancelled"),
    client: address,
    token: address,
    round: count,
    amount: uint128,
    ...place,
  }),
  withdrawalConfirmed: object({
    kind: oneOf("withdrawalConfirmed"),
    client: address,
    token: address,
    round: count,
    amount: uint128,
    recipient: address,
    ...place,
  }),
  committed: object({
    kind: oneOf("committed"),
    round: count,
    token: address,
    node: hash,
    total: uint128,
    leafCount: count,
    ...place,
  }),
  tradingKeySet: object({
    kind: oneOf("tradingKeySet"),
    client: address,
    fromRound: count,
    key: address,
    ...place,
  }),
  disputeOpened: object({
    kind: oneOf("disputeOpened"),
    client: address,
    round: count,
    opener: address,
    mustProveOpenings: bool,
    openingsPresented: bool,
    presented: count,
    ...place,
  }),
  disputeClosed: object({
    kind: oneOf("disputeClosed"),
    client: address,
    round: count,
    operator: address,
    ...place,
  }),
});
