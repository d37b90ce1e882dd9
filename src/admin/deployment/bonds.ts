/** The bonds of a plan, which never change, beside the least useful ones (docs/security.md). */
import { formatDecimal } from "../../base/decimal.ts";
import { DEFAULT_SHAPE, leastBonds } from "../../protocol/limits.ts";
import type { DeploymentPlan } from "./plan.ts";

const ETHER_DECIMALS = 18;
const GWEI_DECIMALS = 9;

type Bonds = Pick<DeploymentPlan, "disputeBond" | "withdrawalBond" | "tokens">;

/**
 * The rows that a deployment shows of its bonds; `warning` where a flood would cost the operator
 * more than its sender, at `feePerGas` wei for each unit of the answers' gas.
 */
export function judgeBonds({ disputeBond, withdrawalBond, tokens }: Bonds, feePerGas: bigint) {
  const least = leastBonds({ tokens: tokens.length, levels: DEFAULT_SHAPE.depth }, feePerGas);
  const fee = `${formatDecimal(feePerGas, GWEI_DECIMALS)} gwei`;
  const row = (given: bigint, needed: bigint) =>
    `${ether(given)}; from ${ether(needed)} on it pays for its answers at ${fee}`;
  const isEnough = disputeBond >= least.disputeBond && withdrawalBond >= least.withdrawalBond;
  const warning =
    "These bonds are too low, and can never be raised: whoever floods this exchange makes its " +
    "operator pay more than it pays itself. Raise them in the plan, or name the highest fee at " +
    "which you would still answer (--bond-fee).";
  return {
    rows: [
      ["dispute bond", row(disputeBond, least.disputeBond)],
      ["withdrawal bond", row(withdrawalBond, least.withdrawalBond)],
    ] as [string, string][],
    warning: isEnough ? undefined : warning,
  };
}

function ether(wei: bigint): string {
  return `${formatDecimal(wei, ETHER_DECIMALS)} ether`;
}
