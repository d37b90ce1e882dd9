/** Reads what a plan is made of: the chain, and each operator at its endpoint. */

import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { type ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import { type ApprovedOperator, SlotReader } from "../chain/contracts/roundRobinManager.ts";
import { readOpenDisputes } from "../chain/follow/pastEvents.ts";
import { ask, type ChainClient, connect, readChainId } from "../chain/rpc/rpc.ts";
import { Api } from "../client/api.ts";
import type { ChainAccess } from "../operator/config/config.ts";
import { MAX_VIEW_LAG_BLOCKS } from "../protocol/tolerances.ts";
import type { BlockNumber } from "../protocol/units.ts";
import type { Facts } from "./change.ts";
import { disputesFrom } from "./deadlines.ts";

/** An exchange whose operators hold slots. */
export interface SlotsOnChain {
  readonly client: ChainClient;
  readonly chainId: number;
  readonly mediator: MediatorReader;
  readonly manager: SlotReader;
  readonly constants: ExchangeConstants;
}

/** Throws `NoSlots` for a manager with one operator, and what the chain's reads throw. */
export async function connectSlots(
  access: Pick<ChainAccess, "rpc" | "mediator" | "chainId">,
): Promise<SlotsOnChain> {
  const expected = access.chainId === undefined ? {} : { chainId: access.chainId };
  const chainId = await readChainId(access.rpc, expected);
  const client = connect(access.rpc, { chainId });
  const mediator = new MediatorReader(client, access.mediator);
  const constants = await mediator.constants();
  const manager = new SlotReader(client, constants.manager);
  if (await manager.hasSlots()) return { client, chainId, mediator, manager, constants };
  throw new QuarterdeckError({
    code: "NoSlots",
    message: `The manager ${constants.manager} has one operator, and no list.`,
    hint: "These commands are for a RoundRobinOperatorManager.",
  });
}

/** The facts found out about one operator. */
export interface Sign {
  readonly operator: ApprovedOperator;
  /** Wei. */
  readonly balance: bigint;
  /** Undefined: it serves this exchange with this key, follows the chain, and can pay. */
  readonly problem: string | undefined;
}

/**
 * Asks each operator at its endpoint, all at once; a silent one counts as dead after ten seconds.
 */
export function readSigns(
  exchange: SlotsOnChain,
  operators: readonly ApprovedOperator[],
  head: BlockNumber,
): Promise<Sign[]> {
  return Promise.all(
    operators.map(async (operator) => {
      const { address } = operator;
      const balance = await ask("a balance", () => exchange.client.getBalance({ address }));
      const silent = await problemOf(exchange, operator, head);
      return { operator, balance, problem: balance === 0n ? "its key has no ether" : silent };
    }),
  );
}

async function problemOf(
  { constants }: SlotsOnChain,
  { address, endpoint }: ApprovedOperator,
  head: BlockNumber,
): Promise<string | undefined> {
  try {
    const api = new Api(endpoint);
    const [served, clock] = await Promise.all([api.call("fetchExchange"), api.call("fetchClock")]);
    const { chainId, mediator } = constants.domain;
    if (served.chainId !== chainId || served.mediator !== mediator) {
      return `it serves ${served.mediator} on chain ${served.chainId}`;
    }
    if (served.operator !== address) return `it signs with ${served.operator}`;
    const lag = Math.max(head - clock.chainHead, head - served.confirmations - clock.block);
    return lag > MAX_VIEW_LAG_BLOCKS ? `it is ${lag} blocks behind` : undefined;
  } catch (error) {
    if (error instanceof QuarterdeckError) return error.message;
    throw error;
  }
}

/** As of about the newest block. `candidate`: whose life matters too. */
export async function readFacts(
  exchange: SlotsOnChain,
  candidate: ApprovedOperator | undefined,
): Promise<Facts & { readonly signs: readonly Sign[] }> {
  const { client, mediator, manager, constants } = exchange;
  const { schedule } = constants;
  const [clock, slots, owner, quorum] = await Promise.all([
    mediator.clock(),
    manager.slots(),
    manager.owner(),
    mediator.commitQuorum(manager.manager),
  ]);
  const asked = candidate === undefined ? slots.operators : [...slots.operators, candidate];
  const [disputes, signs, ownerBalance, gasPrice] = await Promise.all([
    readOpenDisputes(mediator, disputesFrom(schedule, clock.block)),
    readSigns(exchange, asked, clock.block),
    ask("the owner's balance", () => client.getBalance({ address: owner })),
    ask("the price of gas", () => client.getGasPrice()),
  ]);
  const living = signs.filter(({ problem }) => problem === undefined);
  return {
    schedule,
    clock,
    slots,
    owner,
    quorum,
    disputes,
    ownerBalance,
    gasPrice,
    signs,
    living: new Set<Address>(living.map(({ operator }) => operator.address)),
  };
}
