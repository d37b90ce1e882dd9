/**
 * Which of two endpoints that give other logs is wrong. Both have the last block: the headers that
 * lead to its hash are the word of both, whoever gives them, and the root of receipts in such a
 * header proves the block's logs. Where nothing is proven, only what an endpoint says of itself is
 * held against it: other logs than its own receipts hold, or, where it gives none, one that is not
 * in its bloom. Blooms alone never prove a log: anybody can set their bits.
 * None of these questions counts for or against an endpoint.
 */
import type { Log } from "viem";
import { toAddress } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { within } from "../../base/within.ts";
import type { BlockNumber, BlockRef } from "../../protocol/units.ts";
import type { AnyChainClient } from "../chainClient.ts";
import { LogsBloom } from "../proofs/bloom.ts";
import { isProven } from "../proofs/headerProof.ts";
import { type GivenLog, receiptsRoot } from "../proofs/receiptsRoot.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { areHeld } from "./blockLogs.ts";
import type { FullHeader } from "./headers.ts";
import { allReceipts, type RawReceipt, receiptLogs } from "./receipts.ts";

/** An endpoint and the logs that it gave. */
export type Given = readonly [Endpoint, readonly Log[]];

/** Two endpoints that gave other logs up to a block that both have. */
export interface LogDispute {
  readonly given: readonly [Given, Given];
  readonly end: BlockRef;
}

/** A block of which the endpoint gave other logs than those that are proven, or that it names. */
export interface Fault {
  readonly endpoint: Endpoint;
  readonly block: BlockNumber;
  /** proof: by a header that is the word of both. */
  readonly by: "proof" | "bloom" | "receipts";
}

/** Headers that are read to come from the last block to an earlier one, at most; and at once. */
export const MOST_LINKS = 32;
const LINKS_AT_ONCE = 8;
/** Blocks in which the logs differ that are looked at: one that is proven is enough. */
const MOST_BLOCKS = 2;
/** How far after a block that two have otherwise one is looked for that they share. */
const LATER_BLOCKS = [1, 2, 4, 8] as const;
/** Milliseconds for a verdict, at most: an endpoint may be slow on purpose. */
const VERDICT_MS = 5_000;

/** The blocks in which logs differ, the last one first. */
export function differences(some: readonly Log[], others: readonly Log[]): BlockNumber[] {
  const [one, other] = [textsByBlock(some), textsByBlock(others)];
  const numbers = new Set([...one.keys(), ...other.keys()]);
  return [...numbers].filter((n) => one.get(n) !== other.get(n)).sort((a, b) => b - a);
}

function textsByBlock(logs: readonly Log[]): ReadonlyMap<BlockNumber, string> {
  const texts = new Map<BlockNumber, string>();
  for (const log of logs) {
    const number = Number(log.blockNumber);
    texts.set(number, `${texts.get(number) ?? ""} ${log.blockHash} ${placed(log)}`);
  }
  return texts;
}

/** Undefined where nothing proves one of them wrong alone, or not in time. */
export function convictByProof(dispute: LogDispute): Promise<Fault | undefined> {
  return within(VERDICT_MS, byProof(dispute));
}

async function byProof({ given, end }: LogDispute): Promise<Fault | undefined> {
  const [one, other] = given;
  const clients = [one[0].probing, other[0].probing];
  const contract = contractOf(given);
  const near = differences(one[1], other[1]).filter((n) => end.number - n <= MOST_LINKS);
  for (const block of near.slice(0, MOST_BLOCKS)) {
    const header = await sharedHeader(clients, block, end);
    if (header === undefined) continue;
    const right = await firstFound(clients, (client) => provenLogs(client, header, contract));
    if (right === undefined) continue;
    const guilty = (say: Say) =>
      given.filter(([, logs]) => textOf(logs, header, say) !== say(right));
    // Places of logs only where all else is the same: a client may count them in its own way.
    const unlike = guilty(contents);
    const [only, another] = unlike.length > 0 ? unlike : guilty(places);
    if (only !== undefined && another === undefined) {
      return { endpoint: only[0], block, by: "proof" };
    }
  }
  return undefined;
}

/**
 * The hash of a block by the headers that lead from it to `end`, or to a block soon after it that
 * both have; undefined where nothing proves it, or not in time.
 */
export function provenHash(
  endpoints: readonly [Endpoint, Endpoint],
  number: BlockNumber,
  end: BlockRef,
): Promise<Hex | undefined> {
  const clients = endpoints.map(({ probing }) => probing);
  const find = async () => {
    const last = end.number > number ? end : await sharedAfter(clients, number);
    if (last === undefined || last.number - number > MOST_LINKS) return undefined;
    return (await sharedHeader(clients, number, last))?.hash as Hex | undefined;
  };
  return within(VERDICT_MS, find());
}

/** Undefined where they do not give the same. */
async function sharedAfter(
  clients: readonly AnyChainClient[],
  number: BlockNumber,
): Promise<BlockRef | undefined> {
  for (const after of LATER_BLOCKS) {
    const asked = clients.map((client) => readBlock(client, number + after).catch(() => undefined));
    const [one, other] = await Promise.all(asked);
    if (one === undefined || other === undefined) return undefined;
    if (one.hash === other.hash) return { number: number + after, hash: one.hash as Hex };
  }
  return undefined;
}

type Header = Awaited<ReturnType<typeof readBlock>>;

/** The header by which block `number` leads to `end`, of whoever gives it first. */
function sharedHeader(
  clients: readonly AnyChainClient[],
  number: BlockNumber,
  end: BlockRef,
): Promise<Header | undefined> {
  return firstFound(clients, (client) => leadingTo(client, number, end));
}

/** The header of block `number` as the endpoint gives it, if each after it proves its parent. */
async function leadingTo(client: AnyChainClient, number: BlockNumber, end: BlockRef) {
  let { hash } = end;
  let last: Header | undefined;
  for (let top = end.number; top >= number; top -= LINKS_AT_ONCE) {
    const count = Math.min(LINKS_AT_ONCE, top - number + 1);
    const numbers = Array.from({ length: count }, (_, i) => top - i);
    for (const header of await Promise.all(numbers.map((one) => readBlock(client, one)))) {
      if (header.hash !== hash || !isProven(header)) return undefined;
      hash = header.parentHash;
      last = header;
    }
  }
  return last;
}

function readBlock(client: AnyChainClient, number: BlockNumber) {
  return client.getBlock({ blockNumber: BigInt(number) });
}

/** A contract's logs in a block with their places, if the endpoint's receipts are the header's. */
async function provenLogs(
  client: AnyChainClient,
  { number, hash, receiptsRoot: root, gasUsed }: Header,
  contract: Address,
): Promise<readonly PlacedLog[] | undefined> {
  // The hash does not cover the list of transactions: each endpoint is asked by its own.
  const own = await readBlock(client, Number(number));
  if (own.hash !== hash) return undefined;
  const receipts = (await allReceipts(client, fullHeader(own))).map((receipt) => receipt ?? {});
  if (receiptsRoot(receipts, gasUsed) !== root) return undefined;
  return receipts
    .flatMap((receipt: RawReceipt) => receipt.logs ?? [])
    .map(({ address, topics, data }, logIndex) => ({ address, topics, data, logIndex }))
    .filter(({ address }) => address?.toLowerCase() === contract.toLowerCase());
}

function fullHeader({ number, hash, transactions }: Header): FullHeader {
  return { number: Number(number), hash: hash as Hex, bloom: undefined, transactions };
}

interface PlacedLog extends GivenLog {
  readonly logIndex?: unknown;
}
type Say = (logs: readonly PlacedLog[]) => string;

/** The text of logs in their order, without their places. */
export const contents: Say = (logs) =>
  logs.map(({ topics, data }) => `${topics} ${data}`).join("; ");
const places: Say = (logs) => logs.map(placed).join("; ");

function placed({ logIndex, topics, data }: PlacedLog): string {
  return `${Number(logIndex)} ${topics} ${data}`;
}

/** The text of those of `logs` that are in the block. */
function textOf(logs: readonly Log[], { number, hash }: Header, say: Say): string {
  const inside = logs.filter(({ blockNumber }) => blockNumber === number);
  const isOther = inside.some(({ blockHash }) => blockHash !== hash);
  return isOther ? "of another block" : say(inside);
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

/** Undefined where neither contradicts itself, or both do, or it takes too long to know. */
export function convictByWord(dispute: LogDispute): Promise<Fault | undefined> {
  return within(VERDICT_MS, byWord(dispute));
}

async function byWord({ given }: LogDispute): Promise<Fault | undefined> {
  const [one, other] = given;
  const contract = contractOf(given);
  for (const block of differences(one[1], other[1]).slice(0, MOST_BLOCKS)) {
    const asked = given.map((one) => faultOf(one, block, contract).catch(() => undefined));
    const [first, second] = await Promise.all(asked);
    if (first === undefined ? second !== undefined : second === undefined) return first ?? second;
  }
  return undefined;
}

/** The contradiction of an endpoint's own header or receipts to the logs that it gave. */
async function faultOf(
  [endpoint, logs]: Given,
  block: BlockNumber,
  contract: Address,
): Promise<Fault | undefined> {
  const client = endpoint.probing;
  const inside = logs.filter(({ blockNumber }) => Number(blockNumber) === block);
  const header = await readBlock(client, block);
  if (inside.some(({ blockHash }) => blockHash !== header.hash)) return undefined;
  const source = { client, mediator: contract };
  const found = await receiptLogs(source, fullHeader(header)).catch(() => undefined);
  if (found !== undefined) {
    return contents(found) === contents(inside) ? undefined : { endpoint, block, by: "receipts" };
  }
  // Only without receipts: on some chains blooms leave logs out.
  const bloom = LogsBloom.parse(header.logsBloom);
  const isUsable = bloom !== undefined && !bloom.isEmpty;
  return isUsable && !areHeld(bloom, inside) ? { endpoint, block, by: "bloom" } : undefined;
}

/** All logs are of one. */
function contractOf([[, some], [, others]]: LogDispute["given"]): Address {
  return toAddress((some[0] ?? others[0])?.address as Hex);
}
