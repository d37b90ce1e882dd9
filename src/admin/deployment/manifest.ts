/** The manifest of what was deployed, made and written. */
import type { Address } from "../../base/hex.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import type { ChainClient } from "../../chain/rpc/rpc.ts";
import type { Manifest } from "../../operator/config/manifest.ts";
import type { DeploymentPlan } from "./plan.ts";
import { writeDurably } from "./record.ts";

/** From the plan, and what the chain says of what was deployed. */
export async function manifestOf(
  client: ChainClient,
  plan: DeploymentPlan,
  mediator: Address,
): Promise<Manifest> {
  const reader = new MediatorReader(client, mediator);
  const [{ manager, schedule, tokens }, disputes] = await Promise.all([
    reader.exchange(),
    reader.disputes(),
  ]);
  const { chainId, disputeBond, withdrawalBond, owner, operators } = plan;
  const { kind } = plan.manager;
  return {
    version: 1,
    chainId,
    mediator,
    disputes,
    manager,
    managerKind: kind,
    ...schedule,
    disputeBond,
    withdrawalBond,
    owner,
    operators,
    commitQuorum: kind === "single" ? 1 : plan.manager.commitQuorum,
    tokens: tokens.map(({ token, symbol, decimals }) => ({ token, symbol, decimals })),
  };
}

export async function writeManifest(file: string, value: Manifest): Promise<void> {
  const text = (_: string, part: unknown) => (typeof part === "bigint" ? `${part}` : part);
  await writeDurably(file, `${JSON.stringify(value, text, 2)}\n`);
}
