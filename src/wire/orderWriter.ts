/**
 * The answers to orders and cancellations as JSON text, written by hand: what `toJson` writes, some
 * four times faster. Fields of text that is no hexadecimal, number or fixed word are escaped.
 */
import type { SignedFill } from "../protocol/units.ts";
import type { ItemResponse } from "./schemas/batch.ts";
import type { OrderResponse } from "./schemas/order.ts";
import { toJson } from "./schemas/values.ts";

/** The answers that are written by hand, by the route that gives them. */
const WRITERS: Readonly<Record<string, (answer: never) => string>> = {
  placeOrder: orderText,
  cancelOrder: orderText,
  placeOrders: itemsText,
  cancelOrders: itemsText,
};

/** JSON text of the answer of a route. */
export function answerText(route: string, answer: unknown): string {
  const write = WRITERS[route];
  return write === undefined ? toJson(answer) : write(answer as never);
}

function itemsText(items: readonly ItemResponse[]): string {
  let text = "[";
  for (const { order, error } of items) {
    if (text.length > 1) text += ",";
    text +=
      order === null ? toJson({ order, error }) : `{"order":${orderText(order)},"error":null}`;
  }
  return `${text}]`;
}

function orderText(order: OrderResponse): string {
  const { terms, fill } = order;
  const tag = terms.tag === null ? "null" : JSON.stringify(terms.tag);
  return (
    `{"owner":"${order.owner}","round":${order.round},"id":"${order.id}",` +
    `"sellToken":"${order.sellToken}","sellAmount":"${order.sellAmount}",` +
    `"buyToken":"${order.buyToken}","buyAmount":"${order.buyAmount}","intent":"${order.intent}",` +
    `"orderHash":"${order.orderHash}",` +
    `"state":"${order.state}","reason":${order.reason === null ? "null" : `"${order.reason}"`},` +
    `"terms":{"timeInForce":"${terms.timeInForce}","goodTillBlock":${terms.goodTillBlock},` +
    `"selfTrade":"${terms.selfTrade}","tag":${tag}},"timeMs":${order.timeMs},` +
    `"sold":"${order.sold}","bought":"${order.bought}","asOf":${order.asOf},` +
    `"fill":${fill === null ? "null" : fillText(fill)}}`
  );
}

function fillText({ fill, signature: { r, vs, path } }: SignedFill): string {
  const steps = path.length === 0 ? "" : `"${path.join('","')}"`;
  return (
    `{"fill":{"orderHash":"${fill.orderHash}","owner":"${fill.owner}","round":${fill.round},` +
    `"sold":"${fill.sold}","bought":"${fill.bought}","sequence":"${fill.sequence}"},` +
    `"signature":{"r":"${r}","vs":"${vs}","path":[${steps}]}}`
  );
}
