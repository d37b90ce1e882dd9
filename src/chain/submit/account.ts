/** Reads of the chain around sending: the key's account, and what blocks cost. */
import type { Address } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { ask, askEach, type ChainClient } from "../rpc/rpc.ts";
import type { MarketAt } from "./fees.ts";

/** The account before a transaction is sent. */
export interface Start {
  /** The next nonce by the newest block. */
  readonly nonce: number;
  /** The next nonce behind all that a node can mine. */
  readonly pendingNonce: number;
  /** Wei. */
  readonly balance: bigint;
}

/** Throws `RpcUnavailable`. */
export async function readStart(client: ChainClient, address: Address): Promise<Start> {
  const [nonce, pendingNonce, balance] = await ask("a nonce", () =>
    Promise.all([
      client.getTransactionCount({ address, blockTag: "latest" }),
      client.getTransactionCount({ address, blockTag: "pending" }),
      client.getBalance({ address }),
    ]),
  );
  return { nonce, pendingNonce, balance };
}

/** The account as of one poll, while transactions are pending. */
export interface AccountView {
  /** The newest block. */
  readonly head: BlockNumber;
  /** Wei for a unit of gas. */
  readonly baseFee: bigint;
  /** The key's next nonce. */
  readonly nonce: number;
}

/** Throws `RpcUnavailable`. */
export async function readAccount(client: ChainClient, address: Address): Promise<AccountView> {
  const nonce = await ask("a nonce", () =>
    client.getTransactionCount({ address, blockTag: "latest" }),
  );
  const block = await ask("its head", () => client.getBlock({ blockTag: "latest" }));
  return { head: Number(block.number), baseFee: block.baseFeePerGas ?? 0n, nonce };
}

/** Blocks over which the trend of base fees is taken. */
const TREND_BLOCKS = 8;

/**
 * The priority fee by each endpoint: a fee that one of them inflates would be paid. Throws
 * `RpcUnavailable`.
 */
export async function readMarket(client: ChainClient): Promise<MarketAt> {
  const [block, words] = await Promise.all([
    ask("fees", () => client.getBlock({ blockTag: "latest" })),
    // Some nodes do not support the question; our own minimum is below the answer anyway.
    askEach(client, "a priority fee", (one) => one.estimateMaxPriorityFeePerGas()).catch(() => []),
  ]);
  const head = Number(block.number);
  const earlier = Math.max(0, head - TREND_BLOCKS);
  const old = await ask("fees", () => client.getBlock({ blockNumber: BigInt(earlier) }));
  const baseFee = block.baseFeePerGas ?? 0n;
  const earlierBaseFee = old.baseFeePerGas ?? baseFee;
  const [priorityFee, urgentPriorityFee] = boundsOf(words.map(({ answer }) => answer));
  const span = head - earlier;
  return { head, earlier, baseFee, earlierBaseFee, span, priorityFee, urgentPriorityFee };
}

/** The lowest and the highest; 0 where there are none. */
function boundsOf(fees: readonly bigint[]): readonly [bigint, bigint] {
  const sorted = [...fees].sort((a, b) => (a < b ? -1 : 1));
  return [sorted[0] ?? 0n, sorted.at(-1) ?? 0n];
}
