/** The hints of the stream: events that arrive once or never (wire/stream.ts). */
import type { ApiEvent } from "../operator/api/operatorApi.ts";
import { toJson } from "../wire/schemas/values.ts";
import type { StreamRequest } from "../wire/stream.ts";

export type HintRequest = Extract<
  StreamRequest,
  { readonly kind: "subscribeClock" | "subscribeMarket" | "subscribeClient" }
>;

/** A connection that is told hints. */
export interface HintListener {
  hears(channel: string): boolean;
  send(text: string): void;
}

export function hintChannelOf(request: HintRequest): string {
  switch (request.kind) {
    case "subscribeClock":
      return "clock";
    case "subscribeMarket":
      return marketChannel(request.market);
    case "subscribeClient":
      return clientChannel(request.client);
  }
}

function marketChannel(market: { base: string; quote: string }): string {
  return `market ${market.base} ${market.quote}`;
}

export function clientChannel(client: string): string {
  return `client ${client}`;
}

/** Undefined: nothing for the outside. */
function channelOf(event: ApiEvent): string | undefined {
  switch (event.kind) {
    case "clock":
    case "leader":
    case "committed":
    case "halted":
      return "clock";
    case "trade":
      return marketChannel(event.trade);
    case "order":
      return clientChannel(event.order.owner);
    case "deposit":
    case "withdrawal":
      return clientChannel(event.client);
    case "applied":
    case "pendingDeposits":
      return undefined;
  }
}

/** `isHeard`: whether any of the listeners hears a channel, so that they are asked only then. */
export function publishHint(
  listeners: Iterable<HintListener>,
  event: ApiEvent,
  isHeard: (channel: string) => boolean,
): void {
  const channel = channelOf(event);
  if (channel === undefined || !isHeard(channel)) return;
  let text: string | undefined;
  for (const listener of listeners) {
    if (!listener.hears(channel)) continue;
    text ??= toJson(event);
    listener.send(text);
  }
}
