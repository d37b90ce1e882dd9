/** The part of the API that reads market data and account history. */
import type { Address } from "../../base/hex.ts";
import type { DepositMade } from "../../chain/follow/pastEvents.ts";
import type { BlockNumber } from "../../protocol/units.ts";
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
import { clientTradesResponse, type QuerySources, tradeResponse } from "./queries.ts";

/** Deposits of a client in the blocks `from` to `to`, oldest first. */
export type ReadDeposits = (
  client: Address,
  from: BlockNumber,
  to: BlockNumber,
) => Promise<readonly DepositMade[]>;

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
>;

export function marketData(
  sources: QuerySources,
  head: ChainHead,
  readDeposits: ReadDeposits,
): MarketDataApi {
  const { state, history } = sources;
  const ticker = (base: Address, quote: Address) => tickerResponse(sources, base, quote);
  return {
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
      const from = (state.head?.number ?? state.genesis.schedule.genesisBlock - 1) + 1;
      const to = head.number;
      // Credited deposits are answered whatever the chain says.
      const pending = to < from ? [] : await readDeposits(client, from, to).catch(() => []);
      return depositsResponse(sources, client, pending, to, limit);
    },
  };
}
