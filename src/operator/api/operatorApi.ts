/**
 * The operator's public API: all that a server may ask of it. Everything here is answered from
 * state that the journal could rebuild; a write is answered once its record is durable.
 *
 * `asOf` is the record of the journal up to which something is told. Answers and events overtake
 * each other, on the way and between operators: of two messages about the same thing, the one with
 * the greater is the newer, whoever sent it; with the same, they say the same.
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
} from "../../protocol/units.ts";
import type {
  BalanceResponse,
  ClientTradeResponse,
  ProofResponse,
  WithdrawalResponse,
} from "../../wire/schemas/account.ts";
import type {
  CancelAfterResponse,
  LimitsResponse,
  Replacement,
  ReplaceResponse,
} from "../../wire/schemas/batch.ts";
import type { ExchangeResponse, IdentityResponse } from "../../wire/schemas/exchange.ts";
import type { ClockResponse, DutyHealth, HealthCheck } from "../../wire/schemas/health.ts";
import type { BookResponse, TradeResponse } from "../../wire/schemas/market.ts";
import type { OrderResponse } from "../../wire/schemas/order.ts";
import type { Placement } from "../../wire/schemas/terms.ts";

export interface SignedCancel {
  readonly cancel: CancelOrder;
  readonly signature: Signature;
}

export type Answered<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

/** What changed, for streams. */
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
  | { readonly kind: "halted"; readonly round: Round };

export interface OperatorApi {
  exchange(): ExchangeResponse;
  /** `challenge`: 32 bytes. */
  identity(challenge: Hex): Promise<Answered<IdentityResponse>>;
  clock(): ClockResponse;
  /** Undefined where there is no such market. */
  book(base: Address, quote: Address, depth: number): BookResponse | undefined;
  trades(base: Address, quote: Address, limit: number): TradeResponse[] | undefined;
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
  limits(client: Address): LimitsResponse;
  /** A refusal unless the session is the client's, signed, and not past. */
  authorize(client: Address, session: Session, signature: Signature): Refusal | undefined;
  balances(client: Address): BalanceResponse[];
  orders(client: Address, round?: Round): Promise<Answered<OrderResponse[]>>;
  clientTrades(client: Address, limit: number): ClientTradeResponse[];
  proofs(client: Address, round: Round): Answered<ProofResponse[]>;
  withdrawals(client: Address): WithdrawalResponse[];
  /** Calls `listener` with each event until the function that it returns is called. */
  subscribe(listener: (event: ApiEvent) => void): () => void;
  /** Why the node is not ready to take orders, if so. */
  notReady(): string | undefined;
  health(): HealthCheck[];
  /** In the order in which they will be done. */
  duties(): DutyHealth[];
  /** Prometheus text. */
  metrics(): Promise<string>;
}
