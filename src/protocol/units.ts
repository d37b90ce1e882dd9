/**
 * The words of the protocol as types. Time is counted in blocks, money in base units of a token.
 *
 * Times are plain numbers (every block number that a chain will reach in our lifetime is a safe
 * integer); money and order ids are bigints, because uint128 and uint64 are not.
 */
import type { Address, Hex } from "../base/hex.ts";

/** A block number of the chain. */
export type BlockNumber = number;
/** A round, counted from 0 at the Mediator's deployment (docs/protocol.md section 1). */
export type Round = number;
/** A quarter of a round. */
export type Quarter = 0 | 1 | 2 | 3;
/** A sum of money in base units of its token: 0 .. 2^128 - 1. */
export type Amount = bigint;

/** Where a block stands in the exchange's own time (docs/protocol.md section 1). */
export interface Moment {
  readonly block: BlockNumber;
  readonly round: Round;
  readonly quarter: Quarter;
}

/** The constants fixed when the Mediator was deployed. */
export interface Schedule {
  readonly genesisBlock: BlockNumber;
  /** Blocks in a round: a multiple of 4, at least 8. */
  readonly roundSize: number;
}

/** The EIP-712 domain of one exchange: messages signed for one instance mean nothing to another. */
export interface Domain {
  readonly chainId: number;
  readonly mediator: Address;
}

/** buyAll stops when `buyAmount` is bought, sellAll when `sellAmount` is sold. */
export type Intent = "buyAll" | "sellAll";

/** An order as its client signs it (docs/protocol.md section 5). Amounts are net: fees included. */
export interface Order {
  readonly owner: Address;
  readonly round: Round;
  /** uint64, unique per owner and round; the client chooses it. */
  readonly id: bigint;
  readonly sellToken: Address;
  readonly sellAmount: Amount;
  readonly buyToken: Address;
  readonly buyAmount: Amount;
  readonly intent: Intent;
}

/**
 * A compact ECDSA signature (EIP-2098). With an empty path it signs the message itself; otherwise
 * it signs the Merkle root of a batch, and `path` leads from the message to that root.
 */
export interface Signature {
  readonly r: Hex;
  readonly vs: Hex;
  readonly path: readonly Hex[];
}

export interface SignedOrder {
  readonly order: Order;
  readonly signature: Signature;
}

/** Cumulative executions of one order, as an operator signs them (docs/protocol.md section 5). */
export interface Fill {
  /** EIP-712 struct hash of the order (without the domain). */
  readonly orderHash: Hex;
  readonly owner: Address;
  readonly round: Round;
  readonly sold: Amount;
  readonly bought: Amount;
  /** uint64; a later one supersedes an earlier one. */
  readonly sequence: bigint;
}

export interface SignedFill {
  readonly fill: Fill;
  readonly signature: Signature;
}

/** One client's balance of the token, in base units. */
export interface Leaf {
  readonly client: Address;
  readonly balance: Amount;
}

/** Orders that a statement covers: the client's of `round` below the watermark, less `except`. */
export interface Cover {
  readonly round: Round;
  /** uint64, above 0. */
  readonly watermark: bigint;
  /** Ids below the watermark, ascending, at most `MAX_STATEMENT_EXCEPT`. */
  readonly except: readonly bigint[];
}

/**
 * A sum of closed orders, signed by the client and by an operator (docs/protocol.md section 10):
 * what they sold and bought together, base units, by token. Tokens ascend as addresses do.
 */
export interface Statement extends Cover {
  readonly client: Address;
  readonly tokens: readonly Address[];
  readonly sold: readonly Amount[];
  readonly bought: readonly Amount[];
}

export interface SignedStatement {
  readonly statement: Statement;
  readonly signature: Signature;
}

/** A statement that an operator signed too: what a client presents. */
export interface CountersignedStatement extends SignedStatement {
  readonly countersignature: Signature;
}

/** One step of a proof: the hash and the sum of the neighbouring subtree. */
export interface Sibling {
  readonly hash: Hex;
  readonly sum: Amount;
}

/**
 * A proof that an account's balance is leaf `index` of a committed tree (docs/protocol.md section
 * 3).
 */
export interface BalanceProof {
  readonly balance: Amount;
  readonly index: number;
  readonly leafCount: number;
  readonly siblings: readonly Sibling[];
}

/** The facts that `commit` publishes of one token's tree. */
export interface TreeRoot {
  /** Hash of the top node; 32 zero bytes for a tree without leaves. */
  readonly node: Hex;
  readonly total: Amount;
  readonly leafCount: number;
}

/** One token's tree as `commit` takes it. */
export interface TokenRoot extends TreeRoot {
  readonly token: Address;
}

/** An attestation of another operator's commit, as it is signed (docs/protocol.md section 4). */
export interface Commit {
  readonly round: Round;
  /** See `rootsHash` in messages.ts. */
  readonly rootsHash: Hex;
}

/** A delivery of a client to a watchtower: bound to that tower, and no order to do anything. */
export interface EvidenceDelivery {
  readonly client: Address;
  readonly tower: Address;
  readonly contentHash: Hex;
}

/** A client's permission for a watchtower to open disputes for it (docs/protocol.md section 6). */
export interface DisputeDelegation {
  readonly client: Address;
  readonly delegate: Address;
  /** Last round in which the delegate may open a dispute. */
  readonly untilRound: Round;
}

/** An owner's signed request to take an order out of the book. Never seen by the contract. */
export interface CancelOrder {
  readonly owner: Address;
  readonly round: Round;
  readonly id: bigint;
}

/**
 * The message of an owner that cancels all its orders of `round`, and those that wait for the next.
 * Never seen by the contract. Its `nonce` (uint64) is above that of every `CancelAll` and
 * `CancelAfter` of the owner before it, so that none can be sent again later by somebody else.
 */
export interface CancelAll {
  readonly owner: Address;
  /** The current one. */
  readonly round: Round;
  readonly nonce: bigint;
}

/**
 * The message of an owner that sets its dead-man switch. Never seen by the contract. Once the
 * exchange's clock is past `block` all orders of the owner are cancelled; 0: the switch is off.
 */
export interface CancelAfter extends CancelAll {
  readonly block: BlockNumber;
  /** The switch moves to so many blocks ahead as long as the owner is connected; 0: it does not. */
  readonly graceBlocks: number;
}

/** The message of a client that reads its own affairs. Never seen by the contract. */
export interface Session {
  readonly client: Address;
  /** Last block at which it authorises reads. */
  readonly validUntil: BlockNumber;
}

/** An operator's signed application for approval by a manager. */
export interface OperatorApplication {
  readonly operator: Address;
  readonly name: string;
  /** Where clients will reach it. */
  readonly endpoint: string;
  /** When it was signed: seconds since 1970. */
  readonly date: number;
}

/** The message by which an endpoint shows that it holds an operator's key. */
export interface OperatorIdentity {
  readonly operator: Address;
  /**
   * The operator's own endpoint; a relay of somebody else's signature would show a different one.
   */
  readonly endpoint: string;
  /** 32 random bytes that the asking side chose. */
  readonly challenge: Hex;
}

/** A block of the chain. */
export interface BlockRef {
  readonly number: BlockNumber;
  readonly hash: Hex;
}
