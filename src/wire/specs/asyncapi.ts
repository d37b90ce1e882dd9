/** The stream as an AsyncAPI 3.0 document, made from its messages. */
import type { z } from "zod";
import { STREAM_PATH, streamEvent, streamRequest } from "../stream.ts";
import { type JsonSchema, jsonSchemas } from "./shapes.ts";

export const ASYNCAPI_PATH = "/v1/asyncapi.json";

type Message = z.ZodObject<{ kind: z.ZodLiteral }>;

/** Each message of one direction by its kind. */
export function messagesOf(union: { readonly options: readonly z.ZodType[] }) {
  const named = (union.options as readonly Message[]).map(
    (option) => [String(option.shape.kind.value), option] as const,
  );
  return Object.fromEntries(named);
}

/** `version`: of the API. */
export function asyncApi(version: string): JsonSchema {
  const requests = messagesOf(streamRequest);
  const events = messagesOf(streamEvent);
  const { shapes, others } = jsonSchemas({
    ...prefixed("request", requests),
    ...prefixed("event", events),
  });
  const messages = Object.fromEntries(
    Object.entries(others).map(([id, payload]) => [
      id,
      { name: id.replace(/^\w+-/, ""), contentType: "application/json", payload },
    ]),
  );
  const references = (prefix: string, to: string) =>
    Object.keys(messages)
      .filter((id) => id.startsWith(`${prefix}-`))
      .map((id) => ({ $ref: `${to}${id}` }));
  const inChannel = "#/channels/stream/messages/";
  const operation = (action: string, prefix: string) => ({
    action,
    channel: { $ref: "#/channels/stream" },
    messages: references(prefix, inChannel),
  });
  return {
    asyncapi: "3.0.0",
    info: { title: "Quarterdeck", version, description: "An operator's stream over WebSocket." },
    defaultContentType: "application/json",
    channels: {
      stream: {
        address: STREAM_PATH,
        messages: Object.fromEntries(
          Object.keys(messages).map((id) => [id, { $ref: `#/components/messages/${id}` }]),
        ),
      },
    },
    // As seen by the operator, whose document this is.
    operations: {
      takeRequests: operation("receive", "request"),
      tellEvents: operation("send", "event"),
    },
    components: { schemas: shapes, messages },
  };
}

function prefixed(prefix: string, messages: Readonly<Record<string, z.ZodType>>) {
  return Object.fromEntries(
    Object.entries(messages).map(([kind, schema]) => [`${prefix}-${kind}`, schema]),
  );
}
