/** The facts of an exchange, and the operator that states them. */
import { z } from "zod";
import { signature } from "./signature.ts";
import { address, amount, count, hash } from "./values.ts";

export const market = z.object({
  name: z.string().describe("BASE/QUOTE by symbols"),
  base: address,
  quote: address,
  lot: amount.describe("Base units of base in a lot: amounts are whole lots"),
  tick: amount.describe("Base units of quote: the price of a lot is a whole number of ticks"),
});
export type MarketResponse = z.output<typeof market>;

export const token = z.object({
  token: address,
  symbol: z.string(),
  decimals: count,
  listedRound: count.describe("First committed in the round after this one"),
});
export type TokenResponse = z.output<typeof token>;

export const exchange = z.object({
  chainId: count,
  mediator: address,
  manager: address,
  operator: address.describe("Key with which this operator signs fills"),
  schedule: z.object({ genesisBlock: count, roundSize: count.describe("Blocks") }),
  confirmations: count.describe("Blocks by which this operator's clock trails the chain's"),
  markets: z.array(market),
  tokens: z.array(token),
  limits: z.object({ ordersPerClientAndRound: count }),
});
export type ExchangeResponse = z.output<typeof exchange>;

export const identity = z
  .object({
    operator: address,
    endpoint: z.string().describe("Its own, as it is configured"),
    challenge: hash,
    version: z.string(),
    signature,
  })
  .describe("Signed as `OperatorIdentity` in the manager's domain");
export type IdentityResponse = z.output<typeof identity>;
