/** The receipts of one block, and the Mediator's logs in them. */
import { formatLog, type Log } from "viem";
import type { Address, Hex } from "../../base/hex.ts";
import type { AnyChainClient } from "../chainClient.ts";
import type { GivenReceipt } from "../proofs/receiptsRoot.ts";
import { isOverwhelmed, isRefusal, RpcUnavailable } from "../rpc/errors.ts";
import type { FullHeader } from "./headers.ts";
import { LogsRefused, MOST_READING_MS, soundLogs } from "./soundLogs.ts";

/** Receipts that are asked for at once where a node does not give all of a block. */
const RECEIPTS_AT_ONCE = 16;

export interface RawReceipt extends GivenReceipt {
  readonly blockHash?: Hex;
  readonly logs?: readonly Parameters<typeof formatLog>[0][];
}

/** In the order of the transactions; null: the endpoint does not know one. */
export type Receipts = readonly (RawReceipt | null)[];

interface Source {
  readonly client: AnyChainClient;
  readonly mediator: Address;
}

/**
 * The Mediator's logs in the receipts of all transactions of a block. Throws `LogsRefused` where the
 * endpoint lacks some of these, and what reading throws.
 */
export async function receiptLogs(source: Source, header: FullHeader): Promise<Log[]> {
  return logsIn(await allReceipts(source.client, header), source, header);
}

/** At once, or one by one. */
export async function allReceipts(client: AnyChainClient, header: FullHeader): Promise<Receipts> {
  const found = await blockReceipts(client, header.hash);
  return typeof found === "string" ? eachReceipt(client, header) : found;
}

/**
 * The same of a block of which nothing says that they are worth so many questions: undefined where
 * the endpoint refuses to give all at once. Throws where it gives no answer: that says nothing.
 */
export async function receiptsIfAtOnce(
  client: AnyChainClient,
  header: FullHeader,
): Promise<Receipts | undefined> {
  const found = await blockReceipts(client, header.hash);
  if (found === "refused") return undefined;
  return found === "tooMany" ? eachReceipt(client, header) : found;
}

/** Throws `LogsRefused` where these are not the receipts of all transactions of the block. */
export async function logsIn(
  receipts: Receipts,
  { mediator }: Pick<Source, "mediator">,
  { number, hash, transactions }: FullHeader,
): Promise<Log[]> {
  const isOfBlock = (one: RawReceipt | null) =>
    one?.blockHash?.toLowerCase() === hash.toLowerCase();
  if (receipts.length !== transactions.length || !receipts.every(isOfBlock)) {
    const figures = `${receipts.length} receipts for ${transactions.length} transactions`;
    throw new LogsRefused(`of block ${number} it has ${figures}.`);
  }
  const ours = receipts
    .flatMap((receipt) => receipt?.logs ?? [])
    .filter((log) => log.address?.toLowerCase() === mediator.toLowerCase())
    .map((log) => formatLog(log) as Log);
  return soundLogs(ours, { mediator, from: number, to: number, blockHash: hash });
}

async function blockReceipts(
  client: AnyChainClient,
  hash: Hex,
): Promise<Receipts | "refused" | "tooMany"> {
  const call = { method: "eth_getBlockReceipts", params: [hash] };
  try {
    const receipts = (await client.request(call as never)) as unknown;
    return Array.isArray(receipts) ? receipts : "refused";
  } catch (error) {
    if (isRefusal(error)) return "refused";
    // Of a block that somebody filled with logs they may be too many at once.
    if (isOverwhelmed(error)) return "tooMany";
    throw error;
  }
}

async function eachReceipt(
  client: AnyChainClient,
  { number, transactions }: FullHeader,
): Promise<Receipts> {
  const found: (RawReceipt | null)[] = [];
  const began = performance.now();
  for (let i = 0; i < transactions.length; i += RECEIPTS_AT_ONCE) {
    if (performance.now() - began > MOST_READING_MS) {
      throw new RpcUnavailable(`with the receipts of block ${number} in time`, undefined);
    }
    const part = transactions.slice(i, i + RECEIPTS_AT_ONCE).map(async (hash) => {
      const call = { method: "eth_getTransactionReceipt", params: [hash] };
      return (await client.request(call as never)) as RawReceipt | null;
    });
    found.push(...(await Promise.all(part)));
  }
  return found;
}
