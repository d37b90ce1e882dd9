import { setTimeout as sleep } from "node:timers/promises";
import { Leaps } from "../../chain/follow/leaps.ts";
import { Survey } from "../../chain/follow/survey.ts";
import type { Endpoint } from "../../chain/rpc/endpoint.ts";
import { EndpointsDisagree, RpcUnavailable } from "../../chain/rpc/errors.ts";
import { ask, type ChainClient } from "../../chain/rpc/rpc.ts";
import type { ChainOptions } from "./lead.ts";

/**
 * Tells of the newest block while `isNeeded`: who does not lead follows the journal and not the
 * chain, but has duties too. An endpoint that stands still is passed over for one that does not,
 * and one that leaps ahead of all others is not believed. Resolves when `signal` is aborted; throws
 * `RpcUnavailable` or `EndpointsDisagree` after `maxTries` failed polls in a row.
 */
export async function watchHeads(
  isNeeded: () => boolean,
  signal: AbortSignal,
  { config, log, client, onChain, onFailedPoll }: ChainOptions,
): Promise<void> {
  let tries = 0;
  let last = -1;
  const { confirmations } = config;
  const survey = new Survey({ client, confirmations });
  const leaps = new Leaps({ client, confirmations });
  while (!signal.aborted) {
    try {
      if (isNeeded()) {
        await survey.poll(last);
        const { source, block } = await newestOf(client);
        const { timestamp, baseFeePerGas } = block;
        const number = Number(block.number);
        await leaps.check(source, number);
        const baseFee = baseFeePerGas ?? 0n;
        if (isNeeded() && number !== last) {
          onChain({ kind: "head", number, timestamp: Number(timestamp), baseFee });
        }
        last = number;
      }
      tries = 0;
    } catch (problem) {
      const isFailedPoll =
        problem instanceof RpcUnavailable || problem instanceof EndpointsDisagree;
      if (!isFailedPoll || ++tries >= config.maxTries) throw problem;
      onFailedPoll();
      // Called again when the outage is over: an operator that counts as cut off leads nothing, and
      // no block may come.
      last = -1;
      log.warn("chainUnreachable", { problem, tries });
    }
    await sleep(config.pollMs, undefined, { signal }).catch(() => {});
  }
}

/** The newest block, by the healthiest endpoint that answers. Throws `RpcUnavailable`. */
async function newestOf(client: ChainClient) {
  const what = "its head";
  const blockTag = "latest";
  const [first, ...others] = client.transport.endpoints() as [Endpoint, ...Endpoint[]];
  if (others.length === 0) {
    return { source: first, block: await ask(what, () => client.getBlock({ blockTag })) };
  }
  let failure: unknown;
  for (const source of [first, ...others]) {
    try {
      return { source, block: await source.client.getBlock({ blockTag }) };
    } catch (error) {
      failure = error;
    }
  }
  throw new RpcUnavailable(`for ${what}`, failure);
}
