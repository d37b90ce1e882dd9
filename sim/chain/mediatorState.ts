/** The records of a Mediator, and its refusals. */
import type { Address, Hex } from "../../src/base/hex.ts";
import type { Execution, PresentedFill } from "../../src/protocol/disputeRule.ts";
import type { Amount, BlockNumber, Cover, Round } from "../../src/protocol/units.ts";
import { NO_CLAIMS, type SlotClaims } from "./slots.ts";

export interface Flow {
  readonly deposits: Amount;
  readonly requested: Amount;
}
export const NO_FLOW: Flow = { deposits: 0n, requested: 0n };

interface ListedToken {
  readonly token: Address;
  readonly round: Round;
  /** A(r) of the last commit. */
  readonly total: Amount;
}

export interface Request {
  readonly recipient: Address;
  readonly round: Round;
  readonly amount: Amount;
  readonly opening: Amount;
  readonly presented: readonly Cover[];
}

export interface Dispute {
  readonly openedBlock: BlockNumber;
  readonly open: boolean;
  readonly presented: readonly PresentedFill[];
  readonly mustProveOpenings: boolean;
  /** The balances that the client proved, if it did. */
  readonly openings: readonly Amount[] | undefined;
  readonly cover: Cover | undefined;
}

/** Values are never changed, only replaced: a shallow copy of each map is a copy. */
export interface MediatorState {
  tokens: readonly ListedToken[];
  completedRound: Round;
  committedTokens: number;
  readonly commitments: Map<string, Hex>;
  readonly flows: Map<string, Flow>;
  readonly clientFlows: Map<string, Flow>;
  readonly requests: Map<string, Request>;
  readonly keys: Map<Address, readonly { fromRound: Round; key: Address }[]>;
  readonly disputes: Map<string, Dispute>;
  readonly proven: Map<string, readonly Execution[]>;
  /** The Mediator's holdings of each token. */
  readonly held: Map<Address, Amount>;
  /** Of the manager. */
  claims: SlotClaims;
}

export function emptyState(): MediatorState {
  return {
    tokens: [],
    completedRound: 0,
    committedTokens: 0,
    commitments: new Map(),
    flows: new Map(),
    clientFlows: new Map(),
    requests: new Map(),
    keys: new Map(),
    disputes: new Map(),
    proven: new Map(),
    held: new Map(),
    claims: NO_CLAIMS,
  };
}

export function copyState(state: MediatorState): MediatorState {
  return {
    ...state,
    commitments: new Map(state.commitments),
    flows: new Map(state.flows),
    clientFlows: new Map(state.clientFlows),
    requests: new Map(state.requests),
    keys: new Map(state.keys),
    disputes: new Map(state.disputes),
    proven: new Map(state.proven),
    held: new Map(state.held),
  };
}

export interface Env {
  readonly block: BlockNumber;
  readonly sender: Address;
}

export interface Emitted {
  readonly eventName: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export const keyOf = (...parts: readonly (string | number | bigint)[]): string => parts.join(" ");
