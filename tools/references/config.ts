/** docs/config.md, from the schema of the operator's configuration. */
import { z } from "zod";
import {
  configSchema,
  DATABASE_VARIABLE,
  KEY_VARIABLE,
  PASSWORD_VARIABLE,
  RPC_VARIABLE,
} from "../../src/operator/config/config.ts";
import type { JsonSchema } from "../../src/wire/specs/shapes.ts";
import { code, page, table } from "./markdown.ts";

interface Key {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly about: string;
}

/** Which fields a bound of a health check has. */
const BOUND_FIELDS = "warn,warnClear,failed,failedClear,raiseAfter,clearAfter";

interface Unwrapped {
  readonly inner: z.ZodType;
  readonly about: string;
  readonly fallback: string;
}

/** Without what says that it may be left out, has a default, or is transformed. */
function unwrap(schema: z.ZodType): Unwrapped {
  let inner = schema;
  let about = "";
  let fallback = "required";
  for (;;) {
    about ||= inner.description ?? "";
    if (inner instanceof z.ZodDefault) fallback = written(inner.def.defaultValue);
    else if (inner instanceof z.ZodOptional && fallback === "required") fallback = "optional";
    if (inner instanceof z.ZodPipe) inner = inner.in as z.ZodType;
    else if (
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodOptional
    ) {
      if (inner instanceof z.ZodPrefault) fallback = "";
      inner = inner.unwrap() as z.ZodType;
    } else return { inner, about, fallback };
  }
}

function written(value: unknown): string {
  return code(
    JSON.stringify(value, (_, part) => (typeof part === "bigint" ? part.toString() : part)),
  );
}

function keysOf(schema: z.ZodType, path: string): Key[] {
  const { inner, about, fallback } = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const names = Object.keys(inner.shape);
    if (names.join() === BOUND_FIELDS) {
      const given = Object.entries(inner.shape).map(
        ([name, one]) => `${name} ${unwrap(one as z.ZodType).fallback}`,
      );
      return [{ path, type: "bounds", fallback: given.join(", "), about }];
    }
    const whole = path === "" ? [] : [{ path, type: "object", fallback, about }];
    const within = path === "" ? "" : `${path}.`;
    return [
      ...whole,
      ...names.flatMap((name) => keysOf(inner.shape[name] as z.ZodType, within + name)),
    ];
  }
  if (inner instanceof z.ZodArray) {
    const element = inner.element as z.ZodType;
    const isOfObjects = unwrap(element).inner instanceof z.ZodObject;
    const type = isOfObjects ? "list" : `list of ${typeOf(unwrap(element).inner)}`;
    const of = isOfObjects ? keysOf(element, `${path}[]`).slice(1) : [];
    return [{ path, type, fallback, about }, ...of];
  }
  return [{ path, type: typeOf(inner), fallback, about }];
}

function typeOf(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  if (Array.isArray(json["enum"])) return json["enum"].map((one) => code(String(one))).join(", ");
  const { minimum, maximum } = json as { minimum?: number; maximum?: number };
  const range =
    minimum === undefined || maximum === undefined ? "" : ` from ${minimum} to ${maximum}`;
  const format = json["format"] === "uri" ? "URL" : undefined;
  return (format ?? json.type ?? "any") + range;
}

export function configPage(): string {
  const rows = keysOf(configSchema, "").map(({ path, type, fallback, about }) => [
    code(path),
    type,
    fallback,
    about,
  ]);
  return page(
    "Configuration",
    "Every key of an operator's configuration file (JSON). Amounts are texts, since JSON's numbers " +
      "lose digits; a name that is not here is refused. Bounds are those of a health check: " +
      "[monitoring.md](monitoring.md#checks).",
    table(["key", "type", "default", "what it is"], rows),
    "## Environment",
    "A variable wins over the file; one that is empty or blank counts as unset.",
    table(
      ["variable", "what it is"],
      [
        [code(RPC_VARIABLE), "`rpc`, separated by commas"],
        [code(DATABASE_VARIABLE), "`database.url`"],
        [code(KEY_VARIABLE), "The operator's private key, where no other source is named"],
        [code(PASSWORD_VARIABLE), "Of `keystore`, where it names no `passwordFile`"],
      ],
    ),
  );
}
