/** A file of the configuration as JSON, and the error for one that cannot be used. */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import { QuarterdeckError, reasonOf } from "../../base/errors.ts";
import { faultOf, jsonFaultOf, wordsOf } from "./configWords.ts";

/** Editors on Windows put it before a file's text. */
const BYTE_ORDER_MARK = /^\uFEFF/;

/** Throws a `QuarterdeckError` with code `BadConfiguration`. */
export function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8").replace(BYTE_ORDER_MARK, "");
  } catch (error) {
    throw bad(`Cannot read ${file} (${reasonOf(error)}).`, "Name the file with --config.");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's own words show some of the text, which might be a key or a password.
    const { problem, hint } = jsonFaultOf(text, error);
    throw bad(`${file} ${problem}.`, hint);
  }
}

/** The file's fields. Throws `BadConfiguration`, which names the field. */
export function readFields<T>(file: string, schema: z.ZodType<T>): T {
  const outcome = schema.safeParse(readJson(file), { error: wordsOf });
  if (outcome.success) return outcome.data;
  const { field, problem, hint } = faultOf(outcome.error, schema);
  throw bad(`${file}: ${field ?? "the whole"}: ${problem}.`, hint);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function bad(message: string, hint: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadConfiguration", message, hint });
}
