/** Statements: sums of closed orders that a client signs and an operator countersigns. */
import * as z from "zod";
import { MAX_STATEMENT_EXCEPT, MAX_TOKENS } from "../../protocol/limits.ts";
import type { CountersignedStatement, SignedStatement, Statement } from "../../protocol/units.ts";
import { signature, signatureInput } from "./signature.ts";
import { address, amount, count, uint64 } from "./values.ts";

const sums = z.array(amount).max(MAX_TOKENS);

export const statement: z.ZodType<Statement> = z.strictObject({
  client: address,
  round: count.describe("Round of the orders: the current one, or the one before"),
  watermark: uint64.describe("Orders with ids below it are closed for good, and none follows"),
  except: z
    .array(uint64)
    .max(MAX_STATEMENT_EXCEPT)
    .describe("Ids below the watermark, ascending, that it says nothing of"),
  tokens: z.array(address).max(MAX_TOKENS).describe("Tokens that the orders moved, ascending"),
  sold: sums.describe("Base units that they sold of each, all together"),
  bought: sums.describe("Base units that they bought of each"),
});

/** As clients send it. */
export const statementInput: z.ZodType<SignedStatement> = z.strictObject({
  statement,
  signature: signatureInput,
});

export const countersignedStatement: z.ZodType<CountersignedStatement> = z.strictObject({
  statement,
  signature: signature.describe("The client's"),
  countersignature: signature.describe("An operator's"),
});

export type StatementResponse = z.output<typeof countersignedStatement>;
