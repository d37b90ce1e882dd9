/** A client's own past, read from the Mediator's events. */
import { toAddress } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { BalanceProof, BlockNumber, Round } from "../../protocol/units.ts";
import { mediatorAbi } from "../abi/mediator.ts";
import { ask } from "../rpc/rpc.ts";
import type { MediatorReader } from "./mediator.ts";

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
  const logs = await ask("a client's deposits", () =>
    reader.client.getContractEvents({
      address: reader.mediator,
      abi: mediatorAbi,
      eventName: "Deposited",
      args: { client },
      fromBlock: BigInt(fromBlock),
      strict: true,
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

/** Deposits of `client`, without one of everybody, in the blocks `from` to `to`, oldest first. */
export async function readDepositsBetween(
  reader: MediatorReader,
  client: Address | undefined,
  from: BlockNumber,
  to: BlockNumber,
): Promise<DepositMade[]> {
  const logs = await ask("deposits", () =>
    reader.client.getContractEvents({
      address: reader.mediator,
      abi: mediatorAbi,
      eventName: "Deposited",
      args: client === undefined ? {} : { client },
      fromBlock: BigInt(from),
      toBlock: BigInt(to),
      strict: true,
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
  const logs = await ask("a dispute's end", () =>
    reader.client.getContractEvents({
      address: reader.mediator,
      abi: mediatorAbi,
      eventName: "DisputeClosed",
      args: { client, round: BigInt(round) },
      fromBlock: BigInt(fromBlock),
      strict: true,
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
  const logs = await ask("a client's disputes", () =>
    reader.client.getContractEvents({
      address: reader.mediator,
      abi: mediatorAbi,
      eventName: "DisputeOpened",
      args: { client },
      fromBlock: BigInt(fromBlock),
      strict: true,
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
  const logs = await ask("the disputes", () =>
    reader.client.getContractEvents({
      address: reader.mediator,
      abi: mediatorAbi,
      eventName: "DisputeOpened",
      fromBlock: BigInt(fromBlock),
      strict: true,
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
