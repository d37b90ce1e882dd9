/**
 * The calls of the owners of Mediator and manager, each planned from what the chain shows: what it
 * changes, who must send it, and how the chain shows that it was done. The list of a manager with
 * slots is changed by `quarterdeck operators`.
 */
import { formatDecimal } from "../../base/decimal.ts";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { encodeTransferOwnership } from "../../chain/contracts/deployCalls.ts";
import type { ChainClock, ExchangeConstants } from "../../chain/contracts/mediator.ts";
import { MediatorReader } from "../../chain/contracts/mediator.ts";
import { encodeClaimBonds, encodeListToken } from "../../chain/contracts/mediatorCalls.ts";
import { encodeSetOperator, readClaimableBonds } from "../../chain/contracts/ownerCalls.ts";
import { encodeAcceptOwnership, readOwners } from "../../chain/contracts/ownership.ts";
import { type ApprovedOperator, SlotReader } from "../../chain/contracts/roundRobinManager.ts";
import { readTokenFacts } from "../../chain/contracts/tokens.ts";
import { readOpenDisputes } from "../../chain/follow/pastEvents.ts";
import { ask, type ChainClient, connect, readChainId } from "../../chain/rpc/rpc.ts";
import type { ChainAccess } from "../../operator/config/config.ts";
import { type Deadline, deadlines, disputesFrom } from "../deadlines.ts";

export interface OwnedExchange {
  readonly client: ChainClient;
  readonly chainId: number;
  readonly mediator: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly clock: ChainClock;
  /** Whether the manager's operators hold slots. */
  readonly hasSlots: boolean;
  /** All that is owed on chain, with last blocks. */
  readonly deadlines: readonly Deadline[];
}

export const CONTRACTS = ["mediator", "manager"] as const;
export type OwnedContract = (typeof CONTRACTS)[number];

/** One call, before anything is sent. */
export interface OwnerCall {
  readonly what: string;
  /** The account that must send it. */
  readonly by: Address;
  readonly to: Address;
  readonly data: Hex;
  /** The change, as a table. */
  readonly rows: readonly (readonly [string, string])[];
  readonly warnings: readonly string[];
  /** Whether the chain shows its effect. */
  isDone(): Promise<boolean>;
}

const ETHER_DECIMALS = 18;
const MOST_TOKENS = 32;
const LAST_ROUND = 2 ** 48;

/** Throws `RpcUnavailable`, `ChainMismatch`, and `ContractRefused` where no Mediator is. */
export async function connectOwned(
  access: Pick<ChainAccess, "rpc" | "mediator" | "chainId">,
): Promise<OwnedExchange> {
  const expected = access.chainId === undefined ? {} : { chainId: access.chainId };
  const chainId = await readChainId(access.rpc, expected);
  const client = connect(access.rpc, { chainId });
  const mediator = new MediatorReader(client, access.mediator);
  const [constants, clock] = await Promise.all([mediator.constants(), mediator.clock()]);
  const { schedule } = constants;
  const disputes = await readOpenDisputes(mediator, disputesFrom(schedule, clock.block));
  return {
    client,
    chainId,
    mediator,
    constants,
    clock,
    hasSlots: await new SlotReader(client, constants.manager).hasSlots(),
    deadlines: clock.halted ? [] : deadlines({ schedule, clock, disputes }),
  };
}

/** Throws `CallRefused` for what the Mediator would not take. */
export async function listTokenCall(exchange: OwnedExchange, token: Address): Promise<OwnerCall> {
  const { client, mediator, clock } = exchange;
  const listed = await mediator.tokenSet(LAST_ROUND);
  requireLiving(exchange);
  const code = await ask("a token's code", () => client.getCode({ address: token }));
  if (code === undefined || code === "0x") {
    throw refused(`There is no contract at ${token}.`, "Give the token's address on this chain.");
  }
  if (!listed.includes(token) && listed.length === MOST_TOKENS) {
    throw refused(`${MOST_TOKENS} tokens are listed, and no more can be.`, "None is taken off.");
  }
  const { symbol, decimals } = await readTokenFacts(client, token);
  return {
    what: `listing of ${symbol}`,
    by: (await readOwners(client, mediator.mediator)).owner,
    to: mediator.mediator,
    data: encodeListToken(token),
    rows: [
      ["token", `${symbol} ${token}, ${decimals} decimals`],
      ["tokens", `${listed.length} -> ${listed.length + 1} of ${MOST_TOKENS}`],
      ["from", `deposits at once, commits from round ${clock.round + 1} on, for ever`],
    ],
    warnings: ["a token that takes fees or changes balances harms its holders here"],
    isDone: async () => (await mediator.tokenSet(LAST_ROUND)).includes(token),
  };
}

/** In place of the one operator of a manager without slots. Throws `CallRefused`. */
export async function setOperatorCall(
  exchange: OwnedExchange,
  next: ApprovedOperator,
): Promise<OwnerCall> {
  const { client, mediator, constants, hasSlots, clock } = exchange;
  const { manager } = constants;
  if (hasSlots) {
    const hint = "Use quarterdeck operators add and remove.";
    throw refused(`The manager ${manager} has a list of operators.`, hint);
  }
  const now = await mediator.operator(manager);
  const words = (one: { address: string; name: string; uri: string } | undefined) =>
    one === undefined ? "nobody" : `${one.name} ${one.address} ${one.uri}`;
  const { address, name, endpoint } = next;
  const balance = await ask("a balance", () => client.getBalance({ address }));
  return {
    what: `operator ${address}`,
    by: (await readOwners(client, manager)).owner,
    to: manager,
    data: encodeSetOperator(next),
    rows: [
      ["operator", words(now)],
      ["becomes", words({ address, name, uri: endpoint })],
      ["from", `the block it is mined in; round ${clock.round} now`],
    ],
    warnings: [
      ...(balance === 0n ? [`${address} has no ether, and cannot commit`] : []),
      "it must have the journal, and be up, before the deadlines below: else the exchange HALTS",
    ],
    isDone: async () => {
      const found = await mediator.operator(manager);
      return found?.address === address && found.name === name && found.uri === endpoint;
    },
  };
}

/** The first of two steps: the new owner has to accept it. */
export async function transferCall(
  exchange: OwnedExchange,
  of: OwnedContract,
  owner: Address,
): Promise<OwnerCall> {
  const to = addressOfOwned(exchange, of);
  const owners = await readOwners(exchange.client, to);
  return {
    what: `hand-over of the ${of} to ${owner}`,
    by: owners.owner,
    to,
    data: encodeTransferOwnership(owner),
    rows: [
      [of, to],
      ["owner", `${owners.owner}, until the new one accepts`],
      ["offered to", `${owners.pending ?? "nobody"} -> ${owner}`],
    ],
    warnings: [],
    isDone: async () => {
      const { owner: now, pending } = await readOwners(exchange.client, to);
      return pending === owner || now === owner;
    },
  };
}

/** The second step, by the account that is offered it. Throws `CallRefused` where none is. */
export async function acceptCall(exchange: OwnedExchange, of: OwnedContract): Promise<OwnerCall> {
  const to = addressOfOwned(exchange, of);
  const { owner, pending } = await readOwners(exchange.client, to);
  if (pending === undefined) {
    throw refused(
      `The ${of} is offered to nobody; ${owner} owns it.`,
      "Its owner offers it first: quarterdeck owner transfer.",
    );
  }
  return {
    what: `acceptance of the ${of}`,
    by: pending,
    to,
    data: encodeAcceptOwnership(),
    rows: [
      [of, to],
      ["owner", `${owner} -> ${pending}`],
    ],
    warnings: [],
    isDone: async () => (await readOwners(exchange.client, to)).owner === pending,
  };
}

/** Bonds of answered disputes and cancelled requests, paid to `to`. Throws `CallRefused`. */
export async function claimBondsCall(
  { client, mediator }: OwnedExchange,
  by: Address,
  to: Address,
): Promise<OwnerCall> {
  const amount = await readClaimableBonds(client, mediator.mediator, by);
  if (amount === 0n) {
    throw refused(`${by} has no bonds to claim.`, "They come with each dispute that it closes.");
  }
  return {
    what: "claim of bonds",
    by,
    to: mediator.mediator,
    data: encodeClaimBonds(to),
    rows: [
      ["bonds", `${formatDecimal(amount, ETHER_DECIMALS)} ether of ${by}`],
      ["paid to", to],
    ],
    warnings: [],
    isDone: async () => (await readClaimableBonds(client, mediator.mediator, by)) === 0n,
  };
}

export function addressOfOwned({ mediator, constants }: OwnedExchange, of: OwnedContract): Address {
  return of === "mediator" ? mediator.mediator : constants.manager;
}

function requireLiving({ clock }: OwnedExchange): void {
  if (!clock.halted) return;
  throw refused(`The exchange is HALTED in round ${clock.round}, for good.`, "Deploy another.");
}

function refused(message: string, hint: string): QuarterdeckError {
  return new QuarterdeckError({ code: "CallRefused", message, hint });
}
