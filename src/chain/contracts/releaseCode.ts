/**
 * The code on chain against this release's. The words where a constructor puts what never changes
 * are left out: what stands there is read by the contract's own views.
 */
import type { Address } from "../../base/hex.ts";
import { disputesRuntime, mediatorBytecode, mediatorRuntime } from "../bytecode/mediator.ts";
import {
  mutableOperatorManagerBytecode,
  mutableOperatorManagerRuntime,
} from "../bytecode/mutableOperatorManager.ts";
import {
  roundRobinOperatorManagerBytecode,
  roundRobinOperatorManagerRuntime,
} from "../bytecode/roundRobinOperatorManager.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";

const WORD_DIGITS = 64;

const RELEASED = {
  mediator: [mediatorBytecode, mediatorRuntime],
  disputes: [mediatorBytecode, disputesRuntime],
  singleManager: [mutableOperatorManagerBytecode, mutableOperatorManagerRuntime],
  turnsManager: [roundRobinOperatorManagerBytecode, roundRobinOperatorManagerRuntime],
} as const;

export type ReleasedContract = keyof typeof RELEASED;

/** Whether the code at `address` is this release's. Throws `RpcUnavailable`. */
export async function hasReleasedCode(
  client: ChainClient,
  address: Address,
  contract: ReleasedContract,
): Promise<boolean> {
  const code = await ask("a contract's code", () => client.getCode({ address }));
  return isReleasedCode(code ?? "0x", contract);
}

export function isReleasedCode(code: string, contract: ReleasedContract): boolean {
  const [bytecode, { start, length, immutables }] = RELEASED[contract];
  const released = bytecode.slice(2 + 2 * start, 2 + 2 * (start + length));
  if (code.length !== 2 + released.length) return false;
  return masked(code.slice(2).toLowerCase(), immutables) === masked(released, immutables);
}

function masked(digits: string, immutables: readonly number[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const place of immutables) {
    parts.push(digits.slice(at, 2 * place), "0".repeat(WORD_DIGITS));
    at = 2 * place + WORD_DIGITS;
  }
  return [...parts, digits.slice(at)].join("");
}
