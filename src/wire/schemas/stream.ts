/** Channels of the stream, and what each of them tells. */
import * as z from "zod";
import { balance, clientTrade, deposit, withdrawal } from "./account.ts";
import { clock } from "./health.ts";
import { bestPrices, candle, candleInterval, level, ticker, trade } from "./market.ts";
import { orderResponse } from "./order.ts";
import { address, count } from "./values.ts";

const market = { base: address, quote: address };
const client = {
  client: address,
  session: z.string().describe("As in the authorization header, without its name"),
};

/** The channels; those of a client want its session. */
export const channel = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("clock") }),
  z.strictObject({ name: z.literal("status") }),
  z.strictObject({ name: z.literal("rounds") }),
  z.strictObject({ name: z.literal("trades"), ...market }),
  z.strictObject({ name: z.literal("book"), ...market }),
  z.strictObject({ name: z.literal("bestPrices"), ...market }),
  z.strictObject({ name: z.literal("ticker"), ...market }),
  z.strictObject({ name: z.literal("candles"), ...market, interval: candleInterval }),
  z.strictObject({ name: z.literal("orders"), ...client }),
  z.strictObject({ name: z.literal("fills"), ...client }),
  z.strictObject({ name: z.literal("balances"), ...client }),
  z.strictObject({ name: z.literal("withdrawals"), ...client }),
  z.strictObject({ name: z.literal("deposits"), ...client }),
]);
export type StreamChannel = z.output<typeof channel>;
export type ChannelName = StreamChannel["name"];

const status = z.object({
  waitingFor: z.string().nullable().describe("Why it takes no orders now; null: it does"),
  haltRound: count.nullable(),
});

const rounds = z.object({
  round: count,
  quarter: count,
  committedRound: count,
  haltRound: count.nullable(),
});

const changedLevels = z.object({
  bids: z.array(level).describe("Levels with their whole size now; amount 0: nothing is left"),
  asks: z.array(level),
});

/** The `data` of each channel. */
export const CHANNEL_DATA = {
  clock,
  status,
  rounds,
  trades: z.array(trade).describe("Oldest first"),
  book: changedLevels,
  bestPrices,
  ticker,
  candles: z.array(candle).describe("The last of them, oldest first: take each by its `openMs`"),
  orders: z.array(orderResponse).describe("Each as it is now: the greater `asOf` is the newer"),
  fills: z.array(clientTrade).describe("Oldest first"),
  balances: z.array(balance),
  withdrawals: z.array(withdrawal).describe("All that wait"),
  deposits: z.array(deposit).describe("The newest hundred: pending ones, then credited ones"),
} as const satisfies Record<ChannelName, z.ZodType>;

function update<Name extends ChannelName>(name: Name) {
  return z.object({
    kind: z.literal(`${name}Update` as const),
    channel: z.string().describe("Name, and what it is of, as the subscription's answer gave it"),
    type: z.enum(["snapshot", "update"]).describe("`snapshot`: everything, forget what was before"),
    sequence: count.describe("Of trades and fills the trade's, else the journal's record"),
    previous: count
      .nullable()
      .describe("`sequence` of the message before; another than yours: subscribe again"),
    data: CHANNEL_DATA[name] as (typeof CHANNEL_DATA)[Name],
  });
}

/** Messages of the channels. */
export const channelUpdates = [
  update("clock"),
  update("status"),
  update("rounds"),
  update("trades"),
  update("book"),
  update("bestPrices"),
  update("ticker"),
  update("candles"),
  update("orders"),
  update("fills"),
  update("balances"),
  update("withdrawals"),
  update("deposits"),
] as const;

/** The word by which messages name a channel. */
export function channelKey(of: StreamChannel): string {
  if ("client" in of) return `${of.name}:${of.client}`;
  if ("interval" in of) return `${of.name}:${of.base}/${of.quote}:${of.interval}`;
  return "base" in of ? `${of.name}:${of.base}/${of.quote}` : of.name;
}
