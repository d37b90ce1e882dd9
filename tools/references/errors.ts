/** docs/errors.md, from the refusals and from the errors that the code makes. */
import { ACT_OF_REFUSAL, REFUSAL_CODES } from "../../src/protocol/refusals.ts";
import { MEANING_OF_REFUSAL, statusOf } from "../../src/wire/meanings.ts";
import { sources } from "../sources.ts";
import { code, page, table } from "./markdown.ts";

export interface ErrorSource {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly path: string;
}

/** Objects of `new QuarterdeckError({…})`, `super({…})` and their kind: those with code and hint. */
export function errorsIn({ path, text }: { path: string; text: string }): ErrorSource[] {
  const found: ErrorSource[] = [];
  for (const match of text.matchAll(/\bcode: "([A-Z]\w+)",/g)) {
    const whole = objectAround(text, match.index);
    const message = /\bmessage(?=[:,]| })/.test(whole) ? expressionOf(whole, "message") : undefined;
    const hint = expressionOf(whole, "hint");
    if (message === undefined || hint === undefined) continue;
    found.push({ code: match[1] as string, message, hint, path });
  }
  return found;
}

/** The braces around `at`. */
function objectAround(text: string, at: number): string {
  const open = text.lastIndexOf("{", at);
  let depth = 0;
  for (let end = open; end < text.length; end++) {
    if (text[end] === "{") depth++;
    if (text[end] === "}" && --depth === 0) return text.slice(open, end + 1);
  }
  return text.slice(open);
}

/** The literal text of a field, with … for each value; undefined where there is no such field. */
function expressionOf(object: string, field: string): string | undefined {
  const start = new RegExp(`\\b${field}(?=[:,\\n ])`).exec(object);
  if (start === null) return undefined;
  const rest = object.slice(start.index + field.length);
  const end = /,\n\s*\w+[:,]|,\s*(?:code|hint|cause|message)\b|,?\s*\}$/.exec(rest);
  const expression = rest.slice(0, end?.index);
  const literals = [...expression.matchAll(/`((?:[^`\\]|\\.)*)`|"((?:[^"\\]|\\.)*)"/g)];
  const texts = literals.map((one) => one[1] ?? one[2] ?? "");
  return texts.join("").replace(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, "…") || "…";
}

function failures(): ErrorSource[] {
  const seen = new Map<string, ErrorSource>();
  for (const source of sources([".ts"])) {
    const isTest = /\.(test|testkit)\.ts$/.test(source.path);
    if (!source.path.startsWith("src/") || source.generated || isTest) continue;
    for (const one of errorsIn(source)) seen.set(`${one.code} ${one.message}`, one);
  }
  return [...seen.values()].sort((a, b) =>
    `${a.code} ${a.message}` < `${b.code} ${b.message}` ? -1 : 1,
  );
}

/** Where a text is put together elsewhere. */
const ITS_OWN = "(each case its own)";

export function errorsPage(): string {
  const refusals = REFUSAL_CODES.map((one) => {
    const { meaning, hint } = MEANING_OF_REFUSAL[one];
    return [code(one), String(statusOf(one)), code(ACT_OF_REFUSAL[one]), meaning, hint];
  });
  const errors = failures().map(({ code: name, message, hint, path }) => [
    code(name),
    message === "…" ? ITS_OWN : message,
    hint === "…" ? ITS_OWN : hint,
    `[${path.slice("src/".length)}](../${path})`,
  ]);
  return page(
    "Errors",
    "Codes stay the same over releases; sentences may change.",
    "## Refusals",
    "What an operator answers: `error.code`, with `error.act` saying who must do something: " +
      "`retry`, the same again later or elsewhere; `caller`, the request was wrong and stays wrong; " +
      "`operator`, whoever runs the node must look. Nothing was changed, except by `FillUnsigned`.",
    table(["code", "status", "who acts", "what it means", "what to do"], refusals),
    "## Failures",
    "What operators, tools and the client library throw and log: a `code`, and a message that ends " +
      "with the hint. … stands for a value; whoever reads it acts.",
    table(["code", "message", "hint", "made in"], errors),
  );
}
