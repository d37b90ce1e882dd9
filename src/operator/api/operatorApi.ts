/**
 * The operator's public API: all that a server may ask of it. Everything here is answered from
 * state that the journal could rebuild; a write is answered once its record is durable.
 *
 * `asOf` is the record of the journal up to which an answer holds. Answers and events overtake each
 * other, on the way and between operators: of two messages about the same thing, the one with the
 * greater is the newer, whichever operator sent it; with the same, both say the same.
 */
import type { Address, Hex } from "../../base/hex.ts";
import type { Refusal } from "../../protocol/refusals.ts";
import type {
  Amount,
  CancelAfter,
  CancelAll,
  CancelOrder,
  Round,
  Session,
  Signature,
  SignedStatement,
} from "../../protocol/units.ts";
import type {
  BalanceResponse,
  ClientTradeResponse,
  DepositResponse,
  LedgerEntryResponse,
  ProofResponse,
  WithdrawalResponse,
} from "../../wire/schemas/account.ts";
import type { PublishedBalances } from "../../wire/schemas/balances.ts";
import type {
  CancelAfterResponse,
  LimitsResponse,
  Replacement,
  ReplaceResponse,
} from "../../wire/schemas/batch.ts";
import type { ExchangeResponse, IdentityResponse } from "../../wire/schemas/exchange.ts";
import type { ClockResponse, Duties, HealthCheck } from "../../wire/schemas/health.ts";
import type {
  BookResponse,
  CandleInterval,
  CandleResponse,
  TickerResponse,
  TradeResponse,
} from "../../wire/schemas/market.ts";
import type { OrderResponse } from "../../wire/schemas/order.ts";
import type { StatementResponse } from "../../wire/schemas/statement.ts";
import type { Placement } from "../../wire/schemas/terms.ts";

import type { TradePage } from "../replay/history.ts";

export type { TradePage };
export interface SignedCancel {
  readonly cancel: CancelOrder;
  readonly signature: Signature;
}

export type Answered<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

/** The change, for streams. */
export type ApiEvent =
  | { readonly kind: "clock"; readonly clock: ClockResponse }
  | { readonly kind: "trade"; readonly trade: TradeResponse }
  | { readonly kind: "order"; readonly order: OrderResponse }
  | {
      readonly kind: "deposit";
      readonly client: Address;
      readonly token: Address;
      readonly amount: Amount;
      readonly round: Round;
    }
  | {
      readonly kind: "withdrawal";
      readonly client: Address;
      readonly withdrawal: WithdrawalResponse;
    }
  /** Orders are taken at `url` from now on; null: nobody is known to take any. */
  | { readonly kind: "leader"; readonly url: string | null }
  | { readonly kind: "committed"; readonly round: Round }
  | { readonly kind: "halted"; readonly round: Round }
  /** The record `asOf` was applied, and touched these clients. Told at once, before the others. */
  | { readonly kind: "applied"; readonly asOf: number; readonly clients: readonly Address[] }
  /** The chain's new head is one block nearer to these clients' deposits, or has others. */
  | { readonly kind: "pendingDeposits"; readonly clients: readonly Address[] };

export interface BookOptions {
  /** Levels of each side, at most. */
  readonly depth: number;
  /** Base units of quote for a lot, to multiples of which prices are rounded. */
  readonly group?: Amount | undefined;
}

export interface CandlePage {
  readonly interval: CandleInterval;
  /** Milliseconds since 1970: candles that open in `from` <= t < `before`. */
  readonly from?: number | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

export interface LedgerPage {
  /** Record of the journal. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** The changes of a book, for a reader who keeps a copy. Work grows with the changes alone. */
export interface BookChanges {
  /**
   * Levels that changed since the last call, 0 where one is gone; `isCleared`: beside these there
   * are none.
   */
  take(): Pick<BookResponse, "bids" | "asks" | "asOf"> & { readonly isCleared: boolean };
  stop(): void;
}

export interface OperatorApi {
  exchange(): ExchangeResponse;
  /** `challenge`: 32 bytes. */
  identity(challenge: Hex): Promise<Answered<IdentityResponse>>;
  clock(): ClockResponse;
  /** A refusal where this operator does not publish them. */
  publicBalances(round: Round): Promise<Answered<PublishedBalances>>;
  /** The last record that is applied. */
  asOf(): number;
  /**
   * Undefined while what is read is the state after the record `asOf`; else resolves once it is
   * again: a record that does much is being applied, and the event loop turns in between.
   */
  whenWhole(): Promise<void> | undefined;
  /** Undefined where there is no such market. */
  book(base: Address, quote: Address, options: BookOptions): BookResponse | undefined;
  /** The changes of a market's book from now on; undefined where there is no such market. */
  watchBook(base: Address, quote: Address): BookChanges | undefined;
  trades(base: Address, quote: Address, page: TradePage): TradeResponse[] | undefined;
  ticker(base: Address, quote: Address): TickerResponse | undefined;
  /** One for each market, in the order of the genesis. */
  tickers(): TickerResponse[];
  candles(base: Address, quote: Address, page: CandlePage): CandleResponse[] | undefined;
  placeOrder(placed: Placement): Promise<Answered<OrderResponse>>;
  cancelOrder(cancel: CancelOrder, signature: Signature): Promise<Answered<OrderResponse>>;
  /** Each with an outcome of its own, in their order; a refusal of all where none was looked at. */
  placeOrders(placed: readonly Placement[]): Promise<Answered<Answered<OrderResponse>[]>>;
  cancelOrders(cancels: readonly SignedCancel[]): Promise<Answered<Answered<OrderResponse>[]>>;
  replaceOrder(replacement: Replacement): Promise<Answered<ReplaceResponse>>;
  /** The orders that it took out. */
  cancelAll(wish: CancelAll, signature: Signature): Promise<Answered<OrderResponse[]>>;
  cancelAfter(wish: CancelAfter, signature: Signature): Promise<Answered<CancelAfterResponse>>;
  /** A connection of the client began, which showed its session; call what it gives at its end. */
  attend(client: Address): () => void;
  /** Answered once client's and operator's signature are durable. */
  countersign(given: SignedStatement): Promise<Answered<StatementResponse>>;
  /** Of the round before the current one and of the current one, as far as there are. */
  statements(client: Address): StatementResponse[];
  limits(client: Address): LimitsResponse;
  /** A refusal unless the session is the client's, signed, and not past. */
  authorize(client: Address, session: Session, signature: Signature): Refusal | undefined;
  balances(client: Address): BalanceResponse[];
  /** `uncovered`: only those that the last statement does not cover. */
  orders(client: Address, round?: Round, uncovered?: boolean): Promise<Answered<OrderResponse[]>>;
  clientTrades(client: Address, page: TradePage): ClientTradeResponse[];
  ledger(client: Address, page: LedgerPage): LedgerEntryResponse[];
  /** Pending deposits are read from the chain; left out where it does not answer. */
  deposits(client: Address, limit: number): Promise<DepositResponse[]>;
  /** The newest deposits of the client, pending ones first, until `stop` is called. */
  watchDeposits(client: Address): {
    readonly current: () => DepositResponse[];
    readonly stop: () => void;
  };
  proofs(client: Address, round: Round): Answered<ProofResponse[]>;
  withdrawals(client: Address): WithdrawalResponse[];
  /**
   * Calls `listener` with each event until the function that it returns is called. `hears`: whether
   * it has a use for events of this client's orders now; without it, for everybody's. Others may be
   * left out: an order's event costs a signature.
   */
  subscribe(listener: (event: ApiEvent) => void, hears?: (client: Address) => boolean): () => void;
  /** Why the node is not ready to take orders, if so. */
  notReady(): string | undefined;
  health(): HealthCheck[];
  /** In the order in which they will be done. */
  duties(): Duties;
  /** Prometheus text. */
  metrics(): Promise<string>;
}
