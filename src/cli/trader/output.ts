/** How the traders' commands speak: lines for people, one JSON value for machines. */
import type { ChainClient } from "../../chain/rpc/rpc.ts";
import type { BlockNumber } from "../../protocol/units.ts";

/** Of a command that found faults, or evidence that does not hold. */
export const EXIT_FOUND = 2;
/** Blocks by whose times the pace of the chain is told. */
const PACE_BLOCKS = 100;

/** One of both. Amounts are text in JSON: its numbers lose digits. */
export function show(json: boolean | undefined, value: unknown, lines: readonly string[]): void {
  const text = (_: string, part: unknown) => (typeof part === "bigint" ? `${part}` : part);
  const out = json === true ? [JSON.stringify(value, text, 2)] : lines;
  for (const line of out) process.stdout.write(`${line}\n`);
}

/** "in 37 blocks, about 6 min", by the pace of the last blocks. */
export async function untilBlock(client: ChainClient, block: BlockNumber): Promise<string> {
  const head = await client.getBlock({ blockTag: "latest" });
  const left = block - Number(head.number);
  if (left <= 0) return "now";
  const back = BigInt(Math.min(PACE_BLOCKS, Number(head.number)));
  const earlier = await client.getBlock({ blockNumber: head.number - back });
  const seconds = back === 0n ? 0 : Number(head.timestamp - earlier.timestamp) / Number(back);
  return `in ${left} blocks, about ${durationOf(left * seconds)}`;
}

/** A length of time as people say it. */
export function durationOf(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
