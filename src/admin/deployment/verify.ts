/** A deployment on chain against its manifest and this release's code, without any explorer. */
import type { Address } from "../../base/hex.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import { readOwners } from "../../chain/contracts/ownership.ts";
import { hasReleasedCode } from "../../chain/contracts/releaseCode.ts";
import { SlotReader } from "../../chain/contracts/roundRobinManager.ts";
import type { ChainClient } from "../../chain/rpc/rpc.ts";
import type { Manifest } from "../../operator/config/manifest.ts";

export interface DeploymentCheck {
  readonly what: string;
  readonly state: "ok" | "warn" | "fail";
  readonly detail: string;
}

/** Every check, in a fixed order. Throws `RpcUnavailable`, and `ContractRefused` for a wrong contract. */
export async function verifyDeployment(
  client: ChainClient,
  manifest: Manifest,
): Promise<DeploymentCheck[]> {
  const { mediator, manager } = manifest;
  const reader = new MediatorReader(client, mediator);
  const code = await codeChecks(client, manifest);
  // A contract that is no Mediator has no settings.
  if (code.some(({ what, state }) => what === "code of mediator" && state === "fail")) return code;
  const [facts, disputes, clock] = await Promise.all([
    reader.exchange(),
    reader.disputes(),
    reader.clock(),
  ]);
  const { schedule } = facts;
  const listed = facts.tokens.map(({ token }) => token);
  return [
    same("chain", facts.domain.chainId, manifest.chainId),
    ...code,
    same("manager", facts.manager, manager),
    ...(manifest.disputes === undefined ? [] : [same("disputes", disputes, manifest.disputes)]),
    same("genesis block", schedule.genesisBlock, manifest.genesisBlock),
    same("round size", schedule.roundSize, manifest.roundSize),
    same("dispute bond", facts.disputeBond, manifest.disputeBond),
    same("withdrawal bond", facts.withdrawalBond, manifest.withdrawalBond),
    sameSet(
      "tokens",
      listed,
      manifest.tokens.map(({ token }) => token),
    ),
    ...(await operatorChecks(client, manifest)),
    await ownerCheck(client, "owner of the mediator", mediator, manifest.owner),
    await ownerCheck(client, "owner of the manager", manager, manifest.owner),
    clock.halted
      ? { what: "state", state: "fail", detail: `HALTED in round ${clock.round}` }
      : { what: "state", state: "ok", detail: `round ${clock.round}, block ${clock.block}` },
  ];
}

async function codeChecks(client: ChainClient, manifest: Manifest): Promise<DeploymentCheck[]> {
  const { mediator, manager, managerKind } = manifest;
  const check = (what: string, isReleased: boolean, at: Address): DeploymentCheck => ({
    what: `code of ${what}`,
    state: isReleased ? "ok" : "fail",
    detail: isReleased ? `this release's, at ${at}` : `not this release's, at ${at}`,
  });
  const isMediator = await hasReleasedCode(client, mediator, "mediator");
  const found = [check("mediator", isMediator, mediator)];
  if (!isMediator) return found;
  const disputes = await new MediatorReader(client, mediator).disputes();
  found.push(check("disputes", await hasReleasedCode(client, disputes, "disputes"), disputes));
  const kind = managerKind === "single" ? "singleManager" : "turnsManager";
  found.push(check("manager", await hasReleasedCode(client, manager, kind), manager));
  return found;
}

async function operatorChecks(
  client: ChainClient,
  { mediator, manager, managerKind, operators, commitQuorum }: Manifest,
): Promise<DeploymentCheck[]> {
  const reader = new MediatorReader(client, mediator);
  const words = (one: { address: string; name: string; endpoint: string }) =>
    `${one.name} ${one.address} ${one.endpoint}`;
  const quorum = same("commit quorum", await reader.commitQuorum(manager), commitQuorum);
  if (managerKind === "single") {
    const one = await reader.operator(manager);
    const found = one === undefined ? [] : [words({ ...one, endpoint: one.uri })];
    return [sameSet("operators", found, operators.map(words)), quorum];
  }
  const slots = await new SlotReader(client, manager).slots();
  return [
    sameSet("operators", slots.operators.map(words), operators.map(words)),
    quorum,
    same("maintenance", slots.inMaintenance, false),
  ];
}

/** Two steps: it is offered, and accepted. */
async function ownerCheck(
  client: ChainClient,
  what: string,
  contract: Address,
  wanted: Address,
): Promise<DeploymentCheck> {
  const { owner, pending } = await readOwners(client, contract);
  if (owner === wanted) return { what, state: "ok", detail: owner };
  if (pending === wanted) {
    return { what, state: "warn", detail: `${owner}, until ${wanted} accepts it` };
  }
  return { what, state: "fail", detail: `${owner}, and not ${wanted}` };
}

function same(what: string, found: unknown, wanted: unknown): DeploymentCheck {
  if (found === wanted) return { what, state: "ok", detail: String(found) };
  return { what, state: "fail", detail: `${found}, and not ${wanted}` };
}

function sameSet(
  what: string,
  found: readonly string[],
  wanted: readonly string[],
): DeploymentCheck {
  const more = found.filter((one) => !wanted.includes(one));
  const less = wanted.filter((one) => !found.includes(one));
  if (more.length + less.length === 0) return { what, state: "ok", detail: found.join(", ") };
  const parts = [
    ...(more.length > 0 ? [`besides: ${more.join(", ")}`] : []),
    ...(less.length > 0 ? [`missing: ${less.join(", ")}`] : []),
  ];
  return { what, state: "fail", detail: parts.join("; ") };
}
