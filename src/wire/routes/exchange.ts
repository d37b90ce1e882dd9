/** The routes about the exchange: its facts, its operator, and its time. */
import { z } from "zod";
import { exchange, identity } from "../schemas/exchange.ts";
import { clock } from "../schemas/health.ts";
import { hash } from "../schemas/values.ts";
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
} as const satisfies Record<string, Route>;
