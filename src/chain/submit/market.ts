/** What blocks cost now, read from the chain. */
import type { BlockNumber } from "../../protocol/units.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import type { FeeMarket } from "./fees.ts";

/** The fees of blocks, and the block as of which they hold. */
export interface MarketAt extends FeeMarket {
  readonly head: BlockNumber;
  /** Block of `earlierBaseFee`. */
  readonly earlier: BlockNumber;
}

/** Blocks over which the trend of base fees is taken. */
const TREND_BLOCKS = 8;

/** Throws `RpcUnavailable`. */
export async function readMarket(client: ChainClient): Promise<MarketAt> {
  const [block, priorityFee] = await ask("fees", () =>
    Promise.all([
      client.getBlock({ blockTag: "latest" }),
      // Not every node has an opinion; ours is a floor below it anyway.
      client.estimateMaxPriorityFeePerGas().catch(() => 0n),
    ]),
  );
  const head = Number(block.number);
  const earlier = Math.max(0, head - TREND_BLOCKS);
  const old = await ask("fees", () => client.getBlock({ blockNumber: BigInt(earlier) }));
  const baseFee = block.baseFeePerGas ?? 0n;
  const earlierBaseFee = old.baseFeePerGas ?? baseFee;
  return { head, earlier, baseFee, earlierBaseFee, span: head - earlier, priorityFee };
}
