/**
 * The connection of the class for ccxt to an exchange: the client library is joined at the first
 * call, and every error becomes one of ccxt's.
 */
import {
  ArgumentsRequired,
  type Currencies,
  type Dict,
  Exchange,
  ExchangeError,
  type Market,
  type Str,
} from "ccxt";
import { bytesToHex } from "../base/hex.ts";
import { type ClientOptions, ExchangeClient } from "../client/client.ts";
import { MemoryEvidence } from "../client/evidence/evidence.ts";
import { onGrid } from "../unified/orderRequests.ts";
import { Symbols } from "../unified/symbols.ts";
import { UnifiedClient } from "../unified/unifiedClient.ts";
import { Watches } from "../unified/watches.ts";
import { description } from "./description.ts";
import { toCcxtError } from "./errors.ts";
import { Structures } from "./structures.ts";

/**
 * `options` of the exchange: those of the client library. A trader gives `evidence`, and
 * `privateKey` as a credential, or a `signer`; whoever only reads gives neither.
 */
export type QuarterdeckOptions = Omit<ClientOptions, "signer" | "evidence"> &
  Partial<Pick<ClientOptions, "signer" | "evidence">>;

const CLIENT_OPTIONS = [
  "operator",
  "rpc",
  "mediator",
  "markets",
  "retryTimeoutMs",
  "maxFeePerGas",
  "pollMs",
  "curve",
] as const;

export class Connection extends Exchange {
  #joined: Promise<ExchangeClient> | undefined;
  #client: ExchangeClient | undefined;
  protected watches: Watches | undefined;
  protected readonly structures = new Structures(this);

  override describe() {
    return this.deepExtend(super.describe(), description());
  }

  /** The client library behind it: deposits, audits, disputes. Joins at the first call. */
  async exchangeClient(): Promise<ExchangeClient> {
    this.#joined ??= this.#join();
    try {
      this.#client = await this.#joined;
      return this.#client;
    } catch (error) {
      this.#joined = undefined;
      throw toCcxtError(this.id, error);
    }
  }

  async #join(): Promise<ExchangeClient> {
    const options = this.options as Partial<QuarterdeckOptions>;
    const given = Object.fromEntries(
      CLIENT_OPTIONS.flatMap((name) =>
        options[name] === undefined ? [] : [[name, options[name]] as const],
      ),
    ) as unknown as QuarterdeckOptions;
    const signer = options.signer ?? (this.privateKey || undefined);
    if (signer !== undefined && options.evidence === undefined) {
      throw new ArgumentsRequired(
        `${this.id} options.evidence: say where signed orders and fills are kept; without them ` +
          "nobody can prove what was executed. In Node: await FileEvidence.open(path).",
      );
    }
    return ExchangeClient.join({
      ...given,
      // A reader has no key: a random one, which signs for nothing.
      signer: signer ?? bytesToHex(crypto.getRandomValues(new Uint8Array(32))),
      evidence: options.evidence ?? new MemoryEvidence(),
    });
  }

  protected async ask<T>(isOwn: boolean, ask: (api: UnifiedClient) => Promise<T>): Promise<T> {
    try {
      const client = await this.clientFor(isOwn);
      if (this.enableRateLimit) await this.throttle(1);
      return await ask(new UnifiedClient(client));
    } catch (error) {
      throw toCcxtError(this.id, error);
    }
  }

  protected async watching<T>(isOwn: boolean, ask: (watches: Watches) => Promise<T>): Promise<T> {
    try {
      const client = await this.clientFor(isOwn);
      this.watches ??= new Watches(client);
      return await ask(this.watches);
    } catch (error) {
      throw toCcxtError(this.id, error);
    }
  }

  protected async clientFor(isOwn: boolean): Promise<ExchangeClient> {
    if (isOwn && (this.options as Partial<QuarterdeckOptions>).signer === undefined) {
      this.checkRequiredCredentials();
    }
    const client = await this.exchangeClient();
    if (this.markets === undefined) await this.loadMarkets();
    return client;
  }

  /** Exact at any step, unlike the inherited one: prices go to the nearest tick. */
  override priceToPrecision(symbol: Str, price: unknown): Str {
    return this.#onGrid("price", symbol, price);
  }

  /** Amounts are cut to whole lots. */
  override amountToPrecision(symbol: Str, amount: unknown): Str {
    return this.#onGrid("amount", symbol, amount);
  }

  #onGrid(field: "price" | "amount", symbol: Str, value: unknown): string {
    try {
      const { id } = this.market(symbol as string);
      if (this.#client === undefined) throw new ExchangeError(`${this.id} markets not loaded`);
      const symbols = new Symbols(this.#client.exchange);
      return onGrid(symbols, symbols.market(id), field, value);
    } catch (error) {
      throw toCcxtError(this.id, error);
    }
  }

  override async fetchMarkets(_params: Dict = {}): Promise<Market[]> {
    try {
      const markets = await new UnifiedClient(await this.exchangeClient()).fetchMarkets();
      return markets.map((one) => this.structures.market(one));
    } catch (error) {
      throw toCcxtError(this.id, error);
    }
  }

  override async fetchCurrencies(_params: Dict = {}): Promise<Currencies> {
    try {
      const currencies = await new UnifiedClient(await this.exchangeClient()).fetchCurrencies();
      return Object.fromEntries(
        currencies.map((one) => [one.code, this.structures.currency(one)] as const),
      );
    } catch (error) {
      throw toCcxtError(this.id, error);
    }
  }
}
