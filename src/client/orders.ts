/**
 * From prices and amounts as people write them to orders as the exchange takes them, and back.
 * `exchange` is what the client holds against the chain (checks/exchangeFacts.ts), never what an
 * operator says.
 */
import { formatDecimal } from "../base/decimal.ts";
import type { Address } from "../base/hex.ts";
import type { Order, Round } from "../protocol/units.ts";
import type { Answer } from "../wire/routes/routes.ts";
import { parseAmount, parseOrderRequest, parseText } from "./arguments.ts";
import { BadArgument } from "./checks/badArgument.ts";
import { marketsNamed } from "./checks/exchangeFacts.ts";
import type { TermsRequest } from "./checks/orderTerms.ts";

export { parseAmount } from "./arguments.ts";

type ExchangeFacts = Answer<"fetchExchange">;
export type MarketFacts = ExchangeFacts["markets"][number];
export type TokenInfo = ExchangeFacts["tokens"][number];

export interface OrderRequest extends TermsRequest {
  /** BASE/QUOTE by symbols or by addresses. */
  readonly market: string;
  readonly side: "buy" | "sell";
  /** Quote for one whole base, such as "3000.5". */
  readonly price: string;
  /** Whole base, such as "0.25". */
  readonly amount: string;
}

/** Throws `BadArgument`, naming the field and what would be right. */
export function buildOrder(
  exchange: ExchangeFacts,
  owner: Address,
  round: Round,
  id: bigint,
  request: OrderRequest,
): Order {
  const { side, price: priceText, amount } = parseOrderRequest(request);
  const market = findMarket(exchange, request.market);
  const base = findToken(exchange, market.base);
  const baseAmount = parseAmount("amount", amount, base.decimals);
  if (baseAmount === 0n || baseAmount % market.lot !== 0n) {
    const lot = formatDecimal(market.lot, base.decimals);
    throw new BadArgument("amount", `${amount} is no multiple of ${lot}`, useMultiple(lot));
  }
  const price = priceOfLot(exchange, market, priceText);
  const quoteAmount = (baseAmount / market.lot) * price;
  const amounts =
    side === "buy"
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

/** Base units of quote for one lot. `field`: names the price in errors. */
export function priceOfLot(
  exchange: ExchangeFacts,
  market: MarketFacts,
  text: string,
  field = "price",
): bigint {
  const { scale, decimals } = priceScale(exchange, market);
  const written = parseAmount(field, text, decimals);
  const price = written / scale;
  if (price > 0n && written % scale === 0n && price % market.tick === 0n) return price;
  const step = formatDecimal(market.tick * scale, decimals);
  throw new BadArgument(field, `${text} is no multiple of ${step}`, useMultiple(step));
}

function useMultiple(step: string): string {
  return `Use a multiple of ${step}.`;
}

/** The price of one whole base, as people write it, from that of a lot. */
export function formatPrice(exchange: ExchangeFacts, market: MarketFacts, price: bigint): string {
  const { scale, decimals } = priceScale(exchange, market);
  return formatDecimal(price * scale, decimals);
}

/** Whole tokens, as people write them, from base units. */
export function formatAmount(exchange: ExchangeFacts, token: Address, amount: bigint): string {
  return formatDecimal(amount, findToken(exchange, token).decimals);
}

/** A market's grid as people write it, and as `ClientOptions.markets` takes it. */
export function formatMarket(exchange: ExchangeFacts, market: MarketFacts) {
  const lot = formatAmount(exchange, market.base, market.lot);
  return { market: market.name, lot, tick: formatPrice(exchange, market, market.tick) };
}

/** The price and the amounts in base units, said in whole tokens besides. */
export function withTexts<T extends { readonly price: bigint }>(
  exchange: ExchangeFacts,
  market: MarketFacts,
  said: T,
  baseAmount: bigint,
): T & { readonly priceText: string; readonly amountText: string } {
  const priceText = formatPrice(exchange, market, said.price);
  return { ...said, priceText, amountText: formatAmount(exchange, market.base, baseAmount) };
}

/**
 * A price of one whole base, in base units of quote, is `scale` times the price of a lot. Only
 * markets whose lots divide a whole base are taken, so this is exact.
 */
function priceScale(exchange: ExchangeFacts, market: MarketFacts) {
  const base = findToken(exchange, market.base);
  const quote = findToken(exchange, market.quote);
  return { scale: 10n ** BigInt(base.decimals) / market.lot, decimals: quote.decimals };
}

/** By BASE/QUOTE of symbols or addresses. Throws `BadArgument`. */
export function findMarket(exchange: ExchangeFacts, name: string): MarketFacts {
  const [market, another] = marketsNamed(exchange.markets, parseText("market", name));
  if (market === undefined) {
    const names = exchange.markets.map((one) => one.name).join(", ");
    throw new BadArgument("market", `${name} is not traded here`, `Choose one of: ${names}.`);
  }
  if (another === undefined) return market;
  throw new BadArgument("market", `Several are named ${name}`, "Write it by addresses.");
}

/** Market and side of an order. Throws `BadArgument` where it is traded no more. */
export function findMarketOf(exchange: ExchangeFacts, { sellToken, buyToken }: Order) {
  const is = (base: Address, quote: Address) => (one: MarketFacts) =>
    one.base === base && one.quote === quote;
  const sold = exchange.markets.find(is(sellToken, buyToken));
  if (sold !== undefined) return { market: sold, side: "sell" as const };
  const bought = exchange.markets.find(is(buyToken, sellToken));
  if (bought !== undefined) return { market: bought, side: "buy" as const };
  const problem = `${sellToken} and ${buyToken} are not traded here`;
  throw new BadArgument("order", problem, "Sell by a market that there is.");
}

/** By symbol or address. Throws `BadArgument`. */
export function findToken(exchange: ExchangeFacts, token: string): TokenInfo {
  const lower = parseText("token", token).toLowerCase();
  const [found, another] = exchange.tokens.filter(
    (one) => one.symbol === token || one.token.toLowerCase() === lower,
  );
  if (found === undefined) {
    const names = exchange.tokens.map((one) => one.symbol).join(", ");
    throw new BadArgument("token", `${token} is not listed here`, `Choose one of: ${names}.`);
  }
  if (another === undefined) return found;
  throw new BadArgument("token", `Several are named ${token}`, "Write its address.");
}
