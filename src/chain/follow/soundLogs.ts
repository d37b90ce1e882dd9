/** Logs as an endpoint gave them, made whole: each once, in order; or the endpoint is at fault. */
import { encodeEventTopics, type Log } from "viem";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { mediatorAbi } from "../abi/mediator.ts";
import { decodeLog } from "../contracts/logs.ts";

/** Milliseconds for a block's receipts one by one, or a second endpoint's logs in parts, at most. */
export const MOST_READING_MS = 30_000;

/** The fault as it is counted against an endpoint; thrown, `LogsRefused` says the same. */
export function faultOfLogs(problem: string): string {
  return `its logs are incomplete or doubled: ${problem}`;
}

/** An endpoint's logs cannot be those of the chain, or lack some; another endpoint is asked. */
export class LogsRefused extends QuarterdeckError {
  override readonly name = "LogsRefused";
  /** The fault, without the endpoint's name. */
  readonly problem: string;

  /** `origin`: the endpoint's; undefined until the reader of the logs adds it. */
  constructor(problem: string, origin?: string) {
    super({
      code: "LogsRefused",
      message: `The logs of ${origin ?? "an endpoint"} are incomplete or doubled: ${problem}`,
      hint:
        "Nothing was taken from them. Add another endpoint to `rpc`, or take this one out. If " +
        "every endpoint of an operator says the same, the chain holds what its journal does not " +
        "give: run `quarterdeck journal verify --rpc`, keep the journal, and report it.",
    });
    this.problem = problem;
  }
}

/** The request that the logs answer. */
export interface Asked {
  readonly mediator: Address;
  readonly from: BlockNumber;
  readonly to: BlockNumber;
  /** Where one block was asked for by its hash. */
  readonly blockHash?: Hex;
}

/** First topics of the events that change the exchange; the other events need not be missed. */
export const TOPICS: readonly Hex[] = mediatorAbi
  .filter((item) => item.type === "event")
  .map(({ name }) => encodeEventTopics({ abi: mediatorAbi, eventName: name })[0] as Hex);

/**
 * The logs in the order of the chain, one of each (block hash, log index). Throws `LogsRefused` for
 * two that differ there, and for a log that was not asked for or that the Mediator does not emit.
 */
export function soundLogs<L extends Log>(given: readonly L[], asked: Asked): L[] {
  const logs = new Map<string, L>();
  for (const log of given) {
    const problem = strangenessOf(log, asked);
    if (problem !== undefined) throw new LogsRefused(problem);
    const place = `${log.blockHash} ${log.logIndex}`;
    const known = logs.get(place);
    if (known !== undefined && contentOf(known) !== contentOf(log)) {
      throw new LogsRefused(`${nameOf(log)}, ${log.blockHash}, is there twice, and differs.`);
    }
    logs.set(place, known ?? log);
  }
  return [...logs.values()].sort(byPlace);
}

function strangenessOf(log: Log, { mediator, from, to, blockHash }: Asked): string | undefined {
  const isMined = log.blockNumber !== null && log.blockHash !== null && log.logIndex !== null;
  if (!isMined || log.transactionHash === null) return "a log is in no block.";
  const number = Number(log.blockNumber);
  if (log.address?.toLowerCase() !== mediator.toLowerCase()) {
    return `${nameOf(log)} is of ${log.address}, and ${mediator} was asked for.`;
  }
  if (log.removed) return `${nameOf(log)} was removed, in a block that counts as final.`;
  if (number < from || number > to) {
    return `${nameOf(log)} was served for blocks ${from} to ${to}.`;
  }
  if (blockHash !== undefined && log.blockHash?.toLowerCase() !== blockHash.toLowerCase()) {
    return `${nameOf(log)} is of ${log.blockHash}, and ${blockHash} was asked for.`;
  }
  return isOurs(log) ? undefined : `${nameOf(log)} is nothing that the Mediator emits.`;
}

function isOurs(log: Log): boolean {
  if (log.topics[0] === undefined) return false;
  try {
    decodeLog(log);
    return true;
  } catch {
    return false;
  }
}

/** All that a log says. */
export function contentOf(log: Log): string {
  const { blockNumber, blockHash, transactionHash, logIndex, address, topics, data } = log;
  const place = `${blockNumber} ${blockHash} ${transactionHash} ${logIndex}`;
  return `${place} ${address} ${topics} ${data}`.toLowerCase();
}

function nameOf({ logIndex, blockNumber }: Log): string {
  return `log ${logIndex} of block ${blockNumber}`;
}

function byPlace(a: Log, b: Log): number {
  return Number(a.blockNumber) - Number(b.blockNumber) || Number(a.logIndex) - Number(b.logIndex);
}
