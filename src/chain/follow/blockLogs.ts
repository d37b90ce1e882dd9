/**
 * The Mediator's logs of one block, held against the bloom of its header. A bloom never hides a log,
 * and may seem to hold one that is not there: then the block's receipts decide.
 */
import { type Log, RpcRequestError } from "viem";
import type { Address, Hex } from "../../base/hex.ts";
import type { BlockNumber, BlockRef } from "../../protocol/units.ts";
import type { AnyChainClient } from "../chainClient.ts";
import type { LogsBloom } from "../proofs/bloom.ts";
import { causeOf, isRefusal, RpcUnavailable } from "../rpc/errors.ts";
import {
  type BlockHeader,
  type BlockSpan,
  type FullHeader,
  type HeaderReader,
  readHeader,
} from "./headers.ts";
import { logsIn, receiptLogs, receiptsIfAtOnce } from "./receipts.ts";
import { contentOf, faultOfLogs, LogsRefused, soundLogs, TOPICS } from "./soundLogs.ts";

/** One endpoint, and what its blooms are worth. */
export interface LogSource {
  readonly client: AnyChainClient;
  readonly headers: HeaderReader;
  readonly mediator: Address;
  /** False once they contradicted logs that were there. */
  readonly isBloomUsable: boolean;
  /** Called once, when a bloom contradicts logs that are there: blooms are used no more. */
  readonly onUselessBloom: (problem: string) => void;
  /** Called when logs were missing, and the receipts have all. */
  readonly onMissingLogs: (problem: string) => void;
  /** Called for each block whose hash the endpoint ignored: logs of another block came. */
  readonly onIgnoredHash: (problem: string) => void;
}

export interface BlockLogs {
  readonly block: BlockHeader;
  readonly logs: readonly Log[];
}

/** Refused for what is asked by, and not for the block. */
const FORM_CODES = new Set([-32600, -32601, -32602]);
const FORM = /block ?hash|not supported|unsupported|invalid (argument|param)|unknown field/i;
const UNKNOWN_BLOCK = /unknown block|not found|does not exist/i;
/** Blocks that are read again at once. */
const BLOCKS_AT_ONCE = 16;

/**
 * The logs of block `number`. A machine that does not know the block says so, where it is asked for
 * by its hash. Throws `LogsRefused` where logs are missing or cannot be, and what reading throws.
 */
export async function readBlockLogs(source: LogSource, number: BlockNumber): Promise<BlockLogs> {
  const header = await readHeader(source, number);
  const given = await logsByHash(source, header);
  if (given === undefined) {
    const logs = isSurelyEmpty(source, header) ? [] : await receiptLogs(source, header);
    return { block: header, logs };
  }
  if (header.bloom === undefined) {
    return { block: header, logs: (await moreByReceipts(source, header, given)) ?? given };
  }
  if (isWholeByBloom(source, header, given)) return { block: header, logs: given };
  const found = await receiptLogs(source, header).catch((error) => {
    // Some chains leave blooms empty, and some of their nodes give no receipts by block either.
    if (given.length > 0 && header.bloom?.isEmpty === true && isRefusal(error)) return undefined;
    throw error;
  });
  if (found === undefined) {
    source.onUselessBloom(`the bloom of block ${number} is empty, and the block has logs`);
    return { block: header, logs: given };
  }
  const texts = new Set(found.map(contentOf));
  const invented = given.find((log) => !texts.has(contentOf(log)));
  if (invented !== undefined) {
    const what = `log ${invented.logIndex} of block ${number}`;
    throw new LogsRefused(`${what} is neither in its header's bloom nor in its receipts.`);
  }
  if (found.length > given.length) {
    const figures = `${given.length} of ${found.length} logs`;
    source.onMissingLogs(`eth_getLogs gave ${figures} of block ${number}: its receipts have all`);
  } else if (!areHeld(header.bloom, given)) {
    source.onUselessBloom(`the bloom of block ${number} lacks a log that its receipts have`);
  }
  return { block: header, logs: found };
}

/** How the logs of one block are read: by the block's hash, or from its receipts. */
export type WayOfLogs = "hash" | "receipts";

/** The way that an endpoint offers for block `number`. Throws what `readBlockLogs` throws. */
export async function wayOfLogs(
  source: Pick<LogSource, "client" | "mediator">,
  number: BlockNumber,
): Promise<WayOfLogs> {
  const header = await readHeader(source, number);
  const given = await logsByHash({ ...source, onIgnoredHash: () => {} }, header);
  if (given !== undefined) return "hash";
  await receiptLogs(source, header);
  return "receipts";
}

/**
 * The logs of the blocks of `span`, of which `given` came for the range: a block whose bloom tells of
 * others is read again by itself, and so is one with transactions whose bloom tells nothing. Throws
 * as `readBlockLogs` does.
 */
export async function completeLogs(
  source: LogSource,
  given: readonly Log[],
  span: BlockSpan,
): Promise<readonly Log[]> {
  if (!source.isBloomUsable) return given;
  const ofBlock = Map.groupBy(given, ({ blockNumber }) => Number(blockNumber));
  const blind = new Set<BlockNumber>();
  const doubted = await source.headers.find(span, (header) => {
    const { number, bloom, transactions } = header;
    if (bloom !== undefined) return !isWholeByBloom(source, header, ofBlock.get(number) ?? []);
    if (transactions.length > 0) blind.add(number);
    return blind.has(number);
  });
  for (let i = 0; i < doubted.length; i += BLOCKS_AT_ONCE) {
    const blocks = doubted.slice(i, i + BLOCKS_AT_ONCE).map(async (number) => {
      const { logs } = await readBlockLogs(source, number);
      if (logs.length > (ofBlock.get(number)?.length ?? 0)) {
        const who = blind.has(number)
          ? `block ${number} has`
          : `the bloom of block ${number} tells of`;
        source.onMissingLogs(faultOfLogs(`${who} more than a range gave`));
      }
      ofBlock.set(number, [...logs]);
    });
    await Promise.all(blocks);
  }
  return [...ofBlock.values()].flat();
}

/**
 * The logs in the receipts of a block whose header tells nothing, where those are more; undefined
 * where they are not, or where the endpoint refuses the receipts of a block at once.
 */
async function moreByReceipts(source: LogSource, header: FullHeader, given: readonly Log[]) {
  const receipts = await receiptsIfAtOnce(source.client, header);
  if (receipts === undefined) return undefined;
  const found = await logsIn(receipts, source, header).catch(() => undefined);
  if (found === undefined || found.length <= given.length) return undefined;
  const figures = `${given.length} of ${found.length} logs`;
  source.onMissingLogs(
    `eth_getLogs gave ${figures} of block ${header.number}: its receipts have all`,
  );
  return found;
}

/**
 * Undefined where the endpoint cannot be asked so, or answers with logs of another block, as one
 * does that ignores the hash.
 */
async function logsByHash(
  source: Pick<LogSource, "client" | "mediator" | "onIgnoredHash">,
  header: BlockHeader,
): Promise<Log[] | undefined> {
  const { client, mediator } = source;
  const { number, hash } = header;
  try {
    const given = await client.getLogs({ address: mediator, blockHash: hash });
    const other = logOfOther(given, hash);
    if (other !== undefined) {
      const what = `eth_getLogs gave logs of ${other.blockHash} when asked for ${hash}`;
      source.onIgnoredHash(`${what}: receipts say what is in the block`);
      return undefined;
    }
    return soundLogs(given, { mediator, from: number, to: number, blockHash: hash });
  } catch (error) {
    if (isOfForm(error)) return undefined;
    throw error;
  }
}

function logOfOther(logs: readonly Log[], hash: Hex): Log | undefined {
  return logs.find(({ blockHash }) => blockHash?.toLowerCase() !== hash.toLowerCase());
}

/**
 * The Mediator's logs of one block as another endpoint has them: by its receipts where the endpoint
 * refuses or ignores the hash. Throws where the block of that number is another by then.
 */
export async function readBlockLogsAgain(
  client: AnyChainClient,
  mediator: Address,
  { number, hash }: BlockRef,
): Promise<readonly Log[]> {
  const given = await client.getLogs({ address: mediator, blockHash: hash }).catch((error) => {
    if (isOfForm(error)) return undefined;
    throw error;
  });
  if (given !== undefined && logOfOther(given, hash) === undefined) return given;
  const header = await readHeader({ client }, number);
  if (header.hash !== hash) throw new RpcUnavailable(`with block ${hash}`, undefined);
  const isEmpty = isSurelyEmpty({ mediator, isBloomUsable: true }, header);
  return isEmpty ? [] : receiptLogs({ client, mediator }, header);
}

function isOfForm(error: unknown): boolean {
  const answer = causeOf(error, (cause) => cause instanceof RpcRequestError);
  if (!(answer instanceof RpcRequestError) || UNKNOWN_BLOCK.test(answer.details)) return false;
  return FORM_CODES.has(answer.code) || FORM.test(answer.details);
}

/** Whether the bloom tells of no more than came, and of all that came; or is of no use. */
function isWholeByBloom(source: LogSource, { bloom }: FullHeader, logs: Log[]): boolean {
  if (bloom === undefined || !source.isBloomUsable) return true;
  if (!areHeld(bloom, logs)) return false;
  if (!bloom.mayHold(source.mediator)) return true;
  const came = new Set(logs.map(({ topics }) => topics[0]?.toLowerCase()));
  return !TOPICS.some((topic) => !came.has(topic) && bloom.mayHold(topic));
}

/** Whether the bloom, which tells of others' logs, tells of none of ours. */
function isSurelyEmpty(
  { mediator, isBloomUsable }: Pick<LogSource, "mediator" | "isBloomUsable">,
  { bloom }: FullHeader,
): boolean {
  return isBloomUsable && bloom !== undefined && !bloom.isEmpty && !bloom.mayHold(mediator);
}

/** Whether `bloom` has the address and all topics of each of `logs`. */
export function areHeld(bloom: LogsBloom | undefined, logs: readonly Log[]): boolean {
  if (bloom === undefined) return false;
  return logs.every(({ address, topics }) =>
    [address, ...topics].every((value) => bloom.mayHold(value)),
  );
}
