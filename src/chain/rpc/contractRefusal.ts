/** A contract's own error, from its refusal of a call. */
import { decodeErrorResult, type Hex as ViemHex } from "viem";
import { mediatorAbi } from "../abi/mediator.ts";
import { mutableOperatorManagerAbi } from "../abi/mutableOperatorManager.ts";
import { roundRobinOperatorManagerAbi } from "../abi/roundRobinOperatorManager.ts";
import { testTokenAbi } from "../abi/testToken.ts";
import { kindOf, revertDataOf } from "./errorKinds.ts";
import { ContractRefused, causeOf, isUnanswered, shortMessage } from "./errors.ts";

/** The contracts whose typed errors we can name. */
const KNOWN = [
  ...mediatorAbi,
  ...mutableOperatorManagerAbi,
  ...roundRobinOperatorManagerAbi,
  ...testTokenAbi,
];
/** A run that took all the gas which the endpoint allows: the contract answers nobody. */
const OUT_OF_GAS = /out of ?gas/i;
/** Hexadecimal digits of an error's selector, with `0x`. */
const SELECTOR_LENGTH = 10;

/** The revert behind a failed call as `ContractRefused`, undefined if it did not revert. */
export function asContractRefused(error: unknown, what: string): ContractRefused | undefined {
  // An endpoint may speak of a revert where nothing ran.
  const kind = kindOf(error);
  if (kind !== undefined && kind !== "reverted") return undefined;
  const data = revertDataOf(causeOf(error, (part) => revertDataOf(part) !== undefined));
  if (data !== undefined && data.length >= SELECTOR_LENGTH) {
    try {
      const { errorName, args } = decodeErrorResult({ abi: KNOWN, data: data as ViemHex });
      return new ContractRefused(what, errorName, (args ?? []) as readonly unknown[], error);
    } catch {
      const selector = data.slice(0, SELECTOR_LENGTH);
      return new ContractRefused(what, `unknown ${selector}`, [], error);
    }
  }
  const reverted = /revert/i.test(shortMessage(error));
  return reverted ? new ContractRefused(what, "reverted without data", [], error) : undefined;
}

/**
 * Whether the contract itself is why `ask` has no result of its view: the contract reverts, or
 * answers in another form. Otherwise no endpoint answered, or one is of another chain.
 */
export function isContractsWord(error: unknown): boolean {
  if (error instanceof ContractRefused) return true;
  if (isUnanswered(error)) return false;
  return kindOf(error) === undefined || OUT_OF_GAS.test(shortMessage(error));
}
