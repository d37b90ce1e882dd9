/**
 * A client's own past, read from the Mediator's events: all blocks at once where the endpoint gives
 * them, as one's own node does, and in as narrow parts as it wants where it refuses.
 */
import type { Log } from "viem";
import { toAddress } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { BalanceProof, BlockNumber, Round } from "../../protocol/units.ts";
import { mediatorAbi } from "../abi/mediator.ts";
import type { MediatorReader } from "../contracts/mediator.ts";
import { isOverwhelmed } from "../rpc/errors.ts";
import { asTooWide } from "../rpc/logWidth.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import type { BlockSpan } from "./headers.ts";
import { AdaptiveRange } from "./readRange.ts";
import { faultOfLogs, LogsRefused, soundLogs } from "./soundLogs.ts";

export interface RangeOptions {
  readonly newestFirst?: boolean;
  /** Blocks of the first try; all of them unless told. */
  readonly firstBlocks?: number;
}

/**
 * The values that `read` gives of all blocks of `span`, part by part: narrower after each refusal
 * of the width, by the follower's own rule. Throws what `read` throws for another reason, or of one
 * block.
 */
export async function* readInRanges<T>(
  span: BlockSpan,
  read: (part: BlockSpan) => Promise<readonly T[]>,
  { newestFirst = false, firstBlocks = Number.POSITIVE_INFINITY }: RangeOptions = {},
): AsyncGenerator<T> {
  const range = new AdaptiveRange();
  let width = firstBlocks;
  let { from, to } = span;
  while (from <= to) {
    const part = newestFirst
      ? { from: Math.max(from, to - width + 1), to }
      : { from, to: Math.min(to, from + width - 1) };
    const blocks = part.to - part.from + 1;
    let found: readonly T[] | undefined;
    try {
      found = await read(part);
    } catch (error) {
      const tooWide = asTooWide(error);
      if (blocks === 1 || (tooWide === undefined && !isOverwhelmed(error))) throw error;
      range.refused(blocks, tooWide?.proposed);
    }
    if (found !== undefined) {
      range.passed(blocks);
      yield* found;
      if (newestFirst) to = part.from - 1;
      else from = part.to + 1;
    }
    width = range.blocks;
  }
}

/** The question about logs of a span of blocks, to one endpoint or to whichever answers. */
type ReadLogs<T> = (
  chain: Pick<ChainClient, "getContractEvents">,
  span: { readonly fromBlock: bigint; readonly toBlock: bigint },
) => Promise<readonly T[]>;

/** Up to the newest block. Throws `LogsRefused` as `readSound` does. */
async function readAll<T extends object>(
  { reader, what, from }: Asked,
  read: ReadLogs<T>,
): Promise<T[]> {
  const to = Number(await ask("the head", () => reader.client.getBlockNumber()));
  const found: T[] = [];
  const parts = readInRanges({ from, to }, (span) => readSound(reader, what, span, read));
  for await (const one of parts) found.push(one);
  return found;
}

/**
 * Logs that can be of these blocks: where the answer holds others, every endpoint is asked by
 * itself. Throws `LogsRefused` where no endpoint gives sound ones, and the refusal of so many blocks
 * where an endpoint may give them of fewer.
 */
async function readSound<T extends object>(
  { client, mediator }: MediatorReader,
  what: string,
  { from, to }: BlockSpan,
  read: ReadLogs<T>,
): Promise<T[]> {
  const readBy = async (chain: Pick<ChainClient, "getContractEvents">) => {
    const span = { fromBlock: BigInt(from), toBlock: BigInt(to) };
    const logs = await ask(what, () => read(chain, span));
    return soundLogs(logs as readonly (T & Log)[], { mediator, from, to });
  };
  try {
    return await readBy(client);
  } catch (error) {
    if (!(error instanceof LogsRefused)) throw error;
    const endpoints = client.transport.endpoints();
    let tooWide: unknown;
    let refused: LogsRefused | undefined;
    for (const endpoint of endpoints) {
      try {
        return await readBy(endpoint.client);
      } catch (failure) {
        if (failure instanceof LogsRefused) {
          const { problem } = failure;
          client.transport.demote(endpoint, faultOfLogs(problem));
          refused ??= new LogsRefused(problem, endpoint.origin);
        } else if (asTooWide(failure) !== undefined || isOverwhelmed(failure)) tooWide = failure;
      }
    }
    // Asked again, the endpoint at fault may give no answer at all: then it is one of these.
    const any = endpoints.map(({ origin }) => origin).join(" or ");
    throw tooWide ?? refused ?? new LogsRefused(error.problem, any);
  }
}

interface Asked {
  readonly reader: MediatorReader;
  /** Names it in errors. */
  readonly what: string;
  readonly from: BlockNumber;
}

export interface DepositRecord {
  readonly token: Address;
  readonly round: Round;
  readonly amount: bigint;
}

/** Every deposit of `client` since `fromBlock`, oldest first. */
export async function readDeposits(
  reader: MediatorReader,
  client: Address,
  fromBlock: BlockNumber,
): Promise<DepositRecord[]> {
  const logs = await readAll(
    { reader, what: "a client's deposits", from: fromBlock },
    (chain, span) =>
      chain.getContractEvents({
        address: reader.mediator,
        abi: mediatorAbi,
        eventName: "Deposited",
        args: { client },
        strict: true,
        ...span,
      }),
  );
  return logs.map(({ args }) => ({
    token: toAddress(args.token as Hex),
    round: Number(args.round),
    amount: args.amount,
  }));
}

/** A deposit with the transaction that made it. */
export interface DepositMade {
  readonly client: Address;
  readonly token: Address;
  readonly amount: bigint;
  readonly block: BlockNumber;
  readonly transactionHash: Hex;
}

/**
 * Deposits of `client`, without one of everybody, in the blocks `from` to `to`, oldest first, by one
 * question. Throws `LogsRefused` for logs that cannot be of these blocks.
 */
export async function readDepositsBetween(
  reader: MediatorReader,
  client: Address | undefined,
  from: BlockNumber,
  to: BlockNumber,
): Promise<DepositMade[]> {
  const logs = await readSound(reader, "deposits", { from, to }, (chain, span) =>
    chain.getContractEvents({
      address: reader.mediator,
      abi: mediatorAbi,
      eventName: "Deposited",
      args: client === undefined ? {} : { client },
      strict: true,
      ...span,
    }),
  );
  return logs.map(({ args, blockNumber, transactionHash }) => ({
    client: toAddress(args.client as Hex),
    token: toAddress(args.token as Hex),
    amount: args.amount,
    block: Number(blockNumber),
    transactionHash,
  }));
}

/** The proofs with which an operator closed a dispute, one per token of the round, if it did. */
export async function readClosings(
  reader: MediatorReader,
  client: Address,
  round: Round,
  fromBlock: BlockNumber,
): Promise<BalanceProof[] | undefined> {
  const logs = await readAll({ reader, what: "a dispute's end", from: fromBlock }, (chain, span) =>
    chain.getContractEvents({
      address: reader.mediator,
      abi: mediatorAbi,
      eventName: "DisputeClosed",
      args: { client, round: BigInt(round) },
      strict: true,
      ...span,
    }),
  );
  return logs[0]?.args.closings.map((proof) => ({
    balance: proof.balance,
    index: Number(proof.index),
    leafCount: Number(proof.leafCount),
    siblings: proof.siblings.map(({ hash, sum }) => ({ hash, sum })),
  }));
}

/** Rounds in which `client` opened disputes, oldest first. */
export async function readDisputeRounds(
  reader: MediatorReader,
  client: Address,
  fromBlock: BlockNumber,
): Promise<Round[]> {
  const logs = await readAll(
    { reader, what: "a client's disputes", from: fromBlock },
    (chain, span) =>
      chain.getContractEvents({
        address: reader.mediator,
        abi: mediatorAbi,
        eventName: "DisputeOpened",
        args: { client },
        strict: true,
        ...span,
      }),
  );
  return logs.map(({ args }) => Number(args.round));
}

export interface DisputeRecord {
  readonly client: Address;
  readonly round: Round;
  readonly openedBlock: BlockNumber;
}

/**
 * The disputes of all clients, opened since `fromBlock` and still open. Work grows with those
 * opened.
 */
export async function readOpenDisputes(
  reader: MediatorReader,
  fromBlock: BlockNumber,
): Promise<DisputeRecord[]> {
  const logs = await readAll({ reader, what: "the disputes", from: fromBlock }, (chain, span) =>
    chain.getContractEvents({
      address: reader.mediator,
      abi: mediatorAbi,
      eventName: "DisputeOpened",
      strict: true,
      ...span,
    }),
  );
  const found = await Promise.all(
    logs.map(async ({ args, blockNumber }) => {
      const client = toAddress(args.client as Hex);
      const round = Number(args.round);
      const open = await reader.isDisputeOpen(client, round);
      return open ? [{ client, round, openedBlock: Number(blockNumber) }] : [];
    }),
  );
  return found.flat();
}
