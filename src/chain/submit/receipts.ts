/** Receipts of transactions, also where an endpoint leaves fields out. */
import { parseTransaction, TransactionReceiptNotFoundError } from "viem";
import type { Hex } from "../../base/hex.ts";
import { within } from "../../base/within.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { type Endpoint, SECOND_WORD_MS } from "../rpc/endpoint.ts";
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

/** The most that a transaction may use and pay; legacy ones name a price alone. */
interface Limits {
  readonly gas?: unknown;
  readonly maxFeePerGas?: unknown;
  readonly gasPrice?: unknown;
}

/** A transaction as it was signed, or its limits; undefined: not known. */
type Sent = Hex | Limits | undefined;

/**
 * Undefined while the first endpoint that answers knows of no block with the transaction; with
 * `isUsed`, which says that its nonce is, while none does. A receipt without a status is no answer,
 * and the next endpoint is asked. Where gas or price are left out, the transaction's own limits
 * stand for them: `cost` is then the most that it can have been.
 */
export async function readReceipt(
  client: ChainClient,
  hash: Hex,
  sent: Sent,
  isUsed = false,
): Promise<Receipt | undefined> {
  const all = client.transport.endpoints();
  let isAnswered = false;
  for (const endpoint of all) {
    // An endpoint that fails is waited for only where no other has answered.
    if (isAnswered && endpoint.isFailing) continue;
    const receipt = await receiptOf(endpoint, hash, sent);
    if (receipt === "none" && !isUsed) return undefined;
    if (receipt === "none") isAnswered = true;
    if (receipt === "none" || receipt === undefined) continue;
    if (receipt.isSuccess) return receipt;
    const others = all.filter((one) => one !== endpoint && !one.isFailing);
    return confirmed(receipt, others, hash, sent);
  }
  return undefined;
}

/**
 * A transaction that was reverted is sent again, and would be done twice where it was not: so
 * another endpoint must know it, if any answers that has a block as late.
 */
async function confirmed(
  reverted: Receipt,
  others: readonly Endpoint[],
  hash: Hex,
  sent: Sent,
): Promise<Receipt | undefined> {
  const answers = await Promise.all(
    others.map((one) => within(SECOND_WORD_MS, receiptBy(one, reverted.block, hash, sent))),
  );
  const known = answers.filter((one) => one !== undefined && one !== "none");
  if (known.length > 0) return known.find(({ isSuccess }) => isSuccess) ?? reverted;
  return answers.includes("none") ? undefined : reverted;
}

/** As `receiptOf`; undefined too where the endpoint has nothing, and not yet the block. */
async function receiptBy(
  endpoint: Endpoint,
  block: BlockNumber,
  hash: Hex,
  sent: Sent,
): Promise<Receipt | "none" | undefined> {
  const receipt = await receiptOf(endpoint, hash, sent);
  if (receipt !== "none") return receipt;
  const head = await endpoint.client.getBlockNumber().catch(() => 0n);
  return Number(head) < block ? undefined : "none";
}

/** Undefined: no answer. */
async function receiptOf(
  { client }: Endpoint,
  hash: Hex,
  sent: Sent,
): Promise<Receipt | "none" | undefined> {
  try {
    return parseReceipt(await client.getTransactionReceipt({ hash }), sent);
  } catch (error) {
    return isNotFound(error) ? "none" : undefined;
  }
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

function parseReceipt(answer: Answered, sent: Sent): Receipt | undefined {
  const { status, blockNumber, blockHash } = answer;
  if (status !== "success" && status !== "reverted") return undefined;
  if (typeof blockNumber !== "bigint" || typeof blockHash !== "string") return undefined;
  return {
    isSuccess: status === "success",
    block: Number(blockNumber),
    blockHash: blockHash as Hex,
    ...spentBy(answer, typeof sent === "string" ? parseTransaction(sent as `0x02${string}`) : sent),
  };
}

/**
 * Gas and cost by a receipt. Where it leaves them out, the `limits` stand for them, which are those
 * of its transaction.
 */
export function spentBy(receipt: Answered, limits: Limits = {}): Pick<Mined, "gasUsed" | "cost"> {
  const gasUsed = firstNumber(receipt.gasUsed, limits.gas);
  const { maxFeePerGas, gasPrice } = limits;
  return {
    gasUsed,
    cost: gasUsed * firstNumber(receipt.effectiveGasPrice, maxFeePerGas, gasPrice),
  };
}

/** 0 where none is given. */
function firstNumber(...given: readonly unknown[]): bigint {
  return given.find((one) => typeof one === "bigint") ?? 0n;
}
