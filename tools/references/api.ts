/** docs/api.md, from the tables of routes, shapes and messages. */
import { ROUTES, type Route } from "../../src/wire/routes/routes.ts";
import { ASYNCAPI_PATH, messagesOf } from "../../src/wire/specs/asyncapi.ts";
import { OPENAPI_PATH } from "../../src/wire/specs/openapi.ts";
import { type JsonSchema, jsonSchemas, shapeNameOf } from "../../src/wire/specs/shapes.ts";
import { STREAM_PATH, streamEvent, streamRequest } from "../../src/wire/stream.ts";
import { code, page, table } from "./markdown.ts";

/** A type in words, with links to the shapes. */
function typeOf(schema: JsonSchema): string {
  const name = shapeNameOf(schema);
  if (name !== undefined) return `[${name}](#${name.toLowerCase()})`;
  const either = (schema["anyOf"] ?? schema["oneOf"]) as JsonSchema[] | undefined;
  if (either !== undefined) return either.map(typeOf).join(" or ");
  if (schema["const"] !== undefined) return code(JSON.stringify(schema["const"]));
  if (Array.isArray(schema["enum"])) {
    return schema["enum"].map((one) => code(JSON.stringify(one))).join(", ");
  }
  if (schema.type === "array" && schema.items !== undefined) {
    return `list of ${typeOf(schema.items)}`;
  }
  if (schema.type === "object" && schema.properties !== undefined) {
    const fields = Object.entries(schema.properties).map(([key, one]) => `${key}: ${typeOf(one)}`);
    return `{ ${fields.join(", ")} }`;
  }
  return schema.type ?? "any";
}

function fields(schema: JsonSchema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([name, one]) => [
    code(name) + (schema.required?.includes(name) ? "" : " (optional)"),
    typeOf(one) + (one["default"] === undefined ? "" : `, default ${code(String(one["default"]))}`),
    one.description ?? "",
  ]);
  if (rows.length === 0) return `${typeOf(schema)}.`;
  return table(["field", "type", "what it is"], rows);
}

function routeText(name: string, route: Route, schemas: Readonly<Record<string, JsonSchema>>) {
  const part = (title: string, kind: string) => {
    const schema = schemas[`${name}${kind}`];
    if (schema === undefined) return [];
    const whole = shapeNameOf(schema);
    return whole === undefined ? [`${title}:`, fields(schema)] : [`${title}: ${typeOf(schema)}.`];
  };
  const access = route.access === "client" ? " Wants a session of that client." : "";
  return [
    `### ${name}`,
    `${code(`${route.method} ${route.path}`)} ${route.about}${access}`,
    ...part("Path", "Params"),
    ...part("Query", "Query"),
    ...part("Body", "Body"),
    `Answers ${typeOf(schemas[`${name}Answer`] as JsonSchema)}.`,
  ];
}

export function apiPage(): string {
  const routes = Object.entries(ROUTES as Readonly<Record<string, Route>>);
  const parts = ["params", "query", "body", "answer"] as const;
  const named = (prefix: string, kind: string) => prefix + kind[0]?.toUpperCase() + kind.slice(1);
  const requests = messagesOf(streamRequest);
  const events = messagesOf(streamEvent);
  const ofRoutes = jsonSchemas(
    Object.fromEntries(
      routes.flatMap(([name, route]) =>
        parts.flatMap((kind) => {
          const schema = route[kind];
          return schema === undefined ? [] : [[named(name, kind), schema] as const];
        }),
      ),
    ),
  );
  // By themselves: a message's body is the body of a route, and is written out in both.
  const ofStream = jsonSchemas({
    ...requests,
    ...Object.fromEntries(Object.entries(events).map(([kind, one]) => [`event ${kind}`, one])),
  });
  const shapes = { ...ofRoutes.shapes, ...ofStream.shapes };
  const message = (title: string, schema: JsonSchema) => [`### ${title}`, fields(schema)];
  return page(
    "API",
    `As documents for generators: ${code(OPENAPI_PATH)} and ${code(ASYNCAPI_PATH)}. How orders and ` +
      "sessions are signed: [bots.md](bots.md); what each refusal means: [errors.md](errors.md).",
    "## Routes",
    ...routes.flatMap(([name, route]) => routeText(name, route, ofRoutes.others)),
    "## Stream: requests",
    `Messages to the WebSocket at ${code(STREAM_PATH)}, as JSON.`,
    ...Object.keys(requests).flatMap((kind) => message(kind, ofStream.others[kind] as JsonSchema)),
    "## Stream: messages",
    ...Object.keys(events).flatMap((kind) =>
      message(`\`${kind}\``, ofStream.others[`event ${kind}`] as JsonSchema),
    ),
    "## Shapes",
    ...Object.entries(shapes).flatMap(([name, schema]) => [
      `### ${name}`,
      ...(schema.description === undefined ? [] : [`${schema.description}.`]),
      fields(schema),
    ]),
  );
}
