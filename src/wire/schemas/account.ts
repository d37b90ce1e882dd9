/** A client's own affairs: only its session reads them. */
import { z } from "zod";
import type { BalanceProof } from "../../protocol/units.ts";
import { trade } from "./market.ts";
import { address, amount, asOf, count, hash, timeMs, uint64 } from "./values.ts";

export const balance = z.object({
  token: address,
  total: amount,
  locked: amount.describe("In open orders"),
  free: amount.describe("total - locked"),
  asOf,
});
export type BalanceResponse = z.output<typeof balance>;

export const clientTrade = trade.extend({
  orderId: uint64.describe("Of the client's own order, of the trade's round"),
  side: z.enum(["buy", "sell"]).describe("What the client did"),
  role: z.enum(["maker", "taker"]).describe("`taker`: its order came second"),
});
export type ClientTradeResponse = z.output<typeof clientTrade>;

export const withdrawal = z.object({
  token: address,
  round: count.describe("In which it was requested"),
  amount,
  recipient: address,
  state: z
    .enum(["undecided", "debited", "refused"])
    .describe("`refused`: the operator must cancel it on chain, with evidence"),
  payableFrom: count.describe("First block at which it can be paid, if no halt comes between"),
  asOf,
});
export type WithdrawalResponse = z.output<typeof withdrawal>;

export const balanceProof: z.ZodType<BalanceProof> = z.strictObject({
  balance: amount,
  index: count,
  leafCount: count,
  siblings: z.array(z.strictObject({ hash, sum: amount })).max(64),
});

export const proof = z.object({ token: address, proof: balanceProof });
export type ProofResponse = z.output<typeof proof>;

export const ledgerEntry = z.object({
  record: count.describe("Of the journal; with `index` the entry's name, and the cursor"),
  index: count,
  timeMs,
  kind: z
    .enum(["deposit", "withdrawal", "withdrawalReturned", "withdrawalPaid", "withdrawalRefused"])
    .describe(
      "`deposit` and `withdrawalReturned` raise the balance, `withdrawal` lowers it; " +
        "`withdrawalPaid` and `withdrawalRefused` leave it. Trades are of their own",
    ),
  token: address,
  amount,
  round: count,
  block: count.nullable().describe("Of the chain; null: the exchange did it by itself"),
  transactionHash: hash.nullable(),
});
export type LedgerEntryResponse = z.output<typeof ledgerEntry>;

export const deposit = z.object({
  token: address,
  amount,
  block: count,
  transactionHash: hash,
  state: z.enum(["pending", "credited"]),
  confirmationsLeft: count.describe("Blocks until it is credited; 0 once it is"),
  round: count.nullable().describe("In which it was made; null while it is pending"),
  timeMs,
});
export type DepositResponse = z.output<typeof deposit>;
