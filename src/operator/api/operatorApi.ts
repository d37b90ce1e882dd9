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
  BalanceProof,
  BlockNumber,
  CancelOrder,
  Intent,
  Quarter,
  Round,
  Schedule,
  Session,
  Signature,
  SignedFill,
  SignedOrder,
} from "../../protocol/units.ts";

export type Answered<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

export interface MarketResponse {
  /** BASE/QUOTE by symbols. */
  readonly name: string;
  readonly base: Address;
  readonly quote: Address;
  readonly lot: Amount;
  readonly tick: Amount;
}

export interface TokenResponse {
  readonly token: Address;
  readonly symbol: string;
  readonly decimals: number;
  readonly listedRound: Round;
}

export interface ExchangeResponse {
  readonly chainId: number;
  readonly mediator: Address;
  readonly manager: Address;
  readonly operator: Address;
  readonly schedule: Schedule;
  readonly confirmations: number;
  readonly markets: MarketResponse[];
  readonly tokens: TokenResponse[];
  readonly limits: { readonly ordersPerClientAndRound: number };
}

/** Signed as `OperatorIdentity` in the manager's domain. */
export interface IdentityResponse {
  readonly operator: Address;
  readonly endpoint: string;
  readonly challenge: Hex;
  readonly version: string;
  readonly signature: Signature;
}

export interface ClockResponse {
  readonly chainHead: BlockNumber;
  readonly block: BlockNumber;
  readonly round: Round;
  readonly quarter: Quarter;
  readonly nextQuarterBlock: BlockNumber;
  readonly blocksLeft: number;
  readonly committedRound: Round;
  readonly haltRound: Round | null;
}

export interface LevelResponse {
  readonly price: Amount;
  readonly amount: Amount;
}

export interface BookResponse {
  readonly base: Address;
  readonly quote: Address;
  readonly bids: LevelResponse[];
  readonly asks: LevelResponse[];
  readonly asOf: number;
}

export interface TradeResponse {
  readonly sequence: bigint;
  readonly block: BlockNumber;
  readonly round: Round;
  readonly base: Address;
  readonly quote: Address;
  readonly price: Amount;
  readonly baseAmount: Amount;
  readonly quoteAmount: Amount;
  readonly takerSide: "buy" | "sell";
}

export interface ClientTradeResponse extends TradeResponse {
  /** Of the client's own order, of the trade's round. */
  readonly orderId: bigint;
  readonly side: "buy" | "sell";
}

export interface OrderResponse {
  readonly orderHash: Hex;
  readonly owner: Address;
  readonly round: Round;
  readonly id: bigint;
  readonly sellToken: Address;
  readonly sellAmount: Amount;
  readonly buyToken: Address;
  readonly buyAmount: Amount;
  readonly intent: Intent;
  readonly state: "queued" | "open" | "filled" | "cancelled" | "expired" | "refused";
  readonly sold: Amount;
  readonly bought: Amount;
  readonly asOf: number;
  readonly fill: SignedFill | null;
}

export interface BalanceResponse {
  readonly token: Address;
  readonly total: Amount;
  readonly locked: Amount;
  readonly free: Amount;
  readonly asOf: number;
}

export interface WithdrawalResponse {
  readonly token: Address;
  readonly round: Round;
  readonly amount: Amount;
  readonly recipient: Address;
  readonly state: "undecided" | "debited" | "refused";
  readonly payableFrom: BlockNumber;
  readonly asOf: number;
}

export interface ProofResponse {
  readonly token: Address;
  readonly proof: BalanceProof;
}

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

/** One concern of `/health`: fine, or what to look at. */
export interface HealthCheck {
  readonly name: string;
  readonly state: "ok" | "warn" | "failed";
  readonly detail: string;
}

/** Something that the operator owes the chain. */
export interface DutyHealth {
  readonly kind: "cancelWithdrawal" | "closeDispute" | "commit";
  /** Whom it is about; null for a commit. */
  readonly client: Address | null;
  readonly token: Address | null;
  /** Of the commit; in which the request was made, or the dispute opened. */
  readonly round: Round;
  readonly deadlineBlock: BlockNumber;
  readonly blocksLeft: number;
  /** Blocks until it is done at best, with what comes first. */
  readonly blocksNeeded: number;
  /** Late: it can no longer be done in time. */
  readonly state: "open" | "danger" | "late";
  /** Failed tries, the block of the first, and how the last one failed. */
  readonly tries: number;
  readonly sinceBlock: BlockNumber | null;
  readonly problem: string | null;
}

export interface OperatorApi {
  exchange(): ExchangeResponse;
  /** `challenge`: 32 bytes. */
  identity(challenge: Hex): Promise<Answered<IdentityResponse>>;
  clock(): ClockResponse;
  /** Undefined where there is no such market. */
  book(base: Address, quote: Address, depth: number): BookResponse | undefined;
  trades(base: Address, quote: Address, limit: number): TradeResponse[] | undefined;
  placeOrder(signed: SignedOrder): Promise<Answered<OrderResponse>>;
  cancelOrder(cancel: CancelOrder, signature: Signature): Promise<Answered<OrderResponse>>;
  /** A refusal unless the session is the client's, signed, and not past. */
  authorize(client: Address, session: Session, signature: Signature): Refusal | undefined;
  balances(client: Address): BalanceResponse[];
  orders(client: Address, round?: Round): Promise<Answered<OrderResponse[]>>;
  clientTrades(client: Address, limit: number): ClientTradeResponse[];
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
  duties(): DutyHealth[];
  /** Prometheus text. */
  metrics(): Promise<string>;
}
