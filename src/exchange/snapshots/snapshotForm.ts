/** How the records of a snapshot are written. */
import type { Address } from "../../base/hex.ts";
import type { OrderTerms } from "../../protocol/trading/terms.ts";
import type {
  Amount,
  BlockRef,
  CountersignedStatement,
  Cover,
  Moment,
  Order,
  Round,
  Signature,
  SignedStatement,
} from "../../protocol/units.ts";
import {
  address,
  bool,
  type Codec,
  count,
  type Json,
  list,
  object,
  oneOf,
  optional,
  uint64,
  uint128,
} from "../form/codec.ts";
import type { SignatureWords } from "../form/signatureBytes.ts";
import {
  blockRefCodec,
  countersignedCodec,
  type Genesis,
  genesisCodec,
  orderCodec,
  signatureCodec,
  statementCodec,
  termsCodec,
} from "../model/entries.ts";
import type { EndReason } from "../model/outcome.ts";
import type {
  CancelledAll,
  Client,
  DeadMan,
  KeyChange,
  OrderName,
  Presented,
  RefusalEvidence,
} from "../model/state.ts";
import type {
  DisputeView,
  OrderState,
  WithdrawalState,
  WithdrawalView,
} from "../model/viewTypes.ts";

/**
 * The form written now. Version 1 has no times, terms or reasons, and version 2 no statements;
 * version 3 has all as JSON, and version 4 the orders as bytes (see clientBytes.ts). Where a
 * snapshot of an older form is the newest, a start reads that.
 */
export const SNAPSHOT_VERSION = 4;
export type SnapshotVersion = 1 | 2 | 3 | 4;

/** The first record. The counts say how many records of each kind follow. */
export interface HeadRecord {
  readonly version: SnapshotVersion;
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
  readonly timeMs?: number;
  readonly presented?: readonly Presented[];
}

/** A request with what proves it overdrawn; null: nothing does, or an older version decided it. */
export interface WithdrawalRow extends WithdrawalView {
  readonly evidence?: RefusalEvidence | null;
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
  readonly placedMs?: number;
  /** Null: the default ones, as of most orders. */
  readonly terms?: OrderTerms | null;
  readonly reason?: EndReason | null;
}

/** The same with its signature as an order's record keeps it. */
export type KeptRow = Omit<OrderRow, "signature"> & {
  readonly signature: OrderRow["signature"] | SignatureWords;
};

export interface ClientRecord<Row = OrderRow> {
  readonly address: Address;
  readonly balances: readonly {
    readonly token: Address;
    readonly total: Amount;
    readonly locked: Amount;
  }[];
  readonly withdrawals: readonly WithdrawalRow[];
  readonly lastNonce?: bigint;
  readonly cancelledAll?: CancelledAll | null;
  readonly placed?: Client["placed"];
  readonly deadMan?: DeadMan | null;
  readonly rounds: readonly {
    readonly round: Round;
    readonly orders: readonly Row[];
    readonly statement?: CountersignedStatement | null;
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

type Codecs<T> = { readonly [V in SnapshotVersion]: Codec<T> };

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

const withdrawalFields = {
  client: address,
  token: address,
  recipient: address,
  round: count,
  amount: uint128,
  opening: uint128,
  block: count,
  state: oneOf<WithdrawalState>("seen", "debited", "refused"),
};

const orderNameCodec = object<OrderName>({ round: count, id: uint64 });

const evidenceCodec = object<RefusalEvidence>({
  statements: list(
    object<SignedStatement>({ statement: statementCodec, signature: signatureCodec }),
  ),
  orders: list(orderNameCodec),
});

const presentedCodec = object<Presented>({
  client: address,
  token: address,
  round: count,
  covers: list(object<Cover>({ round: count, watermark: uint64, except: list(uint64) })),
});

/** Never change the places, add at the end: snapshots hold them. So it is with the reasons. */
export const ORDER_STATES: readonly OrderState[] = [
  "queued",
  "open",
  "filled",
  "cancelled",
  "expired",
  "refused",
];

const orderRowFields = {
  order: orderCodec,
  signature: signatureCodec,
  arrival: count,
  filledLots: uint128,
  sold: uint128,
  bought: uint128,
  sequence: count,
  state: oneOf<OrderState>(...ORDER_STATES),
} as const;

export const END_REASONS: readonly EndReason[] = [
  "owner",
  "selfTrade",
  "tradingKey",
  "ioc",
  "replaced",
  "cancelAll",
  "deadMan",
  "goodTillBlock",
  "roundEnded",
  "insufficientFunds",
  "wouldTake",
  "notFilled",
];

const headFields = {
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
} as const;

const fullHead = (version: 3 | 4) =>
  object<HeadRecord>({
    version: oneOf<SnapshotVersion>(version),
    ...headFields,
    timeMs: count,
    presented: list(presentedCodec),
  });

const headCodecs: Codecs<HeadRecord> = {
  1: object<Omit<HeadRecord, "timeMs" | "presented">>({
    version: oneOf<SnapshotVersion>(1),
    ...headFields,
  }),
  2: object<Omit<HeadRecord, "presented">>({
    version: oneOf<SnapshotVersion>(2),
    ...headFields,
    timeMs: count,
  }),
  3: fullHead(3),
  4: fullHead(4),
};

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

const clientFields = {
  address,
  balances: list(object({ token: address, total: uint128, locked: uint128 })),
};

const flowsCodec = list(object({ token: address, deposits: uint128, requested: uint128 }));

type RoundRecord = ClientRecord["rounds"][number];

const roundsCodec = (orderRow: Codec<OrderRow>) =>
  list(
    object<Omit<RoundRecord, "statement">>({
      round: count,
      orders: list(orderRow),
      flows: flowsCodec,
    }),
  );

const commandFields = {
  lastNonce: uint64,
  cancelledAll: optional(object<CancelledAll>({ nonce: uint64, orders: list(orderNameCodec) })),
  placed: object<Client["placed"]>({ block: count, count }),
  deadMan: optional(object<DeadMan>({ block: count, graceBlocks: count })),
};

const termedRow = object<OrderRow>({
  ...orderRowFields,
  placedMs: count,
  terms: optional(termsCodec),
  reason: optional(oneOf(...END_REASONS)),
});

const plainWithdrawals = list(object<WithdrawalView>(withdrawalFields));

const fullClient: Codec<ClientRecord> = object<ClientRecord>({
  ...clientFields,
  withdrawals: list(
    object<WithdrawalRow>({ ...withdrawalFields, evidence: optional(evidenceCodec) }),
  ),
  ...commandFields,
  rounds: list(
    object<RoundRecord>({
      round: count,
      orders: list(termedRow),
      statement: optional(countersignedCodec),
      flows: flowsCodec,
    }),
  ),
});

const clientCodecs: Codecs<ClientRecord> = {
  1: object<Omit<ClientRecord, "lastNonce" | "cancelledAll" | "placed" | "deadMan">>({
    ...clientFields,
    withdrawals: plainWithdrawals,
    rounds: roundsCodec(object<Omit<OrderRow, "placedMs" | "terms" | "reason">>(orderRowFields)),
  }),
  2: object<ClientRecord>({
    ...clientFields,
    withdrawals: plainWithdrawals,
    ...commandFields,
    rounds: roundsCodec(termedRow),
  }),
  3: fullClient,
  // Of a client without its orders.
  4: fullClient,
};

export const tradingKeysCodec: Codec<TradingKeysRecord> = object<TradingKeysRecord>({
  account: address,
  keys: list(object({ fromRound: count, key: address })),
});

/** The codec of the head, by the version that it says itself. */
export const headCodec: Codec<HeadRecord> = {
  write: (head) => headCodecs[head.version].write(head),
  read(json, field) {
    const version = (json as { readonly version?: Json } | null)?.version ?? null;
    return headCodecs[versionCodec.read(version, `${field}.version`)].read(json, field);
  },
};

const versionCodec = oneOf<SnapshotVersion>(1, 2, 3, 4);

export function clientCodecOf(version: SnapshotVersion): Codec<ClientRecord> {
  return clientCodecs[version];
}
