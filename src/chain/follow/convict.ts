/**
 * Which of two endpoints that give other logs is wrong. Both have the last block: the headers that
 * lead to its hash are the word of both, whoever gives them, and the root of receipts in such a
 * header proves the block's logs. Where nothing is proven, only what an endpoint says of itself
 * counts against it: a log that is not in its bloom or its receipts, or one in its receipts that it
 * did not give. A bloom alone never proves a log: anybody can set its bits.
 */
import type { Log } from "viem";
import type { Address, Hex } from "../../base/hex.ts";
import type { BlockNumber, BlockRef } from "../../protocol/units.ts";
import type { AnyChainClient } from "../chainClient.ts";
import { LogsBloom } from "../proofs/bloom.ts";
import { isProven } from "../proofs/headerProof.ts";
import { type GivenLog, receiptsRoot } from "../proofs/receiptsRoot.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { areHeld } from "./blockLogs.ts";
import { allReceipts, type RawReceipt, receiptLogsOf } from "./receipts.ts";
import { contentOf } from "./soundLogs.ts";

/** An endpoint and the logs that it gave. */
export type Given = readonly [Endpoint, readonly Log[]];

/** Logs that are compared, for one is enough. */
const MOST_LOGS = 4;
/** Headers that are read to come from a block to the last one, at most. */
const MOST_LINKS = 32;

/** A block of which the endpoint gave other logs than those that are proven, or that it names. */
export interface Fault {
  readonly block: BlockNumber;
  /** proof: by a header that is the word of both. */
  readonly by: "proof" | "bloom" | "receipts";
}

/** `end`: a block that both have. Undefined where nothing tells, or tells against both. */
export async function convict(
  one: Given,
  other: Given,
  end: BlockRef,
): Promise<({ readonly endpoint: Endpoint } & Fault) | undefined> {
  const proven = await convictByProof(one, other, end);
  if (proven !== undefined) return proven;
  const [first, second] = await Promise.all([faultOf(one, other), faultOf(other, one)]);
  if (first !== undefined && second !== undefined) return undefined;
  if (first !== undefined) return { endpoint: one[0], ...first };
  return second === undefined ? undefined : { endpoint: other[0], ...second };
}

async function convictByProof(one: Given, other: Given, end: BlockRef) {
  const clients = [one[0].client, other[0].client] as const;
  const differing = [...without(one[1], other[1]), ...without(other[1], one[1])];
  for (const number of new Set(differing.map(({ blockNumber }) => Number(blockNumber)))) {
    const header = await sharedHeader(clients, number, end);
    if (header === undefined) continue;
    const contract = (differing[0] as Log).address;
    const right = await firstFound(clients, (client) => provenLogs(client, header, contract));
    if (right === undefined) continue;
    const [only, another] = [one, other].filter(([, logs]) => textOf(logs, header) !== right);
    if (only === undefined || another !== undefined) continue;
    return { endpoint: only[0], block: number, by: "proof" } as const;
  }
  return undefined;
}

type Header = Awaited<ReturnType<typeof readBlock>>;

/** A header that proves itself, and whose hash both stand by; undefined where there is none. */
async function sharedHeader(
  clients: readonly [AnyChainClient, AnyChainClient],
  number: BlockNumber,
  end: BlockRef,
): Promise<Header | undefined> {
  if (end.number - number <= MOST_LINKS) {
    return firstFound(clients, (client) => leadingTo(client, number, end));
  }
  const asked = clients.map((client) => readBlock(client, number).catch(() => undefined));
  const [one, other] = await Promise.all(asked);
  if (one === undefined || one.hash !== other?.hash) return undefined;
  return [one, other].find(isProven);
}

/** The header of block `number` as the endpoint gives it, if each after it proves its parent. */
async function leadingTo(client: AnyChainClient, number: BlockNumber, end: BlockRef) {
  const count = end.number - number + 1;
  const numbers = Array.from({ length: count }, (_, i) => end.number - i);
  const headers = await Promise.all(numbers.map((one) => readBlock(client, one)));
  let { hash } = end;
  for (const header of headers) {
    if (header.hash !== hash || !isProven(header)) return undefined;
    hash = header.parentHash;
  }
  return headers.at(-1);
}

function readBlock(client: AnyChainClient, number: BlockNumber) {
  return client.getBlock({ blockNumber: BigInt(number) });
}

/** The text of a contract's logs in a block, if the endpoint's receipts are those of the header. */
async function provenLogs(
  client: AnyChainClient,
  { number, hash, transactions, receiptsRoot: root }: Header,
  contract: Address,
): Promise<string | undefined> {
  const full = { number: Number(number), hash: hash as Hex, bloom: undefined, transactions };
  const receipts = (await allReceipts(client, full)).map((receipt) => receipt ?? {});
  if (receiptsRoot(receipts) !== root.toLowerCase()) return undefined;
  const logs = receipts.flatMap((receipt: RawReceipt) => receipt.logs ?? []);
  return saidBy(logs.filter(({ address }) => address?.toLowerCase() === contract.toLowerCase()));
}

/** The text of those of `logs` that are in the block, as `provenLogs` has it. */
function textOf(logs: readonly Log[], { number, hash }: Header): string {
  const inside = logs.filter(({ blockNumber }) => blockNumber === number);
  const isOther = inside.some(({ blockHash }) => blockHash !== hash);
  return isOther ? "of another block" : saidBy(inside);
}

function saidBy(logs: readonly GivenLog[]): string {
  return logs.map(({ topics, data }) => `${topics} ${data};`.toLowerCase()).join("");
}

/** The answer of the first of `clients` that has one. */
function firstFound<T>(
  clients: readonly AnyChainClient[],
  ask: (client: AnyChainClient) => Promise<T | undefined>,
): Promise<T | undefined> {
  const asked = clients.map(async (client) => {
    const found = await ask(client);
    if (found === undefined) throw new Error("Nothing was found.");
    return found;
  });
  return Promise.any(asked).catch(() => undefined);
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

/** Whether the block has the log, by the endpoint's own header and receipts; undefined: unknown. */
async function tells(endpoint: Endpoint, log: Log) {
  const bloom = await bloomOf(endpoint, log).catch(() => undefined);
  if (bloom !== undefined && !areHeld(bloom, [log])) return { holds: false, by: "bloom" } as const;
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
