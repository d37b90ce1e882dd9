/** The HTTP API as an OpenAPI 3.1 document, made from the table of routes. */
import { REFUSAL_CODES } from "../../protocol/refusals.ts";
import { statusOf } from "../meanings.ts";
import { ROUTES, type Route } from "../routes/routes.ts";
import { type JsonSchema, jsonSchemas } from "./shapes.ts";

export const OPENAPI_PATH = "/v1/openapi.json";

/** `version`: of the API. */
export function openApi(version: string): JsonSchema {
  const routes = Object.entries(ROUTES as Readonly<Record<string, Route>>);
  const { shapes, others } = jsonSchemas(
    Object.fromEntries(
      routes.flatMap(([name, { answer, params, query, body }]) => [
        [`${name}Answer`, answer],
        ...(params === undefined ? [] : [[`${name}Params`, params] as const]),
        ...(query === undefined ? [] : [[`${name}Query`, query] as const]),
        ...(body === undefined ? [] : [[`${name}Body`, body] as const]),
      ]),
    ),
  );
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of routes) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route, others) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Quarterdeck",
      version,
      description:
        "An operator's HTTP API. See docs/bots.md for signing, docs/errors.md for errors.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: shapes,
      securitySchemes: {
        session: {
          type: "apiKey",
          in: "header",
          name: "authorization",
          description: "`Quarterdeck <client> <validUntil> <r> <vs>`: a signed Session",
        },
      },
    },
  };
}

function operation(name: string, route: Route, schemas: Readonly<Record<string, JsonSchema>>) {
  const body = schemas[`${name}Body`];
  return {
    operationId: name,
    summary: route.about,
    parameters: [
      ...parameters(schemas[`${name}Params`], "path"),
      ...parameters(schemas[`${name}Query`], "query"),
    ],
    ...(body !== undefined && {
      requestBody: { required: true, content: { "application/json": { schema: body } } },
    }),
    responses: {
      200: {
        description: "Done, or found.",
        content: { "application/json": { schema: schemas[`${name}Answer`] as JsonSchema } },
      },
      ...(route.method === "POST" && {
        307: { description: "Another operator takes it: `location` says where." },
      }),
      ...refusals(),
    },
    security: route.access === "client" ? [{ session: [] }] : [],
  };
}

function parameters(schema: JsonSchema | undefined, where: "path" | "query") {
  return Object.entries(schema?.properties ?? {}).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === "path" || (schema?.required ?? []).includes(name),
    ...(description !== undefined && { description }),
    schema: rest,
  }));
}

/** By status: the codes that come with it. */
function refusals() {
  const byStatus = new Map<number, string[]>();
  for (const code of REFUSAL_CODES) {
    byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  }
  const schema = { $ref: "#/components/schemas/Error" };
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      { description: codes.join(", "), content: { "application/json": { schema } } },
    ]),
  );
}
