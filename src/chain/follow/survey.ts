/** Which endpoints have fallen behind the others. */
import type { Endpoint } from "../rpc/endpoint.ts";
import type { ChainClient } from "../rpc/rpc.ts";

/** Every so many polls the other endpoints are asked whether ours has fallen behind them. */
export const POLLS_BETWEEN_SURVEYS = 8;
const NORMAL_LAG_BLOCKS = 3;

/**
 * Passes over endpoints whose newest block is old: what they miss, deadlines do not. Gives them,
 * for one that names a block that nobody else has makes all others look so: they must still be
 * asked whether they have what it says.
 */
export async function passOverOld(options: {
  readonly client: ChainClient;
  readonly confirmations: number;
}): Promise<ReadonlySet<Endpoint>> {
  const { confirmations } = options;
  const { transport } = options.client;
  const well = transport.endpoints().filter(({ penalty }) => penalty === 0);
  const old = new Set<Endpoint>();
  if (well.length < 2) return old;
  const heads = await Promise.all(
    well.map(async (endpoint) => {
      const number = await endpoint.client.getBlockNumber().catch(() => undefined);
      return { endpoint, number: Number(number ?? Number.NaN) };
    }),
  );
  const newest = Math.max(...heads.map(({ number }) => number || 0));
  for (const { endpoint, number } of heads) {
    const behind = newest - number;
    if (behind > Math.max(NORMAL_LAG_BLOCKS, confirmations)) {
      transport.demote(endpoint, `its newest block ${number} is ${behind} blocks behind`);
      old.add(endpoint);
    }
  }
  return old;
}
