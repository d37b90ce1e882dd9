/** The routes that change the exchange: only signed messages do. */
import { orderResponse, placementInput, signedCancelInput } from "../schemas/order.ts";
import type { Route } from "./route.ts";

export const ORDER_ROUTES = {
  placeOrder: {
    method: "POST",
    path: "/v1/orders",
    access: "public",
    rate: "place",
    body: placementInput,
    answer: orderResponse,
    about: "Places a signed order, with terms or without. Answered once it is durable and matched.",
  },
  cancelOrder: {
    method: "POST",
    path: "/v1/orders/cancel",
    access: "public",
    rate: "cancel",
    body: signedCancelInput,
    answer: orderResponse,
    about: "Takes an order out of the book, signed by its owner or trading key.",
  },
} as const satisfies Record<string, Route>;
