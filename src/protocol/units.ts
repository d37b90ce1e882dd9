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

/** The figures fixed when the Mediator was deployed. */
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

/** What a client signs to trade (docs/protocol.md section 5). Amounts are net: fees included. */
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

/** What a statement covers: the client's orders of `round` below the watermark, less `except`. */
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

/** One step of a proof: the hash and the sum of the neighbouring subtree. */
export interface Sibling {
  readonly hash: Hex;
  readonly sum: Amount;
}

/** That an account's balance is leaf `index` of a committed tree (docs/protocol.md section 3). */
export interface BalanceProof {
  readonly balance: Amount;
  readonly index: number;
  readonly leafCount: number;
  readonly siblings: readonly Sibling[];
}

/** What `commit` publishes of one token's tree. */
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

/** What an operator signs to attest another's commit (docs/protocol.md section 4). */
export interface Commit {
  readonly round: Round;
  /** See `rootsHash` in messages.ts. */
  readonly rootsHash: Hex;
}

/** A client's permission for a watchtower to open disputes for it (docs/protocol.md section 6). */
export interface DisputeDelegation {
  readonly client: Address;
  readonly delegate: Address;
  /** Last round in which the delegate may open a dispute. */
  readonly untilRound: Round;
}

/** What an owner signs to take an order out of the book. Never seen by the contract. */
export interface CancelOrder {
  readonly owner: Address;
  readonly round: Round;
  readonly id: bigint;
}

/** What a client signs to read its own affairs from an operator. Never seen by the contract. */
export interface Session {
  readonly client: Address;
  /** Last block at which it authorises reads. */
  readonly validUntil: BlockNumber;
}

/** Who wants to be approved by a manager. */
export interface OperatorApplication {
  readonly operator: Address;
  readonly name: string;
  /** Where clients will reach it. */
  readonly endpoint: string;
  /** When it was signed: seconds since 1970. */
  readonly date: number;
}

/** What an endpoint signs to show that it holds an operator's key. */
export interface OperatorIdentity {
  readonly operator: Address;
  /** Its own, as it knows it: whoever passes a challenge on shows another's. */
  readonly endpoint: string;
  /** 32 bytes of whoever asks. */
  readonly challenge: Hex;
}
