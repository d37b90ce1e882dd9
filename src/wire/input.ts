/** Parsing what came from outside, once, into a typed value or a refusal that names the field. */
import type { z } from "zod";
import { reasonOf, sentence } from "../base/errors.ts";
import { type RefusalOf, refuse } from "../protocol/refusals.ts";

export type Input<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: RefusalOf<"BadInput"> };

/**
 * `where` names the part that is parsed ("body", "query", "--port"). The first fault is reported,
 * with the path of its field.
 */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, where: string): Input<T> {
  const outcome = schema.safeParse(value);
  if (outcome.success) return { ok: true, value: outcome.data };
  const issue = outcome.error.issues[0];
  const path = issue?.path.map(String).join(".") ?? "";
  return {
    ok: false,
    refusal: refuse("BadInput", {
      field: path === "" ? where : `${where}.${path}`,
      problem: sentence(issue?.message ?? "it cannot be read"),
      hint: "Correct this field and send it again; nothing was taken.",
    }),
  };
}

/** The values of a text that should be JSON; undefined where it is none. */
export function parseJson(text: string): Input<unknown> {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return {
      ok: false,
      refusal: refuse("BadInput", {
        field: "body",
        problem: `It is no JSON (${reasonOf(error)}).`,
        hint: 'Send a JSON object, such as {"order": …}.',
      }),
    };
  }
}
