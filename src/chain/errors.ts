/** Failures at the chain, by who must act on them. */
import { BaseError, decodeErrorResult, type Hex as ViemHex } from "viem";
import { QuarterdeckError } from "../base/errors.ts";
import type { Hex } from "../base/hex.ts";
import { mediatorAbi } from "./abi/mediator.ts";
import { mutableOperatorManagerAbi } from "./abi/mutableOperatorManager.ts";
import { testTokenAbi } from "./abi/testToken.ts";

/** No endpoint answered. Retry; if it lasts, an operator must look at the endpoints. */
export class RpcUnavailable extends QuarterdeckError {
  override readonly name = "RpcUnavailable";

  constructor(what: string, cause: unknown) {
    super({
      code: "RpcUnavailable",
      message: `No chain endpoint answered ${what} (${shortMessage(cause)}).`,
      mend: "Check that the endpoints are up and reachable.",
      cause,
    });
  }
}

/** The contract says no: sending it would only cost gas. */
export class ContractRefused extends QuarterdeckError {
  override readonly name = "ContractRefused";
  /** Name of the contract's typed error, or "unknown". */
  readonly errorName: string;
  readonly args: readonly unknown[];

  constructor(what: string, errorName: string, args: readonly unknown[], cause?: unknown) {
    super({
      code: "ContractRefused",
      message: `The contract refuses ${what}: ${errorName}(${args.map(String).join(", ")}).`,
      mend: "contracts/src/interfaces/IMediator.sol says what each error means.",
      cause,
    });
    this.errorName = errorName;
    this.args = args;
  }
}

/** A block that counted as final is no longer part of the chain. */
export class ReorgTooDeep extends QuarterdeckError {
  override readonly name = "ReorgTooDeep";

  constructor(block: number, known: Hex, found: Hex) {
    super({
      code: "ReorgTooDeep",
      message: `Block ${block} was taken as final with hash ${known}, and now has ${found}.`,
      mend:
        "Check that the endpoints follow the right chain. If it really reorganised that deep, " +
        "restore a journal from before that block and raise `confirmations`.",
    });
  }
}

/** A transaction was not mined before its deadline. */
export class DeadlineMissed extends QuarterdeckError {
  override readonly name = "DeadlineMissed";

  constructor(what: string, deadlineBlock: number, head: number) {
    super({
      code: "DeadlineMissed",
      message: `${what} was due by block ${deadlineBlock}, and block ${head} is here.`,
      mend: "Check fees, the key's balance and the endpoints; the Mediator may halt.",
    });
  }
}

export function shortMessage(error: unknown): string {
  if (error instanceof BaseError) return error.details || error.shortMessage;
  return error instanceof Error ? error.message : String(error);
}

/** The revert behind a failed call as `ContractRefused`, undefined if it did not revert. */
export function asContractRefused(error: unknown, what: string): ContractRefused | undefined {
  const data = revertData(error);
  if (data !== undefined && data.length >= 10) {
    const abi = [...mediatorAbi, ...mutableOperatorManagerAbi, ...testTokenAbi];
    try {
      const { errorName, args } = decodeErrorResult({ abi, data: data as ViemHex });
      return new ContractRefused(what, errorName, (args ?? []) as readonly unknown[], error);
    } catch {
      return new ContractRefused(what, `unknown ${data.slice(0, 10)}`, [], error);
    }
  }
  const reverted = /revert/i.test(shortMessage(error));
  return reverted ? new ContractRefused(what, "reverted without data", [], error) : undefined;
}

function revertData(error: unknown): string | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const found = error.walk((part) => dataOf(part) !== undefined);
  return dataOf(found);
}

function dataOf(part: unknown): string | undefined {
  const data = (part as { data?: unknown } | null | undefined)?.data;
  if (typeof data === "string" && data.startsWith("0x")) return data;
  const inner = (data as { data?: unknown } | undefined)?.data;
  return typeof inner === "string" && inner.startsWith("0x") ? inner : undefined;
}
