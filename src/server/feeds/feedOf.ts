/** Which feed each channel has, and where in the operator's API it is read. */
import { assert } from "../../base/errors.ts";
import type { OperatorApi } from "../../operator/api/operatorApi.ts";
import type { StreamChannel } from "../../wire/schemas/stream.ts";
import { BookFeed } from "./bookFeed.ts";
import { type Feed, FeedUnavailable, GrowingFeed, StateFeed } from "./feed.ts";
import { OrdersFeed } from "./ordersFeed.ts";

const EVERY_LEVEL = Number.MAX_SAFE_INTEGER;

export function feedOf(api: OperatorApi, channel: StreamChannel): Feed {
  const state = (read: () => unknown) => new StateFeed(read, () => api.asOf(), withoutAsOf);
  switch (channel.name) {
    case "clock":
      return state(() => api.clock());
    case "status":
      return state(() => ({
        waitingFor: api.notReady() ?? null,
        haltRound: api.clock().haltRound,
      }));
    case "rounds":
      return state(() => {
        const { round, quarter, committedRound, haltRound } = api.clock();
        return { round, quarter, committedRound, haltRound };
      });
    case "balances":
      return state(() => api.balances(channel.client));
    case "withdrawals":
      return state(() => api.withdrawals(channel.client));
    case "orders":
    case "fills":
    case "deposits":
      return accountFeedOf(api, channel);
    default:
      return marketFeedOf(api, channel, state);
  }
}

type Named<Name extends StreamChannel["name"]> = Extract<StreamChannel, { readonly name: Name }>;

function marketFeedOf(
  api: OperatorApi,
  channel: Named<"bestPrices" | "ticker" | "candles" | "book" | "trades">,
  state: (read: () => unknown) => Feed,
): Feed {
  const { base, quote } = channel;
  switch (channel.name) {
    case "bestPrices":
      return state(() => {
        const book = api.book(base, quote, { depth: 1 });
        const { bids = [], asks = [], asOf = api.asOf() } = book ?? {};
        return { base, quote, bid: bids[0] ?? null, ask: asks[0] ?? null, asOf };
      });
    case "ticker":
      return state(() => api.ticker(base, quote));
    case "candles":
      // The last but one too: it is told once more as closed.
      return state(() => api.candles(base, quote, { interval: channel.interval, limit: 2 }));
    case "book": {
      const whole = api.book(base, quote, { depth: EVERY_LEVEL });
      const changes = api.watchBook(base, quote);
      assert(whole !== undefined && changes !== undefined, "a channel of no market was opened.");
      return new BookFeed(whole, changes);
    }
    case "trades":
      return new GrowingFeed({
        after: (sequence, limit) =>
          api.trades(base, quote, { after: BigInt(sequence), limit }) ?? [],
        newest: (limit) => api.trades(base, quote, { limit }) ?? [],
        sequenceOf: ({ sequence }) => Number(sequence),
      });
  }
}

function accountFeedOf(api: OperatorApi, channel: Named<"orders" | "fills" | "deposits">): Feed {
  const { client } = channel;
  switch (channel.name) {
    case "orders": {
      const current = async () => {
        const answer = await api.orders(client);
        if (answer.ok) return answer.value;
        throw new FeedUnavailable(answer.refusal);
      };
      return new OrdersFeed(current, api.asOf());
    }
    case "fills":
      return new GrowingFeed({
        after: (sequence, limit) => api.clientTrades(client, { after: BigInt(sequence), limit }),
        newest: (limit) => api.clientTrades(client, { limit }),
        sequenceOf: ({ sequence }) => Number(sequence),
      });
    case "deposits": {
      const { current, stop } = api.watchDeposits(client);
      return new StateFeed(current, () => api.asOf(), withoutAsOf, stop);
    }
  }
}

/** Whether something is another: not because it is told up to a later record. */
function withoutAsOf(value: unknown): string {
  return JSON.stringify(value, (key, part) => {
    if (key === "asOf" || key === "timeMs") return undefined;
    return typeof part === "bigint" ? part.toString() : part;
  });
}
