/** The documents that describe the API are valid, whole, and say what the schemas say. */
import { createRequire } from "node:module";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { ROUTES } from "../routes/routes.ts";
import { streamEvent, streamRequest } from "../stream.ts";
import { asyncApi, messagesOf } from "./asyncapi.ts";
import { openApi } from "./openapi.ts";
import { type JsonSchema, SHAPES } from "./shapes.ts";

const require = createRequire(import.meta.url);

async function openApiFaults(document: object): Promise<unknown> {
  const { valid, errors } = await new Validator().validate(
    structuredClone(document) as Record<string, unknown>,
  );
  return valid ? [] : errors;
}

function asyncApiFaults(document: unknown): unknown {
  const ajv = new Ajv({
    strict: false,
    logger: false,
    validateFormats: false,
    meta: false,
    validateSchema: false,
  });
  const schema = require("@asyncapi/specs/schemas/3.0.0.json") as object;
  const validate = ajv.compile(schema);
  return validate(document) ? [] : validate.errors;
}

/** Every `$ref` in a document. */
function references(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return [];
  return Object.entries(part).flatMap(([key, value]) =>
    key === "$ref" ? [String(value)] : references(value),
  );
}

function leadsNowhere(document: JsonSchema): string[] {
  const find = (path: string) =>
    path
      .slice(2)
      .split("/")
      .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
  return references(document).filter((path) => find(path) === undefined);
}

describe("the OpenAPI document", () => {
  const document = openApi("1.0.0");

  it("the OpenAPI document is valid", async () => {
    expect(await openApiFaults(document)).toEqual([]);
    expect(leadsNowhere(document)).toEqual([]);
  });

  it("the OpenAPI document would be found invalid", async () => {
    expect(await openApiFaults({ ...document, paths: { x: 5 } })).not.toEqual([]);
  });

  it("the OpenAPI document has every route", () => {
    const operations = Object.values(document["paths"] as Record<string, object>).flatMap((path) =>
      Object.values(path as Record<string, { operationId: string }>),
    );
    expect(operations.map(({ operationId }) => operationId).sort()).toEqual(
      Object.keys(ROUTES).sort(),
    );
  });

  it("the OpenAPI document describes values as they are parsed", () => {
    const { schemas } = document["components"] as { schemas: Record<string, JsonSchema> };
    expect(Object.keys(schemas)).toEqual(Object.keys(SHAPES));
    const ajv = new Ajv({ strict: false });
    const validate = ajv.compile(schemas["Level"] as object);
    for (const [level, isRight] of [
      [{ price: "12", amount: "5" }, true],
      [{ price: 12, amount: "5" }, false],
      [{ price: "012", amount: "5" }, false],
      [{ price: "12" }, false],
    ] as const) {
      expect(validate(level), JSON.stringify(level)).toBe(isRight);
      expect(SHAPES["Level"]?.safeParse(level).success).toBe(isRight);
    }
  });
});

describe("the AsyncAPI document", () => {
  const document = asyncApi("1.0.0");

  it("the AsyncAPI document is valid", () => {
    expect(asyncApiFaults(document)).toEqual([]);
    expect(leadsNowhere(document)).toEqual([]);
  });

  it("the AsyncAPI document would be found invalid", () => {
    expect(asyncApiFaults({ ...document, channels: { stream: { messages: 5 } } })).not.toEqual([]);
  });

  it("the AsyncAPI document has every message", () => {
    const { messages } = document["components"] as { messages: Record<string, unknown> };
    expect(Object.keys(messages)).toEqual([
      ...Object.keys(messagesOf(streamRequest)).map((kind) => `request-${kind}`),
      ...Object.keys(messagesOf(streamEvent)).map((kind) => `event-${kind}`),
    ]);
  });
});
