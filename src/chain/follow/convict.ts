/**
 * Which of two endpoints that give other logs is contradicted by its own headers: a log that is not
 * in the bloom cannot be in the block, and one that others have and that all of the bloom tells of
 * is missing. Only what an endpoint says of itself counts against it.
 */
import type { Log } from "viem";
import type { Endpoint } from "../rpc/endpoint.ts";
import { areHeld } from "./blockLogs.ts";
import { LogsBloom } from "./bloom.ts";
import { contentOf } from "./soundLogs.ts";

/** An endpoint and the logs that it gave. */
export type Given = readonly [Endpoint, readonly Log[]];

/** Logs that are compared, for one is enough. */
const MOST_LOGS = 4;

/** Undefined where the headers do not tell, or tell against both. */
export async function convict(
  one: Given,
  other: Given,
): Promise<{ readonly endpoint: Endpoint; readonly block: number } | undefined> {
  const [first, second] = await Promise.all([faultOf(one, other), faultOf(other, one)]);
  if (first !== undefined && second !== undefined) return undefined;
  if (first !== undefined) return { endpoint: one[0], block: first };
  return second === undefined ? undefined : { endpoint: other[0], block: second };
}

/** The block whose bloom, as the endpoint gives it, contradicts its logs. */
async function faultOf(given: Given, other: Given): Promise<number | undefined> {
  const [endpoint, logs] = given;
  for (const log of without(logs, other[1])) {
    const bloom = await bloomOf(endpoint, log);
    if (bloom !== undefined && !areHeld(bloom, [log])) return Number(log.blockNumber);
  }
  for (const log of without(other[1], logs)) {
    const bloom = await bloomOf(endpoint, log);
    if (bloom !== undefined && areHeld(bloom, [log])) return Number(log.blockNumber);
  }
  return undefined;
}

function without(logs: readonly Log[], others: readonly Log[]): readonly Log[] {
  const known = new Set(others.map(contentOf));
  return logs.filter((log) => !known.has(contentOf(log))).slice(0, MOST_LOGS);
}

/** Undefined where it tells nothing, or is of another block of that number. */
async function bloomOf({ client }: Endpoint, log: Log): Promise<LogsBloom | undefined> {
  const block = await client.getBlock({ blockNumber: log.blockNumber as bigint });
  const bloom = block.hash === log.blockHash ? LogsBloom.parse(block.logsBloom) : undefined;
  return bloom?.isEmpty ? undefined : bloom;
}
