/** The routes of the markets, which everybody may read. */
import { z } from "zod";
import { book, trade } from "../schemas/market.ts";
import { address, limitText } from "../schemas/values.ts";
import type { Route } from "./route.ts";

const marketPath = z.strictObject({ base: address, quote: address });

export const MARKET_ROUTES = {
  fetchOrderBook: {
    method: "GET",
    path: "/v1/markets/:base/:quote/book",
    access: "public",
    params: marketPath,
    query: z.strictObject({ depth: limitText.default(50) }),
    answer: book,
    about: "Price levels, best first.",
  },
  fetchTrades: {
    method: "GET",
    path: "/v1/markets/:base/:quote/trades",
    access: "public",
    params: marketPath,
    query: z.strictObject({ limit: limitText.default(100) }),
    answer: z.array(trade),
    about: "The market's latest trades, newest first.",
  },
} as const satisfies Record<string, Route>;
