/** Market data and account history, from state and history: read-only. */
import type { Address } from "../../base/hex.ts";
import type { DepositMade } from "../../chain/follow/pastEvents.ts";
import type { Side } from "../../exchange/model/outcome.ts";
import { bookOf } from "../../exchange/model/state.ts";
import type { BookView, PriceLevel } from "../../exchange/model/viewTypes.ts";
import { book } from "../../exchange/queries/views.ts";
import type { Amount, BlockNumber } from "../../protocol/units.ts";
import type { DepositResponse, LedgerEntryResponse } from "../../wire/schemas/account.ts";
import type {
  BestPricesResponse,
  BookResponse,
  CandleResponse,
  LevelResponse,
  TickerResponse,
} from "../../wire/schemas/market.ts";
import { INTERVAL_MS } from "../replay/candles.ts";
import type { Move } from "../replay/ledger.ts";
import type { BookChanges, BookOptions, CandlePage, LedgerPage } from "./operatorApi.ts";
import { type QuerySources, shownTime } from "./queries.ts";

/** Where a whole side is wanted. */
const EVERY_LEVEL = Number.MAX_SAFE_INTEGER;

/** The market named as base and quote, or undefined: in the other order it is another. */
function bookView(
  { state }: QuerySources,
  base: Address,
  quote: Address,
  levels: number,
): BookView | undefined {
  const view = book(state, { sellToken: base, buyToken: quote }, levels);
  return view?.market.base === base ? view : undefined;
}

export function hasMarket(sources: QuerySources, base: Address, quote: Address): boolean {
  return bookView(sources, base, quote, 0) !== undefined;
}

export function bookResponse(
  sources: QuerySources,
  base: Address,
  quote: Address,
  { depth, group }: BookOptions,
): BookResponse | undefined {
  const view = bookView(sources, base, quote, group === undefined ? depth : EVERY_LEVEL);
  if (view === undefined) return undefined;
  const levels = (side: readonly PriceLevel[], up: boolean) =>
    group === undefined ? side.map(levelOf) : grouped(side, group, up).slice(0, depth);
  return {
    base,
    quote,
    bids: levels(view.bids, false),
    asks: levels(view.asks, true),
    asOf: sources.history.upTo,
  };
}

/** See `OperatorApi.watchBook`. */
export function watchBook(
  { state, history }: QuerySources,
  base: Address,
  quote: Address,
): BookChanges | undefined {
  const found = bookOf(state, base, quote);
  if (found === undefined || found.market.base !== base) return undefined;
  const watch = found.watch();
  const { lot } = found.market;
  const levels = (side: Side, prices: readonly Amount[]) =>
    prices.map((price) => ({ price, amount: found.lotsAt(side, price) * lot }));
  return {
    take: () => {
      const { isCleared, bid, ask } = watch.take();
      const [bids, asks] = [levels("bid", bid), levels("ask", ask)];
      return { isCleared, bids, asks, asOf: history.upTo };
    },
    stop: () => found.unwatch(watch),
  };
}

function levelOf({ price, baseAmount }: PriceLevel): LevelResponse {
  return { price, amount: baseAmount };
}

/** Levels with prices rounded to multiples of `group`, bids down and asks up. */
function grouped(side: readonly PriceLevel[], group: Amount, up: boolean): LevelResponse[] {
  const found: LevelResponse[] = [];
  for (const { price, baseAmount } of side) {
    const beyond = price % group;
    const rounded = beyond === 0n ? price : up ? price - beyond + group : price - beyond;
    const last = found.at(-1);
    if (last?.price === rounded) last.amount += baseAmount;
    else found.push({ price: rounded, amount: baseAmount });
  }
  return found;
}

export function bestPricesResponse(
  sources: QuerySources,
  base: Address,
  quote: Address,
): BestPricesResponse | undefined {
  const found = bookResponse(sources, base, quote, { depth: 1 });
  if (found === undefined) return undefined;
  const { bids, asks, asOf } = found;
  return { base, quote, bid: bids[0] ?? null, ask: asks[0] ?? null, asOf };
}

export function tickerResponse(
  sources: QuerySources,
  base: Address,
  quote: Address,
): TickerResponse | undefined {
  const best = bestPricesResponse(sources, base, quote);
  if (best === undefined) return undefined;
  const { history } = sources;
  const [last] = history.ofMarket(base, quote, { limit: 1 });
  const day = history.candles.day(base, quote, history.timeMs);
  return {
    ...best,
    timeMs: shownTime(history.timeMs),
    last: last?.price ?? null,
    open: day?.open ?? null,
    high: day?.high ?? null,
    low: day?.low ?? null,
    baseVolume: day?.baseAmount ?? 0n,
    quoteVolume: day?.quoteAmount ?? 0n,
    trades: day?.trades ?? 0,
  };
}

export function candlesResponse(
  sources: QuerySources,
  base: Address,
  quote: Address,
  { interval, from, before, limit }: CandlePage,
): CandleResponse[] | undefined {
  if (!hasMarket(sources, base, quote)) return undefined;
  const { candles, timeMs } = sources.history;
  const page = {
    limit,
    ...(from !== undefined && { fromMs: from }),
    ...(before !== undefined && { beforeMs: before }),
  };
  return candles
    .of({ base, quote }, interval, page)
    .map(({ baseAmount, quoteAmount, ...candle }) => ({
      ...candle,
      baseVolume: baseAmount,
      quoteVolume: quoteAmount,
      closed: candle.openMs + INTERVAL_MS[interval] <= timeMs,
    }));
}

export function ledgerResponse(
  { history }: QuerySources,
  client: Address,
  { before, limit }: LedgerPage,
): LedgerEntryResponse[] {
  return history.ledger.of(client, before, limit).map((move) => {
    const { record, index, kind, token, amount, round, block, transactionHash, timeMs } = move;
    const place = { block: block ?? null, transactionHash: transactionHash ?? null };
    return { record, index, timeMs: shownTime(timeMs), kind, token, amount, round, ...place };
  });
}

/** `pending`: those in blocks that are not final yet, of which `head` is the newest. */
export function depositsResponse(
  { history, state }: QuerySources,
  client: Address,
  pending: readonly DepositMade[],
  head: BlockNumber,
  limit: number,
): DepositResponse[] {
  const taken = state.head?.number ?? 0;
  const waiting = pending
    .filter(({ block }) => block > taken)
    .map(
      ({ token, amount, block, transactionHash }): DepositResponse => ({
        token,
        amount,
        block,
        transactionHash,
        state: "pending",
        confirmationsLeft: Math.max(1, block + state.genesis.confirmations - head),
        round: null,
        timeMs: null,
      }),
    );
  const credited = history.ledger.of(client).filter(({ kind }) => kind === "deposit");
  return [...waiting.reverse(), ...credited.map(creditedDeposit)].slice(0, limit);
}

function creditedDeposit({ token, amount, round, timeMs, ...move }: Move): DepositResponse {
  const { block, transactionHash } = move as Required<typeof move>;
  return {
    token,
    amount,
    round,
    timeMs: shownTime(timeMs),
    block: block as BlockNumber,
    transactionHash: transactionHash as NonNullable<typeof transactionHash>,
    state: "credited",
    confirmationsLeft: 0,
  };
}
