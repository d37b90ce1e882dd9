/**
 * The messages on the WebSocket at `/v1/stream`. A client subscribes to channels; the server sends
 * an event for each change. Events are hints that arrive once, in the journal's order: a client
 * that reconnects reads the state over HTTP and goes on from there. An answer over HTTP may
 * overtake an event that came before it, and the other way round: `asOf` (schemas/values.ts) shows
 * which is newer.
 */
import { z } from "zod";
import { withdrawal } from "./schemas/account.ts";
import { clock } from "./schemas/health.ts";
import { trade } from "./schemas/market.ts";
import { orderResponse } from "./schemas/order.ts";
import { address, amount } from "./schemas/values.ts";

export const STREAM_PATH = "/v1/stream";
/** Channels that one connection may hold. */
export const MAX_CHANNELS = 64;

const market = z.strictObject({ base: address, quote: address });

/** From client to server. `session` as in the authorization header (session.ts). */
export const streamRequest = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("subscribeClock") }),
  z.strictObject({ kind: z.literal("subscribeMarket"), market }),
  z.strictObject({ kind: z.literal("subscribeClient"), client: address, session: z.string() }),
]);
export type StreamRequest = z.output<typeof streamRequest>;

/** From server to client. */
export const streamEvent = z.discriminatedUnion("kind", [
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
    error: z.object({ code: z.string(), act: z.string(), message: z.string() }),
  }),
]);
export type StreamEvent = z.output<typeof streamEvent>;
