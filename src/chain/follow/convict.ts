/**
 * Which of two endpoints that give other logs is contradicted by its own headers: a log that is not
 * in the bloom cannot be in the block, and one that others have and that all of the bloom tells of
 * is missing. Where a header has no bloom, the endpoint's receipts of the block tell. Only what an
 * endpoint says of itself counts against it.
 */
import type { Log } from "viem";
import type { Endpoint } from "../rpc/endpoint.ts";
import { areHeld, receiptLogsOf } from "./blockLogs.ts";
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
): Promise<({ readonly endpoint: Endpoint } & Fault) | undefined> {
  const [first, second] = await Promise.all([faultOf(one, other), faultOf(other, one)]);
  if (first !== undefined && second !== undefined) return undefined;
  if (first !== undefined) return { endpoint: one[0], ...first };
  return second === undefined ? undefined : { endpoint: other[0], ...second };
}

/** A block of which the endpoint itself says something else than its logs. */
interface Fault {
  readonly block: number;
  readonly by: "bloom" | "receipts";
}

async function faultOf(given: Given, other: Given): Promise<Fault | undefined> {
  const [endpoint, logs] = given;
  for (const log of without(logs, other[1])) {
    const told = await tells(endpoint, log);
    if (told?.holds === false) return { block: Number(log.blockNumber), by: told.by };
  }
  for (const log of without(other[1], logs)) {
    const told = await tells(endpoint, log);
    if (told?.holds === true) return { block: Number(log.blockNumber), by: told.by };
  }
  return undefined;
}

/** Whether its block has the log, by the endpoint's header or receipts; undefined: unknown. */
async function tells(endpoint: Endpoint, log: Log) {
  const bloom = await bloomOf(endpoint, log);
  if (bloom !== undefined) return { holds: areHeld(bloom, [log]), by: "bloom" } as const;
  const found = await receiptLogsOf(endpoint.client, log).catch(() => undefined);
  if (found === undefined) return undefined;
  return { holds: found.some((one) => contentOf(one) === contentOf(log)), by: "receipts" } as const;
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
