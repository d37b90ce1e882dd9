/** The channels of the stream as callers ask for them, and what is told in each, checked. */
import type { Address } from "../../base/hex.ts";
import { CANDLE_INTERVALS, type CandleInterval } from "../../wire/schemas/market.ts";
import { CHANNEL_DATA, type ChannelName, type StreamChannel } from "../../wire/schemas/stream.ts";
import type { StreamEvent } from "../../wire/stream.ts";
import { parseFields } from "../arguments.ts";
import { BadArgument } from "../checks/badArgument.ts";
import type { ExchangeFacts } from "../checks/exchangeFacts.ts";
import * as checks from "../checks/marketAnswers.ts";
import { findMarket } from "../orders.ts";
import { CANDLE_MS } from "../queries.ts";

type MarketChannelName = "trades" | "book" | "bestPrices" | "ticker";
export type OwnChannelName = "orders" | "fills" | "balances" | "withdrawals" | "deposits";

/** A channel as a caller asks for it. `market`: BASE/QUOTE by symbols or addresses. */
export type ChannelRequest =
  | { readonly name: "clock" | "status" | "rounds" }
  | { readonly name: MarketChannelName; readonly market: string }
  | { readonly name: "candles"; readonly market: string; readonly interval: CandleInterval }
  | { readonly name: OwnChannelName };

/** A message of a channel. */
export type ChannelUpdate<Name extends ChannelName = ChannelName> = Extract<
  StreamEvent,
  { readonly kind: `${Name}Update` }
>;

/** A channel without the session that opens it, which is signed anew from time to time. */
export type KnownChannel =
  | Exclude<StreamChannel, { readonly client: Address }>
  | { readonly name: OwnChannelName; readonly client: Address };

const OWN = ["orders", "fills", "balances", "withdrawals", "deposits"];
const NAMES = Object.keys(CHANNEL_DATA);

/** Throws `BadArgument`. */
export function parseChannel(
  exchange: ExchangeFacts,
  client: Address,
  given: unknown,
): KnownChannel {
  const { name, market, interval } = parseFields("channel", given, ["name", "market", "interval"]);
  if (typeof name !== "string" || !NAMES.includes(name)) {
    const hint = `Choose from: ${NAMES.join(", ")}.`;
    throw new BadArgument("channel.name", "There is no such channel", hint);
  }
  if (OWN.includes(name)) return { name: name as OwnChannelName, client };
  if (["clock", "status", "rounds"].includes(name)) return { name: name as "clock" };
  const { base, quote } = findMarket(exchange, market as string);
  if (name !== "candles") return { name: name as MarketChannelName, base, quote };
  const span = CANDLE_INTERVALS.find((one) => one === interval);
  if (span !== undefined) return { name: "candles", base, quote, interval: span };
  const hint = `Choose from: ${CANDLE_INTERVALS.join(", ")}.`;
  throw new BadArgument("channel.interval", "There are no such candles", hint);
}

/** The fault of a message, against its channel and the market's grid. */
export function updateFault(
  exchange: ExchangeFacts,
  channel: KnownChannel,
  update: ChannelUpdate,
): checks.Fault {
  if (update.kind !== `${channel.name}Update`) return `${update.kind} in channel ${channel.name}`;
  if ("base" in channel) {
    const { base, quote } = channel;
    const market = exchange.markets.find((one) => one.base === base && one.quote === quote);
    return market === undefined
      ? "a market that is not known"
      : marketFault(channel, market, update);
  }
  if (update.kind !== "ordersUpdate" || !("client" in channel)) return undefined;
  const isOwn = update.data.every(({ owner }) => owner === channel.client);
  return isOwn ? undefined : "an order of another client";
}

function marketFault(
  channel: Extract<KnownChannel, { readonly base: Address }>,
  market: checks.MarketGrid,
  update: ChannelUpdate,
): checks.Fault {
  switch (update.kind) {
    case "bookUpdate": {
      const { bids, asks } = update.data;
      return checks.changedLevelsFault([...bids, ...asks], market);
    }
    case "tradesUpdate":
      return update.data.map((one) => checks.tradeFault(one, market)).find((one) => one);
    case "tickerUpdate":
      return checks.tickerFault(update.data, market);
    case "candlesUpdate": {
      const spanMs = channel.name === "candles" ? CANDLE_MS[channel.interval] : 1;
      return checks.candlesFault(update.data, market, spanMs);
    }
    case "bestPricesUpdate": {
      const { base, quote, bid, ask } = update.data;
      const levels = { bids: bid === null ? [] : [bid], asks: ask === null ? [] : [ask] };
      return checks.bookFault({ base, quote, ...levels, asOf: 0 }, market);
    }
    default:
      return undefined;
  }
}
