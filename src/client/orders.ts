/** From prices and amounts as people write them to orders as the exchange takes them. */
import { formatDecimal, parseDecimal } from "../base/decimal.ts";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import type { Order, Round } from "../protocol/units.ts";
import type { Answer } from "../wire/routes.ts";

type ExchangeFacts = Answer<"fetchExchange">;
export type MarketFacts = ExchangeFacts["markets"][number];
export type TokenInfo = ExchangeFacts["tokens"][number];

export interface OrderRequest {
  /** BASE/QUOTE, as the exchange names it. */
  readonly market: string;
  readonly side: "buy" | "sell";
  /** Quote for one whole base, such as "3000.5". */
  readonly price: string;
  /** Whole base, such as "0.25". */
  readonly amount: string;
}

/** Throws a `QuarterdeckError` with code `BadInput`, naming the field and what would be right. */
export function buildOrder(
  exchange: ExchangeFacts,
  owner: Address,
  round: Round,
  id: bigint,
  request: OrderRequest,
): Order {
  const market = findMarket(exchange, request.market);
  const base = findToken(exchange, market.base);
  const baseAmount = parseAmount("amount", request.amount, base.decimals);
  if (baseAmount === 0n || baseAmount % market.lot !== 0n) {
    const lot = formatDecimal(market.lot, base.decimals);
    throw bad("amount", `${request.amount} is no multiple of ${lot}`, `Use a multiple of ${lot}.`);
  }
  const price = priceOfLot(exchange, market, request.price);
  const quoteAmount = (baseAmount / market.lot) * price;
  const amounts =
    request.side === "buy"
      ? {
          sellToken: market.quote,
          sellAmount: quoteAmount,
          buyToken: market.base,
          buyAmount: baseAmount,
          intent: "buyAll" as const,
        }
      : {
          sellToken: market.base,
          sellAmount: baseAmount,
          buyToken: market.quote,
          buyAmount: quoteAmount,
          intent: "sellAll" as const,
        };
  return { owner, round, id, ...amounts };
}

/** Base units of quote for one lot. */
export function priceOfLot(exchange: ExchangeFacts, market: MarketFacts, text: string): bigint {
  const { scale, decimals } = priceScale(exchange, market);
  const written = parseAmount("price", text, decimals);
  const price = written / scale;
  if (price > 0n && written % scale === 0n && price % market.tick === 0n) return price;
  const step = formatDecimal(market.tick * scale, decimals);
  throw bad("price", `${text} is no multiple of ${step}`, `Use a multiple of ${step}.`);
}

/** The price of one whole base, as people write it, from that of a lot. */
export function formatPrice(exchange: ExchangeFacts, market: MarketFacts, price: bigint): string {
  const { scale, decimals } = priceScale(exchange, market);
  return formatDecimal(price * scale, decimals);
}

/**
 * A price of one whole base, in base units of quote, is `scale` times the price of a lot. Operators
 * only list markets whose lots divide a whole base, so this is exact.
 */
function priceScale(exchange: ExchangeFacts, market: MarketFacts) {
  const base = findToken(exchange, market.base);
  const quote = findToken(exchange, market.quote);
  return { scale: 10n ** BigInt(base.decimals) / market.lot, decimals: quote.decimals };
}

export function findMarket(exchange: ExchangeFacts, name: string): MarketFacts {
  const market = exchange.markets.find((one) => one.name === name);
  if (market !== undefined) return market;
  const names = exchange.markets.map((one) => one.name).join(", ");
  throw bad("market", `${name} is not traded here`, `Choose one of: ${names}.`);
}

/** By symbol or address. */
export function findToken(exchange: ExchangeFacts, token: string): TokenInfo {
  const found = exchange.tokens.find((one) => one.symbol === token || one.token === token);
  if (found !== undefined) return found;
  const names = exchange.tokens.map((one) => one.symbol).join(", ");
  throw bad("token", `${token} is not listed here`, `Choose one of: ${names}.`);
}

/** Base units of an amount as people write it. */
export function parseAmount(field: string, text: string, decimals: number): bigint {
  const outcome = parseDecimal(text, decimals);
  if (outcome.ok) return outcome.value;
  throw bad(field, outcome.problem, outcome.mend);
}

function bad(field: string, problem: string, mend: string): QuarterdeckError {
  const message = `${field}: ${problem.replace(/\.$/, "")}.`;
  return new QuarterdeckError({ code: "BadInput", message, mend });
}
