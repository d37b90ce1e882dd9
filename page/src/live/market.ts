/** The market that is looked at: book, trades, candles and ticker, as the stream tells them. */
import { computed, effect, signal } from "@preact/signals";
import type {
  CandleInterval,
  CandleResponse,
  TickerResponse,
  TradeResponse,
} from "../../../src/wire/schemas/market.ts";
import { channelKey, type StreamChannel } from "../../../src/wire/schemas/stream.ts";
import { applyChanges, type Book, emptyBook } from "./book.ts";
import { api, exchange, stream } from "./exchange.ts";
import { atMostEvery } from "./frames.ts";

export const marketName = signal<string | undefined>(undefined);
export const market = computed(() => {
  const markets = exchange.value?.markets ?? [];
  return markets.find(({ name }) => name === marketName.value) ?? markets[0];
});
export const interval = signal<CandleInterval>("1m");
/** The same object for ever, with another `version` after each change. */
export const book = signal<{ readonly book: Book; readonly version: number }>({
  book: emptyBook(),
  version: 0,
});
/** Newest first. */
export const trades = signal<readonly TradeResponse[]>([]);
/** Oldest first. */
export const candles = signal<readonly CandleResponse[]>([]);
export const ticker = signal<TickerResponse | undefined>(undefined);

/** Milliseconds between two pictures of the book: nobody reads more than twenty a second. */
const BOOK_PAUSE_MS = 50;
const MOST_TRADES = 100;
const MOST_CANDLES = 500;

type Ending = () => void;
type MarketChannel = Extract<StreamChannel, { readonly base: string }>;

/** Follows the chosen market for as long as the page is open. */
export function followMarket(): void {
  let endings: Ending[] = [];
  effect(() => {
    const chosen = market.value;
    if (chosen === undefined) return;
    for (const end of endings) end();
    const { base, quote } = chosen;
    trades.value = [];
    ticker.value = undefined;
    endings = [
      followBook({ name: "book", base, quote }),
      followTrades({ name: "trades", base, quote }),
      followTicker({ name: "ticker", base, quote }),
    ];
  });
  effect(() => {
    const chosen = market.value;
    if (chosen === undefined) return;
    const { base, quote } = chosen;
    return followCandles({ name: "candles", base, quote, interval: interval.value });
  });
}

function followBook(channel: MarketChannel): Ending {
  const sizes = emptyBook();
  book.value = { book: sizes, version: 0 };
  let isOver = false;
  const show = atMostEvery(BOOK_PAUSE_MS, () => {
    if (!isOver) book.value = { book: sizes, version: book.peek().version + 1 };
  });
  const end = stream.subscribe<"book">(
    channelKey(channel),
    () => channel,
    ({ type, data }) => applyChanges(sizes, data, type === "snapshot"),
    show,
  );
  return () => {
    isOver = true;
    end();
  };
}

function followTrades(channel: MarketChannel): Ending {
  let newest: TradeResponse[] = [];
  return stream.subscribe<"trades">(
    channelKey(channel),
    () => channel,
    ({ type, data }) => {
      const more = [...data].reverse();
      newest = (type === "snapshot" ? more : [...more, ...newest]).slice(0, MOST_TRADES);
    },
    () => {
      trades.value = newest;
    },
  );
}

function followTicker(channel: MarketChannel): Ending {
  return stream.subscribe<"ticker">(
    channelKey(channel),
    () => channel,
    ({ data }) => {
      ticker.value = data;
    },
  );
}

function followCandles(channel: Extract<MarketChannel, { readonly name: "candles" }>): Ending {
  const byTime = new Map<number, CandleResponse>();
  const { base, quote } = channel;
  let isOver = false;
  candles.value = [];
  const show = () => {
    const sorted = [...byTime.values()].sort((a, b) => a.openMs - b.openMs);
    candles.value = sorted.slice(-MOST_CANDLES);
  };
  const query = { interval: channel.interval, limit: MOST_CANDLES };
  const history = api().call("fetchCandles", { params: { base, quote }, query });
  history.then(
    (past) => {
      if (isOver) return;
      for (const one of past) if (!byTime.has(one.openMs)) byTime.set(one.openMs, one);
      show();
    },
    () => {},
  );
  const end = stream.subscribe<"candles">(
    channelKey(channel),
    () => channel,
    ({ data }) => {
      for (const one of data) byTime.set(one.openMs, one);
    },
    show,
  );
  return () => {
    isOver = true;
    end();
  };
}
