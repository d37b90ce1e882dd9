/**
 * A deployment as a file that other commands read in place of addresses. The file holds no key and
 * no endpoint.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseAddress } from "../../base/address.ts";
import { messageOf, QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import type { ChainClient } from "../../chain/rpc/rpc.ts";
import type { DeploymentPlan } from "./plan.ts";
import { writeDurably } from "./record.ts";

const address = z.string().transform((text, context): Address => {
  const outcome = parseAddress(text);
  if (outcome.ok) return outcome.value;
  context.addIssue({ code: "custom", message: outcome.problem });
  return z.NEVER;
});
const wei = z
  .string()
  .regex(/^[0-9]{1,39}$/)
  .transform(BigInt);
const block = z.number().int().min(0);

const manifest = z.object({
  version: z.literal(1),
  chainId: z.number().int(),
  mediator: address,
  manager: address,
  managerKind: z.enum(["single", "roundRobin"]),
  genesisBlock: block,
  roundSize: block,
  disputeBond: wei,
  withdrawalBond: wei,
  owner: address,
  commitQuorum: z.number().int(),
  tokens: z.array(z.object({ token: address, symbol: z.string(), decimals: z.number().int() })),
  operators: z.array(z.object({ address, name: z.string(), endpoint: z.string() })),
});

export type Manifest = z.output<typeof manifest>;

/** From the plan, and what the chain says of what was deployed. */
export async function manifestOf(
  client: ChainClient,
  plan: DeploymentPlan,
  mediator: Address,
): Promise<Manifest> {
  const { manager, schedule, tokens } = await new MediatorReader(client, mediator).exchange();
  const { chainId, disputeBond, withdrawalBond, owner, operators } = plan;
  const { kind } = plan.manager;
  return {
    version: 1,
    chainId,
    mediator,
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

/** Throws `BadManifest`. */
export function readManifest(file: string): Manifest {
  try {
    return manifest.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const why =
      issue === undefined ? messageOf(error) : `${issue.path.join(".")}: ${issue.message}`;
    throw new QuarterdeckError({
      code: "BadManifest",
      message: `${file} is no manifest of a deployment (${why}).`,
      hint: "Name the file that quarterdeck deploy wrote.",
      cause: error,
    });
  }
}
