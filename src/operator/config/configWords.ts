/**
 * The words for a configuration that cannot be read: which field, what is expected there, and what
 * to do. No value is ever repeated: it might be a key, a password or an endpoint's secret.
 */

import { z } from "zod";
import { clause } from "../../base/errors.ts";

/** One fault of a configuration. */
export interface ConfigFault {
  /** Where it is, as `markets.0.lot`; undefined for the whole file. */
  readonly field: string | undefined;
  readonly problem: string;
  readonly hint: string;
}

/** The name of a JSON value's kind, as a person says it. */
const KINDS: Readonly<Record<string, string>> = {
  string: "text in quotes",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list in [ ]",
  object: "an object in { }",
  null: "null",
};
/** Letters by which two names may differ to count as one that was mistyped. */
const MOST_TYPOS = 3;

/** For zod: its own words where ours do not say it better. */
export function wordsOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return typeWords(issue.expected, issue.input);
    case "too_small":
      return issue.origin === "number" || issue.origin === "int"
        ? `Expected at least ${issue.minimum}`
        : undefined;
    case "too_big":
      return issue.origin === "number" || issue.origin === "int"
        ? `Expected at most ${issue.maximum}`
        : `Expected at most ${issue.maximum} of them`;
    case "invalid_format":
      return issue.format === "url" ? urlWords(issue.input) : undefined;
    default:
      return undefined;
  }
}

function typeWords(expected: string, input: unknown): string {
  if (input === undefined) return "is missing";
  const isText = typeof input === "string";
  if (expected === "string" && typeof input === "number") {
    return 'Expected text in quotes, such as "10": numbers of JSON lose digits';
  }
  if ((expected === "number" || expected === "int") && isText) {
    return "Expected a number without quotes, such as 10";
  }
  if (expected === "int" && typeof input === "number") return "Expected a whole number";
  return `Expected ${KINDS[expected] ?? expected}, not ${kindOf(input)}`;
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return "a list";
  const kind = input === null ? "null" : typeof input;
  return KINDS[kind] ?? kind;
}

function urlWords(input: unknown): string {
  const lacksScheme = typeof input === "string" && !/^[a-z][a-z0-9+.-]*:\/\//i.test(input);
  return lacksScheme
    ? "Expected a whole URL: write http:// or https:// (or wss://) before it"
    : "Expected an http or https URL (or wss://, where that is possible)";
}

/** The fault that `error` tells first; `schema` knows the names that are right. */
export function faultOf(error: z.ZodError, schema: z.ZodType): ConfigFault {
  const issue = error.issues[0];
  const path = (issue?.path ?? []).map(String);
  const field = path.length === 0 ? undefined : path.join(".");
  if (issue?.code === "unrecognized_keys") {
    const name = issue.keys[0] ?? "";
    const problem = `${name}: no field has this name`;
    return { field, problem, hint: nameHint(name, namesAt(schema, path)) };
  }
  const problem = clause(issue?.message ?? "is wrong");
  return { field, problem, hint: "Correct this field and start again." };
}

function nameHint(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  if (near !== undefined) return `Write ${near} if you mean that, or take it out.`;
  return `Take it out; the fields are ${names.join(", ")}.`;
}

/** The names of the fields of the object at `path`. */
function namesAt(schema: z.ZodType, path: readonly string[]): readonly string[] {
  let at: z.ZodType | undefined = inner(schema);
  for (const name of path) {
    if (at instanceof z.ZodArray) at = inner(at.element as z.ZodType);
    else if (at instanceof z.ZodObject) at = inner(at.shape[name] as z.ZodType | undefined);
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

/** Without what says that it may be left out, has a default, or is transformed. */
function inner(schema: z.ZodType | undefined): z.ZodType | undefined {
  if (schema instanceof z.ZodPipe) return inner(schema.in as z.ZodType);
  const isWrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable;
  return isWrapped ? inner(schema.unwrap() as z.ZodType) : schema;
}

function nearest(name: string, names: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const [best] = names
    .map((one) => ({ one, typos: editDistance(lower, one.toLowerCase()) }))
    .filter(({ one, typos }) => typos <= Math.min(MOST_TYPOS, one.length / 3))
    .sort((a, b) => a.typos - b.typos);
  return best?.one;
}

/** Letters to put in, take out or replace until one word is the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Where a text stops being JSON, in words that repeat none of it. */
export function jsonFaultOf(text: string, error: unknown): ConfigFault {
  const comma = spareComma(text);
  if (comma !== undefined) {
    const problem = `is no JSON: a comma too many ${placeOf(text, comma)}`;
    return { field: undefined, problem, hint: "Take it out: nothing follows it." };
  }
  const given = /position (\d+)/.exec(String(error))?.[1];
  const position = given === undefined ? undefined : Number(given);
  const isCut = /end of JSON/.test(String(error)) || (position ?? 0) >= text.length;
  const hint = "Correct it; README.md shows a whole one.";
  if (text.trim() === "") return { field: undefined, problem: "is empty", hint };
  if (isCut) return { field: undefined, problem: "is no JSON: it breaks off at its end", hint };
  const where = position === undefined ? "" : ` ${placeOf(text, position)}`;
  return { field: undefined, problem: `is no JSON${where}`, hint };
}

/** The offset of the first comma before a closing bracket, outside of texts. */
function spareComma(text: string): number | undefined {
  const withoutTexts = text.replace(/"(?:\\.|[^"\\])*"/gs, (part) => " ".repeat(part.length));
  const found = /,\s*[}\]]/.exec(withoutTexts);
  return found?.index;
}

function placeOf(text: string, offset: number): string {
  const lines = text.slice(0, offset).split("\n");
  return `at line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}
