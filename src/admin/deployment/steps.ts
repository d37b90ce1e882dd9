/**
 * A deployment as a list of steps in their order, each one transaction: what it sends, and how the
 * chain shows that it was done. Nothing else decides whether a step is still to be made.
 */
import type { Address, Hex } from "../../base/hex.ts";
import {
  encodeDeployMediator,
  encodeDeploySingleManager,
  encodeDeployTurnsManager,
  encodeTransferOwnership,
} from "../../chain/contracts/deployCalls.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import { encodeListToken } from "../../chain/contracts/mediatorCalls.ts";
import { readOwners } from "../../chain/contracts/ownership.ts";
import {
  encodeAddOperator,
  encodeSetCommitQuorum,
  encodeSetMaintenance,
  SlotReader,
} from "../../chain/contracts/roundRobinManager.ts";
import type { ChainClient } from "../../chain/rpc/rpc.ts";
import type { DeploymentPlan } from "./plan.ts";

/** Addresses of what was deployed so far. */
export interface Deployed {
  readonly manager?: Address;
  readonly mediator?: Address;
}

export interface DeployStep {
  /** Names it in the record and in errors. */
  readonly id: string;
  readonly what: string;
  /** Which contract it creates; undefined: it is a call of one. */
  readonly creates?: "manager" | "mediator";
  /** The transaction. `to` is undefined where it creates. */
  readonly call: (deployed: Required<Deployed>) => { readonly to?: Address; readonly data: Hex };
  /** Whether the chain shows its effect. Of a call only: code at its address shows a creation. */
  readonly isDone?: (client: ChainClient, deployed: Required<Deployed>) => Promise<boolean>;
}

const LAST_ROUND = 2 ** 48;

/** `deployer` owns both contracts until the last steps hand them over. */
export function stepsOf(plan: DeploymentPlan, deployer: Address): DeployStep[] {
  const { tokens, owner } = plan;
  const handOver = owner === deployer ? [] : (["manager", "mediator"] as const);
  return [
    createManager(plan, deployer),
    ...managerSteps(plan),
    {
      id: "mediator",
      what: "deployment of the Mediator",
      creates: "mediator",
      call: ({ manager }) => {
        const { roundSize, disputeBond, withdrawalBond } = plan;
        const settings = { manager, roundSize, disputeBond, withdrawalBond, owner: deployer };
        return { data: encodeDeployMediator(settings) };
      },
    },
    ...tokens.map(
      (token): DeployStep => ({
        id: `list ${token}`,
        what: `listing of ${token}`,
        call: ({ mediator }) => ({ to: mediator, data: encodeListToken(token) }),
        isDone: async (client, { mediator }) =>
          (await new MediatorReader(client, mediator).tokenSet(LAST_ROUND)).includes(token),
      }),
    ),
    ...handOver.map(
      (of): DeployStep => ({
        id: `hand over ${of}`,
        what: `hand-over of the ${of} to ${owner}`,
        call: (deployed) => ({ to: deployed[of], data: encodeTransferOwnership(owner) }),
        isDone: async (client, deployed) => {
          const owners = await readOwners(client, deployed[of]);
          return owners.pending === owner || owners.owner === owner;
        },
      }),
    ),
  ];
}

function createManager({ manager, operators }: DeploymentPlan, deployer: Address): DeployStep {
  const [first] = operators as [DeploymentPlan["operators"][number]];
  const data =
    manager.kind === "single"
      ? encodeDeploySingleManager(deployer, first)
      : encodeDeployTurnsManager(deployer, manager.genesisBlocks, manager.slotBlocks);
  const what = "deployment of the manager";
  return { id: "manager", what, creates: "manager", call: () => ({ data }) };
}

/** The list of a manager with slots changes in maintenance only. */
function managerSteps({ manager, operators }: DeploymentPlan): DeployStep[] {
  if (manager.kind === "single") return [];
  const turnsOf = (client: ChainClient, { manager: at }: Required<Deployed>) =>
    new SlotReader(client, at).slots();
  const maintenance = (wanted: boolean): DeployStep => ({
    id: wanted ? "enter maintenance" : "leave maintenance",
    what: wanted ? "maintenance of the manager" : "end of the manager's maintenance",
    call: ({ manager: to }) => ({ to, data: encodeSetMaintenance(wanted) }),
    isDone: async (client, deployed) => (await turnsOf(client, deployed)).inMaintenance === wanted,
  });
  const approvals = operators.map(
    (operator): DeployStep => ({
      id: `approve ${operator.address}`,
      what: `approval of ${operator.name}`,
      call: ({ manager: to }) => ({ to, data: encodeAddOperator(operator) }),
      isDone: async (client, deployed) =>
        (await turnsOf(client, deployed)).operators.some((one) => one.address === operator.address),
    }),
  );
  const { commitQuorum } = manager;
  const quorum: DeployStep = {
    id: "quorum",
    what: `commit quorum of ${commitQuorum}`,
    call: ({ manager: to }) => ({ to, data: encodeSetCommitQuorum(commitQuorum) }),
    isDone: async (client, { manager: of }) =>
      (await new MediatorReader(client, of).commitQuorum(of)) === commitQuorum,
  };
  return [
    maintenance(true),
    ...approvals,
    ...(commitQuorum > 1 ? [quorum] : []),
    maintenance(false),
  ];
}
