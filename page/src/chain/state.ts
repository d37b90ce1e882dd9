/** The exchange as the visitor's own endpoint shows it. Written by follow.ts, which comes later. */
import { computed, signal } from "@preact/signals";
import type { Address, Hex } from "../../../src/base/hex.ts";
import type { ChainClock } from "../../../src/chain/contracts/mediator.ts";
import type { SlotView } from "../../../src/chain/contracts/roundRobinManager.ts";
import type { ChainLog } from "../../../src/protocol/chainLog.ts";
import type { Amount, Round } from "../../../src/protocol/units.ts";
import type { PastSlot } from "./pastSlots.ts";

export interface TokenHolding {
  readonly token: Address;
  readonly symbol: string;
  readonly decimals: number;
  /** Base units that the Mediator holds. */
  readonly held: Amount;
  /** Base units of the last committed total; undefined: none yet. */
  readonly committed: Amount | undefined;
  /** Base units asked for and not yet paid or cancelled, beside the committed total. */
  readonly requested: Amount;
  readonly round: Round;
}

export interface CommitDetails {
  readonly sender: Address;
  readonly attesters: readonly Address[];
  readonly gasUsed: bigint;
  /** Wei. */
  readonly fee: bigint;
}

/** An owner's powers are the contract's functions that only the owner may call. */
export interface Powers {
  readonly mediatorOwner: Address;
  readonly mediatorPending: Address | undefined;
  readonly managerOwner: Address;
  readonly managerPending: Address | undefined;
  /** Whether code answers there: a multisig or a timelock; else a single key. */
  readonly isContract: Readonly<Record<Address, boolean>>;
  readonly commitQuorum: number;
}

export interface ChainOperators {
  /** Undefined: the manager has no slots, and one operator. */
  readonly slots: SlotView | undefined;
  readonly operators: readonly {
    readonly address: Address;
    readonly name: string;
    readonly endpoint: string;
    /** Wei of its key. */
    readonly balance: bigint;
  }[];
}

export const chainClock = signal<ChainClock | undefined>(undefined);
export const holdings = signal<readonly TokenHolding[]>([]);
/** Oldest first, of the last rounds. */
export const logs = signal<readonly ChainLog[]>([]);
/** First block from which `logs` are complete. */
export const logsFrom = signal(0);
export const commitDetails = signal<ReadonlyMap<Hex, CommitDetails>>(new Map());
export const powers = signal<Powers | undefined>(undefined);
export const chainOperators = signal<ChainOperators | undefined>(undefined);
/** Newest first; undefined: the manager has no slots, or they are not read yet. */
export const pastSlots = signal<readonly PastSlot[] | undefined>(undefined);
/** Why the chain cannot be read now. */
export const chainProblem = signal<string | undefined>(undefined);
/** The local chain of `npm start`: test tokens for everybody. */
export const isLocalChain = signal(false);

export const isSolvent = computed(() =>
  holdings.value.every(({ held, committed = 0n, requested }) => held >= committed + requested),
);

/** Logs of one kind, newest first. */
export function logsOf<Kind extends ChainLog["kind"]>(kind: Kind) {
  const found = logs.value.filter(
    (log): log is Extract<ChainLog, { readonly kind: Kind }> => log.kind === kind,
  );
  return found.reverse();
}
