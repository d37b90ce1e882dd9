/** Blocks, and what is in them. */
import type { Address, Hex } from "../../src/base/hex.ts";
import type { RawLog } from "./mediatorAbi.ts";
import type { MediatorState } from "./mediatorState.ts";
import type { Revert } from "./terms.ts";

/** The fields of a header as nodes give them, but for its hash. */
export type HeaderFields = Readonly<Record<string, Hex>>;

export interface Transaction {
  readonly hash: Hex;
  readonly from: Address;
  readonly data: Hex;
  /** Of the operator only: clients' transactions are mined as they come. */
  readonly nonce?: number;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  /** First block that may hold it. */
  notBefore: number;
}

export interface MinedTransaction {
  readonly transaction: Transaction;
  readonly refusal: Revert | undefined;
}

export interface PlacedLog extends RawLog {
  readonly logIndex: number;
  readonly transactionHash: Hex;
}

export interface Block {
  readonly number: number;
  readonly hash: Hex;
  /** Chance: the hash itself where headers prove nothing, and the root of the state elsewhere. */
  readonly word: Hex;
  readonly header: HeaderFields;
  readonly parent: Block | undefined;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly baseFee: bigint;
  readonly mined: readonly MinedTransaction[];
  readonly logs: readonly PlacedLog[];
  readonly state: MediatorState;
  /** The next nonce of each operator that has sent anything. */
  readonly nonces: ReadonlyMap<Address, number>;
}
