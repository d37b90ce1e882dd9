/**
 * The messages on the WebSocket at `/v1/stream`. A client subscribes to channels: each begins with a
 * snapshot, or with what came since the `sequence` that the client has seen, and then tells every
 * change; `previous` shows a gap. Orders are placed on the same socket, with an id of the caller's
 * in request and answer.
 *
 * The three kinds `subscribeClock`, `subscribeMarket` and `subscribeClient` tell hints that arrive
 * once or never, in the journal's order: a client that reconnects reads the state over HTTP. An
 * answer over HTTP may overtake an event that came before it, and the other way round: `asOf`
 * (schemas/values.ts) shows which is newer.
 */
import * as z from "zod";
import { type Input, parseInput } from "./input.ts";
import { MAX_ID_LENGTH, readWrite } from "./orderReader.ts";
import { ORDER_ROUTES } from "./routes/orders.ts";
import { withdrawal } from "./schemas/account.ts";
import { cancelAfterResponse, itemResponse, replaceResponse } from "./schemas/batch.ts";
import { streamError } from "./schemas/error.ts";
import { clock } from "./schemas/health.ts";
import { trade } from "./schemas/market.ts";
import { orderResponse } from "./schemas/order.ts";
import { countersignedStatement } from "./schemas/statement.ts";
import { channel, channelUpdates } from "./schemas/stream.ts";
import { address, amount, count } from "./schemas/values.ts";

export const STREAM_PATH = "/v1/stream";
/** Channels that one connection may hold. */
export const MAX_CHANNELS = 64;

const market = z.strictObject({ base: address, quote: address });

const requestId = z
  .union([count, z.string().max(MAX_ID_LENGTH)])
  .describe("The caller's own word for the request: its answer has it too");
export type RequestId = z.output<typeof requestId>;

/** Requests that write, named as the routes of the same body, and the field of the answer. */
export const STREAM_WRITES = {
  placeOrder: "order",
  cancelOrder: "order",
  placeOrders: "items",
  cancelOrders: "items",
  cancelAllOrders: "orders",
  replaceOrder: "replaced",
  cancelOrdersAfter: "deadManSwitch",
  countersign: "statement",
} as const satisfies Record<keyof typeof ORDER_ROUTES, string>;
export type StreamWriteName = keyof typeof STREAM_WRITES;

function write<Name extends StreamWriteName>(name: Name) {
  const body = ORDER_ROUTES[name].body as (typeof ORDER_ROUTES)[Name]["body"];
  return z.strictObject({ kind: z.literal(name), id: requestId, body });
}

/** From client to server. `session` as in the authorization header (session.ts). */
export const streamRequest = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("subscribe"),
    id: requestId,
    channel,
    after: count.optional().describe("`sequence` of the last message seen: goes on from there"),
  }),
  z.strictObject({ kind: z.literal("unsubscribe"), id: requestId, channel: z.string() }),
  write("placeOrder"),
  write("cancelOrder"),
  write("placeOrders"),
  write("cancelOrders"),
  write("cancelAllOrders"),
  write("replaceOrder"),
  write("cancelOrdersAfter"),
  write("countersign"),
  z.strictObject({ kind: z.literal("subscribeClock") }),
  z.strictObject({ kind: z.literal("subscribeMarket"), market }),
  z.strictObject({ kind: z.literal("subscribeClient"), client: address, session: z.string() }),
]);
export type StreamRequest = z.output<typeof streamRequest>;

/** A message's JSON as a request, or a refusal that names the field. */
export function parseStreamRequest(json: unknown): Input<StreamRequest> {
  const value = readWrite(json) as StreamRequest | undefined;
  return value === undefined ? parseInput(streamRequest, json, "message") : { ok: true, value };
}

/** From server to client. */
export const streamEvent = z.discriminatedUnion("kind", [
  ...channelUpdates,
  z.object({
    kind: z.literal("answer"),
    id: requestId,
    channel: z.string().optional().describe("Of a subscription: what its messages are named"),
    order: orderResponse.optional().describe("Of an order placed or cancelled"),
    items: z.array(itemResponse).optional().describe("Of several, in the order of the request"),
    orders: z.array(orderResponse).optional().describe("Those that `cancelAllOrders` took out"),
    replaced: replaceResponse.optional(),
    deadManSwitch: cancelAfterResponse.optional(),
    statement: countersignedStatement.optional(),
  }),
  z.object({
    kind: z.literal("slow"),
    bufferedBytes: count.describe("Not yet read; at twice as many the connection is closed"),
  }),
  z.object({ kind: z.literal("subscribed"), to: z.string() }),
  z.object({ kind: z.literal("clock"), clock }),
  z.object({ kind: z.literal("trade"), trade }),
  z.object({ kind: z.literal("order"), order: orderResponse }),
  z.object({
    kind: z.literal("deposit"),
    client: address,
    token: address,
    amount: amount,
    round: z.number(),
  }),
  z.object({ kind: z.literal("withdrawal"), client: address, withdrawal }),
  /** Orders are taken at `url` from now on; null: nobody is known to take any. */
  z.object({ kind: z.literal("leader"), url: z.string().nullable() }),
  z.object({ kind: z.literal("committed"), round: z.number() }),
  z.object({ kind: z.literal("halted"), round: z.number() }),
  z.object({
    kind: z.literal("refusal"),
    id: requestId.optional().describe("Of the request, where it could be read"),
    error: streamError,
  }),
]);
export type StreamEvent = z.output<typeof streamEvent>;
