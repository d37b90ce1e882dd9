/**
 * How clients and providers word their errors: one table, by kind. Codes differ and are reused, so
 * words come first (kinds.ts). Each row has an example as its client says it, which the tests sort.
 */
import { HISTORY, LIMITS, METHODS, PLANS, WIDTHS } from "./endpointWordings.ts";
import { TRANSACTIONS } from "./transactionWordings.ts";
import { row, type Wording } from "./wording.ts";

/**
 * In the order in which they are tried. Transactions come first: their refusals speak of limits in
 * passing, as those of logs do of plans.
 */
export const WORDINGS: readonly Wording[] = [
  ...TRANSACTIONS,
  ...LIMITS,
  ...WIDTHS,
  ...PLANS,
  ...HISTORY,
  ...METHODS,
];

/** The EVM's ends of a call, and how clients call them. */
export const REVERTED: readonly Wording[] = [
  row("reverted", "geth, Erigon, Reth, Besu, Hardhat, anvil", /revert/i, "execution reverted: no"),
  row("reverted", "Nethermind, OpenEthereum", /VM execution error/i, "VM execution error."),
  row(
    "reverted",
    "geth, anvil, Hardhat, Nethermind",
    /\bopcode\b|(invalid|bad) (instruction|jump)/i,
    "invalid opcode: MCOPY",
  ),
  row("reverted", "anvil, revm", /EVM error|NotActivated/, "EVM error NotActivated"),
];
