/** How the records of a snapshot are written. */
import type { Address } from "../../base/hex.ts";
import type { Amount, BlockRef, Moment, Order, Round, Signature } from "../../protocol/units.ts";
import {
  address,
  bool,
  type Codec,
  count,
  list,
  object,
  oneOf,
  optional,
  uint128,
} from "../model/codec.ts";
import {
  blockRefCodec,
  type Genesis,
  genesisCodec,
  orderCodec,
  signatureCodec,
} from "../model/entries.ts";
import type { KeyChange } from "../model/state.ts";
import type { DisputeView, OrderState, WithdrawalView } from "../model/viewTypes.ts";

/** The form written now. */
export const SNAPSHOT_VERSION = 1;

/** The first record. The counts say how many records of each kind follow. */
export interface HeadRecord {
  readonly version: typeof SNAPSHOT_VERSION;
  readonly genesis: Genesis;
  readonly head: BlockRef | null;
  readonly moment: Moment;
  readonly halted: { readonly round: Round; readonly block: number } | null;
  readonly completedRound: Round;
  readonly arrivals: number;
  readonly trades: number;
  readonly disputes: readonly DisputeView[];
  readonly undecided: readonly { readonly client: Address; readonly token: Address }[];
  readonly tokens: number;
  readonly clients: number;
  readonly tradingKeys: number;
}

export interface TokenRecord {
  readonly address: Address;
  readonly listedRound: Round;
  readonly expected: Amount;
  readonly committedRound: Round | null;
  readonly changed: readonly number[];
  readonly flows: readonly {
    readonly round: Round;
    readonly deposits: Amount;
    readonly requested: Amount;
  }[];
  /** Ascending by round; each with the balances that differ from the round before. */
  readonly frozen: readonly {
    readonly round: Round;
    readonly leafCount: number;
    readonly balances: readonly { readonly index: number; readonly balance: Amount }[];
  }[];
}

export interface OrderRow {
  readonly order: Order;
  readonly signature: Signature;
  readonly arrival: number;
  readonly filledLots: bigint;
  readonly sold: Amount;
  readonly bought: Amount;
  readonly sequence: number;
  readonly state: OrderState;
}

export interface ClientRecord {
  readonly address: Address;
  readonly balances: readonly {
    readonly token: Address;
    readonly total: Amount;
    readonly locked: Amount;
  }[];
  readonly withdrawals: readonly WithdrawalView[];
  readonly rounds: readonly {
    readonly round: Round;
    readonly orders: readonly OrderRow[];
    readonly flows: readonly {
      readonly token: Address;
      readonly deposits: Amount;
      readonly requested: Amount;
    }[];
  }[];
}

/** One account's trading keys. */
export interface TradingKeysRecord {
  readonly account: Address;
  readonly keys: readonly KeyChange[];
}

const momentCodec: Codec<Moment> = object({
  block: count,
  round: count,
  quarter: oneOf(0, 1, 2, 3),
});

const disputeCodec: Codec<DisputeView> = object({
  client: address,
  round: count,
  opener: address,
  openedBlock: count,
  deadlineBlock: count,
  openingsPresented: bool,
  mustProveOpenings: bool,
  presented: count,
});

const withdrawalCodec: Codec<WithdrawalView> = object({
  client: address,
  token: address,
  recipient: address,
  round: count,
  amount: uint128,
  opening: uint128,
  block: count,
  state: oneOf("seen", "debited", "refused"),
});

const orderRowCodec: Codec<OrderRow> = object({
  order: orderCodec,
  signature: signatureCodec,
  arrival: count,
  filledLots: uint128,
  sold: uint128,
  bought: uint128,
  sequence: count,
  state: oneOf("queued", "open", "filled", "cancelled", "expired", "refused"),
});

export const headCodec: Codec<HeadRecord> = object<HeadRecord>({
  version: oneOf(SNAPSHOT_VERSION),
  genesis: genesisCodec,
  head: optional(blockRefCodec),
  moment: momentCodec,
  halted: optional(object({ round: count, block: count })),
  completedRound: count,
  arrivals: count,
  trades: count,
  disputes: list(disputeCodec),
  undecided: list(object({ client: address, token: address })),
  tokens: count,
  clients: count,
  tradingKeys: count,
});

export const tokenCodec: Codec<TokenRecord> = object<TokenRecord>({
  address,
  listedRound: count,
  expected: uint128,
  committedRound: optional(count),
  changed: list(count),
  flows: list(object({ round: count, deposits: uint128, requested: uint128 })),
  frozen: list(
    object({
      round: count,
      leafCount: count,
      balances: list(object({ index: count, balance: uint128 })),
    }),
  ),
});

export const clientCodec: Codec<ClientRecord> = object<ClientRecord>({
  address,
  balances: list(object({ token: address, total: uint128, locked: uint128 })),
  withdrawals: list(withdrawalCodec),
  rounds: list(
    object({
      round: count,
      orders: list(orderRowCodec),
      flows: list(object({ token: address, deposits: uint128, requested: uint128 })),
    }),
  ),
});

export const tradingKeysCodec: Codec<TradingKeysRecord> = object<TradingKeysRecord>({
  account: address,
  keys: list(object({ fromRound: count, key: address })),
});
