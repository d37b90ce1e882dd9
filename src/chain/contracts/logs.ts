/** Reads the Mediator's logs as the union that the exchange takes (protocol/chainLog.ts). */
import { decodeEventLog, type Log } from "viem";
import { toAddress } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { ChainLog, LogPlace } from "../../protocol/chainLog.ts";
import { mediatorAbi } from "../abi/mediator.ts";

/**
 * Undefined for events that say nothing about the exchange's state (recovery, bonds, ownership,
 * progress of proveExecutions). The log must be mined.
 */
export function decodeLog(log: Log): ChainLog | undefined {
  if (log.topics[0] === undefined) return undefined;
  const place: LogPlace = {
    block: Number(log.blockNumber),
    blockHash: log.blockHash as Hex,
    logIndex: Number(log.logIndex),
    transactionHash: log.transactionHash as Hex,
  };
  const event = decodeEventLog({
    abi: mediatorAbi,
    topics: log.topics as [Hex, ...Hex[]],
    data: log.data,
  });
  switch (event.eventName) {
    case "TokenListed":
      return {
        kind: "tokenListed",
        token: address(event.args.token),
        round: Number(event.args.round),
        ...place,
      };
    case "TradingKeySet":
      return {
        kind: "tradingKeySet",
        client: address(event.args.client),
        fromRound: Number(event.args.fromRound),
        key: address(event.args.key),
        ...place,
      };
    case "Deposited":
      return {
        kind: "deposited",
        client: address(event.args.client),
        token: address(event.args.token),
        amount: event.args.amount,
        round: Number(event.args.round),
        ...place,
      };
    case "Committed":
      return {
        kind: "committed",
        round: Number(event.args.round),
        token: address(event.args.token),
        node: event.args.node,
        total: event.args.total,
        leafCount: Number(event.args.leafCount),
        ...place,
      };
    case "WithdrawalInitiated":
    case "WithdrawalCancelled":
    case "WithdrawalConfirmed":
      return withdrawalLog(event, place);
    case "DisputeOpened":
    case "StatementPresented":
      return presentedLog(event, place);
    case "DisputeClosed":
      return {
        kind: "disputeClosed",
        client: address(event.args.client),
        round: Number(event.args.round),
        operator: address(event.args.operator),
        ...place,
      };
    default:
      return undefined;
  }
}

function presentedLog(event: PresentedEvent, place: LogPlace): ChainLog {
  const client = address(event.args.client);
  const round = Number(event.args.round);
  if (event.eventName === "DisputeOpened") {
    const { opener, mustProveOpenings, openingsPresented, presented } = event.args;
    const standing = { mustProveOpenings, openingsPresented, presented };
    return { kind: "disputeOpened", client, round, opener: address(opener), ...standing, ...place };
  }
  const { token, statementRound, watermark, except } = event.args;
  const cover = { statementRound: Number(statementRound), watermark, except };
  return { kind: "statementPresented", client, token: address(token), round, ...cover, ...place };
}

type MediatorEvent = ReturnType<typeof decodeEventLog<typeof mediatorAbi>>;
type PresentedEvent = Extract<MediatorEvent, { eventName: "DisputeOpened" | "StatementPresented" }>;
type WithdrawalEvent = Extract<
  MediatorEvent,
  { eventName: "WithdrawalInitiated" | "WithdrawalCancelled" | "WithdrawalConfirmed" }
>;

function withdrawalLog(event: WithdrawalEvent, place: LogPlace): ChainLog {
  const subject = {
    client: address(event.args.client),
    token: address(event.args.token),
    round: Number(event.args.round),
    amount: event.args.amount,
    ...place,
  };
  switch (event.eventName) {
    case "WithdrawalInitiated":
      return {
        kind: "withdrawalInitiated",
        opening: event.args.opening,
        recipient: address(event.args.recipient),
        ...subject,
      };
    case "WithdrawalCancelled":
      return { kind: "withdrawalCancelled", ...subject };
    case "WithdrawalConfirmed":
      return {
        kind: "withdrawalConfirmed",
        recipient: address(event.args.recipient),
        ...subject,
      };
  }
}

function address(text: string): Address {
  return toAddress(text as Hex);
}
