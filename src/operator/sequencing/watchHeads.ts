import { setTimeout as sleep } from "node:timers/promises";
import { Survey } from "../../chain/follow/survey.ts";
import { RpcUnavailable } from "../../chain/rpc/errors.ts";
import { ask } from "../../chain/rpc/rpc.ts";
import type { ChainOptions } from "./lead.ts";

/**
 * Tells of the newest block while `isNeeded`: who does not lead follows the journal and not the
 * chain, but has duties too. An endpoint that stands still is passed over for one that does not.
 * Resolves when `signal` is aborted; throws `RpcUnavailable` after `maxTries` failed polls in a row.
 */
export async function watchHeads(
  isNeeded: () => boolean,
  signal: AbortSignal,
  { config, log, client, onChain, onFailedPoll }: ChainOptions,
): Promise<void> {
  let tries = 0;
  let last = -1;
  const survey = new Survey({ client, confirmations: config.confirmations });
  while (!signal.aborted) {
    try {
      if (isNeeded()) {
        await survey.poll(last);
        const block = await ask("its head", () => client.getBlock({ blockTag: "latest" }));
        const { timestamp, baseFeePerGas } = block;
        const number = Number(block.number);
        const baseFee = baseFeePerGas ?? 0n;
        if (isNeeded() && number !== last) {
          onChain({ kind: "head", number, timestamp: Number(timestamp), baseFee });
        }
        last = number;
      }
      tries = 0;
    } catch (problem) {
      if (!(problem instanceof RpcUnavailable) || ++tries >= config.maxTries) throw problem;
      onFailedPoll();
      // Called again when the outage is over: an operator that counts as cut off leads nothing, and
      // no block may come.
      last = -1;
      log.warn("chainUnreachable", { problem, tries });
    }
    await sleep(config.pollMs, undefined, { signal }).catch(() => {});
  }
}
