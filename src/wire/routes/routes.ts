/** The one table of routes: the server serves it, the client calls it, the references list it. */
import type { z } from "zod";
import { ACCOUNT_ROUTES } from "./account.ts";
import { EXCHANGE_ROUTES } from "./exchange.ts";
import { MARKET_ROUTES } from "./market.ts";
import { ORDER_ROUTES } from "./orders.ts";

export type { Access, Route } from "./route.ts";

export const ROUTES = {
  ...EXCHANGE_ROUTES,
  ...MARKET_ROUTES,
  ...ORDER_ROUTES,
  ...ACCOUNT_ROUTES,
} as const;

export type RouteName = keyof typeof ROUTES;
export type Answer<Name extends RouteName> = z.output<(typeof ROUTES)[Name]["answer"]>;
export type Body<Name extends RouteName> = (typeof ROUTES)[Name] extends { body: z.ZodType }
  ? z.output<(typeof ROUTES)[Name]["body"]>
  : undefined;
export type Params<Name extends RouteName> = (typeof ROUTES)[Name] extends { params: z.ZodType }
  ? z.output<(typeof ROUTES)[Name]["params"]>
  : undefined;
export type Query<Name extends RouteName> = (typeof ROUTES)[Name] extends { query: z.ZodType }
  ? z.output<(typeof ROUTES)[Name]["query"]>
  : undefined;
