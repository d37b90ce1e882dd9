/**
 * Names under which bots know markets and currencies: the tokens' own symbols, as the chain says
 * them, where they are plain and nobody else's; else addresses. Ids are addresses always.
 */
import type { Address } from "../base/hex.ts";
import type { ExchangeFacts } from "../client/checks/exchangeFacts.ts";
import { UnifiedError } from "./errors.ts";

export type Market = ExchangeFacts["markets"][number];
export type Token = ExchangeFacts["tokens"][number];

const PLAIN = /^[A-Za-z0-9.$_-]{1,20}$/;

export class Symbols {
  readonly exchange: ExchangeFacts;
  readonly #codes = new Map<Address, string>();

  constructor(exchange: ExchangeFacts) {
    this.exchange = exchange;
    for (const { token, symbol } of exchange.tokens) {
      const isOne = exchange.tokens.filter((one) => one.symbol === symbol).length === 1;
      this.#codes.set(token, isOne && PLAIN.test(symbol) ? symbol : token);
    }
  }

  code(token: Address): string {
    return this.#codes.get(token) ?? token;
  }

  symbol({ base, quote }: { readonly base: Address; readonly quote: Address }): string {
    return `${this.code(base)}/${this.code(quote)}`;
  }

  /** By symbol or id. Throws `BadSymbol`. */
  market(symbol: unknown): Market {
    const found = this.exchange.markets.find(
      (one) => this.symbol(one) === symbol || idOf(one) === symbol,
    );
    if (found !== undefined) return found;
    const all = this.exchange.markets.map((one) => this.symbol(one)).join(", ");
    throw new UnifiedError(
      "BadSymbol",
      `symbol: ${symbol} is not traded here. Choose from: ${all}.`,
    );
  }

  /** The market of two tokens; undefined where they are traded no more. */
  marketOf(base: Address, quote: Address): Market | undefined {
    return this.exchange.markets.find((one) => one.base === base && one.quote === quote);
  }

  token(address: Address): Token {
    const found = this.exchange.tokens.find(({ token }) => token === address);
    if (found !== undefined) return found;
    throw new UnifiedError("BadSymbol", `${address} is no token of this exchange.`);
  }

  /** By code or address. Throws `BadSymbol`. */
  currency(code: unknown): Token {
    const found = this.exchange.tokens.find(
      ({ token }) => this.code(token) === code || token === code,
    );
    if (found !== undefined) return found;
    const all = this.exchange.tokens.map(({ token }) => this.code(token)).join(", ");
    throw new UnifiedError("BadSymbol", `code: ${code} is not listed here. Choose from: ${all}.`);
  }

  /** Base units of quote of a whole base, for each of the price of a lot. */
  priceScale({ base, lot }: Market): bigint {
    return 10n ** BigInt(this.token(base).decimals) / lot;
  }
}

export function idOf({ base, quote }: { readonly base: Address; readonly quote: Address }): string {
  return `${base}/${quote}`;
}
