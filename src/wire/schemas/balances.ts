/** All balances of a round, as an operator publishes them and mirrors keep them. */
import * as z from "zod";
import { signature } from "./signature.ts";
import { address, amount, count } from "./values.ts";

export const publishedBalances = z
  .object({
    round: count.describe("The balances are those with which it opens"),
    operator: address,
    signature,
    clients: z.array(address).describe("In the order of their leaves, the same for every token"),
    tokens: z
      .array(z.object({ token: address, balances: z.array(amount) }))
      .describe("In the order of the round's tokens; one balance a leaf, in base units"),
  })
  .describe("Signed as `PublishedBalances`, over the roots of the trees that these leaves make");

export type PublishedBalances = z.output<typeof publishedBalances>;
