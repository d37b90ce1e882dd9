import { setTimeout as sleep } from "node:timers/promises";
import { HeadPoll, type Polled } from "../../chain/follow/headPoll.ts";
import { Lateness } from "../../chain/follow/lateness.ts";
import { EndpointsDisagree, RpcUnavailable } from "../../chain/rpc/errors.ts";
import { ask } from "../../chain/rpc/rpc.ts";
import type { ChainOptions } from "./lead.ts";

/**
 * Tells of the newest block while `isNeeded`: who does not lead follows the journal and not the
 * chain, but has duties too. An endpoint that stands still is passed over for one that does not.
 * Resolves when `signal` is aborted; after `maxTries` failed polls in a row throws `RpcUnavailable`,
 * or `EndpointsDisagree` where the last one's block leapt ahead of all others.
 */
export async function watchHeads(
  isNeeded: () => boolean,
  signal: AbortSignal,
  { config, log, client, onChain, onFailedPoll }: ChainOptions,
): Promise<void> {
  let tries = 0;
  let last = -1;
  const { confirmations } = config;
  const heads = new HeadPoll({ client, confirmations, lateness: new Lateness() });
  while (!signal.aborted) {
    try {
      if (isNeeded()) {
        const { event } = await askHead(heads);
        if (isNeeded() && event.number !== last) onChain(event);
        last = event.number;
      }
      tries = 0;
    } catch (problem) {
      const isOutage = problem instanceof RpcUnavailable || problem instanceof EndpointsDisagree;
      if (!isOutage || ++tries >= config.maxTries) throw problem;
      onFailedPoll();
      // Called again when the outage is over: an operator that counts as cut off leads nothing, and
      // no block may come.
      last = -1;
      log.warn("chainUnreachable", { problem, tries });
    }
    await sleep(config.pollMs, undefined, { signal }).catch(() => {});
  }
}

function askHead(heads: HeadPoll): Promise<Polled> {
  return heads.poll().catch((error: unknown) => {
    if (error instanceof EndpointsDisagree) throw error;
    return ask("its head", () => Promise.reject(error));
  });
}
