/** Receipts of transactions, also where an endpoint leaves fields out. */
import { parseTransaction, TransactionReceiptNotFoundError } from "viem";
import type { Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { causeOf } from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { Mined } from "./call.ts";

/** A transaction in a block. */
export interface Receipt {
  readonly isSuccess: boolean;
  readonly block: BlockNumber;
  readonly blockHash: Hex;
  readonly gasUsed: bigint;
  /** Wei. */
  readonly cost: bigint;
}

/**
 * Undefined while the first endpoint that answers knows of no block with the transaction. A receipt
 * without a status is no answer, and the next endpoint is asked. Where gas or price are left out,
 * the transaction's own limits stand for them: `cost` is then the most that it can have been.
 * `raw`: the signed transaction.
 */
export async function readReceipt(
  client: ChainClient,
  hash: Hex,
  raw: Hex | undefined,
): Promise<Receipt | undefined> {
  for (const endpoint of client.transport.endpoints()) {
    try {
      const receipt = parseReceipt(await endpoint.client.getTransactionReceipt({ hash }), raw);
      if (receipt !== undefined) return receipt;
    } catch (error) {
      if (isNotFound(error)) return undefined;
    }
  }
  return undefined;
}

/** The caller's view of a transaction that succeeded. */
export function minedAs(transactionHash: Hex, { block, gasUsed, cost }: Receipt): Mined {
  return { transactionHash, block, gasUsed, cost };
}

function isNotFound(error: unknown): boolean {
  const isThis = (cause: unknown) => cause instanceof TransactionReceiptNotFoundError;
  return causeOf(error, isThis) !== undefined;
}

/** Fields that endpoints leave out are null, whatever the library's types say. */
interface Answered {
  readonly status?: unknown;
  readonly blockNumber?: unknown;
  readonly blockHash?: unknown;
  readonly gasUsed?: unknown;
  readonly effectiveGasPrice?: unknown;
}

function parseReceipt(answer: Answered, raw: Hex | undefined): Receipt | undefined {
  const { status, blockNumber, blockHash, gasUsed, effectiveGasPrice } = answer;
  if (status !== "success" && status !== "reverted") return undefined;
  if (typeof blockNumber !== "bigint" || typeof blockHash !== "string") return undefined;
  const signed = raw === undefined ? undefined : parseTransaction(raw as `0x02${string}`);
  const gas = typeof gasUsed === "bigint" ? gasUsed : (signed?.gas ?? 0n);
  const price =
    typeof effectiveGasPrice === "bigint" ? effectiveGasPrice : (signed?.maxFeePerGas ?? 0n);
  return {
    isSuccess: status === "success",
    block: Number(blockNumber),
    blockHash: blockHash as Hex,
    gasUsed: gas,
    cost: gas * price,
  };
}
