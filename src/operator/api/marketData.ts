/** The part of the API that reads market data and account history. */
import type { Address } from "../../base/hex.ts";
import type { ChainHead } from "../sequencing/chainHead.ts";
import {
  bookResponse,
  candlesResponse,
  depositsResponse,
  hasMarket,
  ledgerResponse,
  tickerResponse,
  watchBook,
} from "./marketQueries.ts";
import type { OperatorApi } from "./operatorApi.ts";
import { PendingDeposits, type ReadDeposits } from "./pendingDeposits.ts";
import { clientTradesResponse, type QuerySources, tradeResponse } from "./queries.ts";

type MarketDataApi = Pick<
  OperatorApi,
  | "book"
  | "watchBook"
  | "trades"
  | "ticker"
  | "tickers"
  | "candles"
  | "clientTrades"
  | "ledger"
  | "deposits"
  | "watchDeposits"
>;

/** Deposits that the news of the stream show: who wants more reads them over HTTP. */
const MOST_DEPOSITS = 100;

/** `depositsChanged`: told of clients who wait for a deposit, or did, after each new head. */
export function marketData(
  sources: QuerySources,
  head: ChainHead,
  readDeposits: ReadDeposits,
  depositsChanged: (clients: readonly Address[]) => void,
): { readonly api: MarketDataApi; readonly pending: PendingDeposits } {
  const { state, history } = sources;
  const { schedule, confirmations } = state.genesis;
  const span = () => ({
    from: (state.head?.number ?? schedule.genesisBlock - 1) + 1,
    to: head.number,
  });
  const changed = depositsChanged;
  const pending = new PendingDeposits({ read: readDeposits, span, confirmations, changed });
  const ticker = (base: Address, quote: Address) => tickerResponse(sources, base, quote);
  const api: MarketDataApi = {
    book: (base, quote, options) => bookResponse(sources, base, quote, options),
    watchBook: (base, quote) => watchBook(sources, base, quote),
    trades: (base, quote, page) =>
      hasMarket(sources, base, quote)
        ? history.ofMarket(base, quote, page).map(tradeResponse)
        : undefined,
    ticker,
    tickers: () => state.genesis.markets.flatMap(({ base, quote }) => ticker(base, quote) ?? []),
    candles: (base, quote, page) => candlesResponse(sources, base, quote, page),
    clientTrades: (client, page) => clientTradesResponse(history, client, page),
    ledger: (client, page) => ledgerResponse(sources, client, page),
    deposits: async (client, limit) => {
      const { from, to } = span();
      // Credited deposits are answered whatever the chain says.
      const made = to < from ? [] : await readDeposits(client, from, to).catch(() => []);
      while (history.whenWhole() !== undefined) await history.whenWhole();
      return depositsResponse(sources, client, made, to, limit);
    },
    watchDeposits: (client) => ({
      current: () =>
        depositsResponse(sources, client, pending.of(client), head.number, MOST_DEPOSITS),
      stop: pending.listen(),
    }),
  };
  return { api, pending };
}
