/** The routes about the exchange: its facts, its operator, and its time. */
import * as z from "zod";
import { publishedBalances } from "../schemas/balances.ts";
import { exchange, identity } from "../schemas/exchange.ts";
import { clock } from "../schemas/health.ts";
import { countText, hash } from "../schemas/values.ts";
import type { Route } from "./route.ts";

export const EXCHANGE_ROUTES = {
  fetchExchange: {
    method: "GET",
    path: "/v1/exchange",
    access: "public",
    answer: exchange,
    about: "What this exchange is: chain, contracts, markets, tokens, limits.",
  },
  fetchIdentity: {
    method: "GET",
    path: "/v1/identity",
    access: "public",
    query: z.strictObject({ challenge: hash }),
    answer: identity,
    about: "Shows that this endpoint holds the operator's key, by signing 32 bytes of the caller.",
  },
  fetchClock: {
    method: "GET",
    path: "/v1/clock",
    access: "public",
    answer: clock,
    about: "The exchange's own time, and the deadline ahead.",
  },
  fetchPublicBalances: {
    method: "GET",
    path: "/v1/balances/:round",
    access: "public",
    // All clients' balances in one answer.
    weight: 50,
    params: z.strictObject({ round: countText }),
    answer: publishedBalances,
    about: "All balances of a round, signed, where the operator publishes them (`publicBalances`).",
  },
} as const satisfies Record<string, Route>;
