/** The body of every answer that is no success. */
import * as z from "zod";
import { REFUSAL_CODES, type Refusal, type RefusalCode } from "../../protocol/refusals.ts";

/** The side that must act; see protocol/refusals.ts. */
export const act = z.enum(["retry", "caller", "operator"]);

const CODES = [...REFUSAL_CODES] as [RefusalCode, ...RefusalCode[]];

/** The text of a refusal. */
const shortError = z.object({
  code: z.string().describe("A word that stays the same over releases: docs/errors.md lists them"),
  act: z.string().describe("`retry`: the same again later; `caller`; `operator`"),
  message: z.string().describe("What happened, and what to do next, as sentences"),
});

const values: z.ZodType<Refusal> = z
  .custom<Refusal>((value) => typeof value === "object" && value !== null && "code" in value)
  .meta({ type: "object", description: "The code again, with the values that explain it" });

/** A refusal over the stream. */
export const streamError = shortError.extend({ values: values.optional() });

export const errorBody = z.object({
  error: z.object({ ...shortError.shape, code: z.enum(CODES), act, values }),
});
export type ErrorBody = z.output<typeof errorBody>;
