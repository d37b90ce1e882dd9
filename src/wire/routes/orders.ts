/** The routes that change the exchange: only signed messages do. */
import * as z from "zod";
import {
  cancelAfterInput,
  cancelAfterResponse,
  cancelAllInput,
  cancelsInput,
  itemResponse,
  placementsInput,
  replaceInput,
  replaceResponse,
} from "../schemas/batch.ts";
import { orderResponse, placementInput, signedCancelInput } from "../schemas/order.ts";
import { countersignedStatement, statementInput } from "../schemas/statement.ts";
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
  placeOrders: {
    method: "POST",
    path: "/v1/orders/batch",
    access: "public",
    rate: "place",
    body: placementsInput,
    answer: z.array(itemResponse),
    about: "Places several orders with one flush; each is answered by itself, in their order.",
  },
  cancelOrders: {
    method: "POST",
    path: "/v1/orders/cancel-batch",
    access: "public",
    rate: "cancel",
    body: cancelsInput,
    answer: z.array(itemResponse),
    about: "Takes several orders out with one flush; each is answered by itself, in their order.",
  },
  cancelAllOrders: {
    method: "POST",
    path: "/v1/orders/cancel-all",
    access: "public",
    rate: "cancel",
    body: cancelAllInput,
    answer: z.array(orderResponse),
    about: "Takes out all orders of the signer, of this round and the next; answers with them.",
  },
  replaceOrder: {
    method: "POST",
    path: "/v1/orders/replace",
    access: "public",
    rate: "place",
    body: replaceInput,
    answer: replaceResponse,
    about: "Takes one order out and another in, both or neither, with no trade in between.",
  },
  cancelOrdersAfter: {
    method: "POST",
    path: "/v1/orders/cancel-after",
    access: "public",
    rate: "cancel",
    body: cancelAfterInput,
    answer: cancelAfterResponse,
    about: "Sets the dead-man switch: all orders go once the exchange's clock is past a block.",
  },
  countersign: {
    method: "POST",
    path: "/v1/statements",
    access: "public",
    rate: "place",
    body: statementInput,
    answer: countersignedStatement,
    about:
      "Countersigns a client's statement about its closed orders, which count no more towards its " +
      "limit then. Answered once both signatures are durable.",
  },
} as const satisfies Record<string, Route>;
