/** A seed's world: its sizes, and its faults. */
import type { OperatorConfig } from "../../src/operator/config/config.ts";
import type { BlockNumber, Schedule } from "../../src/protocol/units.ts";
import type { SlotTerms } from "../chain/terms.ts";
import { DIALECTS, type Dialect } from "../host/dialects.ts";
import {
  CREEPING_FAULTS,
  DRAWN_FAULTS,
  type EndpointFault,
  INVENTING_FAULTS,
  LIMIT_FAULTS,
  REFUTABLE_FAULTS,
  VIEW_FAULTS,
  WORD_FAULTS,
} from "../host/endpointFaults.ts";
import type { Random } from "../host/random.ts";
import { FAULTS, type FaultKind, SHARED_FAULTS } from "./faultKinds.ts";

/**
 * alone: one operator, on its own disk, and endpoints that fail in simple ways. endpoints: one
 * operator, and endpoints that say what is not so. several: operators that share a journal.
 */
export const WORLD_KINDS = ["alone", "endpoints", "several"] as const;
export type WorldKind = (typeof WORLD_KINDS)[number];

/** One endpoint has the fault in these blocks, both included. */
export interface PlannedFault {
  readonly endpoint: number;
  readonly fault: EndpointFault;
  readonly from: BlockNumber;
  readonly to: BlockNumber;
}

export interface PlannedEndpoint {
  readonly dialect: Dialect;
  readonly scheme: "http" | "ws";
}

export interface Plan {
  readonly kind: WorldKind;
  readonly rounds: number;
  readonly schedule: Schedule;
  readonly confirmations: number;
  readonly blockMs: number;
  readonly pollMs: OperatorConfig["pollMs"];
  readonly endpoints: readonly PlannedEndpoint[];
  readonly endpointFaults: readonly PlannedFault[];
  /** The endpoint that tells the truth whenever it answers; undefined: none does. */
  readonly truthful: number | undefined;
  /** How much of each header's bloom the logs of other contracts fill. */
  readonly bloomFill: "none" | "half" | "full";
  /** Whether the hashes of blocks are those of their headers. */
  readonly provenHeaders: boolean;
  readonly operators: number;
  readonly slots: SlotTerms | undefined;
  /** Milliseconds that a lease of the shared journal lasts. */
  readonly leaseMs: number;
  readonly clients: number;
  /** Orders of a client and round that may count, where clients state what is closed. */
  readonly orderLimit: number | undefined;
  readonly faults: ReadonlySet<FaultKind>;
  /** Every duty gets its fair chance: a halt is then a fault of the operators. */
  readonly fair: boolean;
  /** In which block the chain reorganises deeper than any confirmation, if it does. */
  readonly deepReorgAt: number | undefined;
}

export interface PlanOptions {
  readonly kind?: WorldKind;
  readonly rounds?: number;
  /** Instead of those that the seed chooses. */
  readonly faults?: readonly FaultKind[];
  /** Likewise: one endpoint has this fault all the time, and a second none. */
  readonly endpointFault?: EndpointFault;
  /** There is no second endpoint. */
  readonly lone?: boolean;
  /** Whether clients sign statements; instead of what the seed chooses. */
  readonly statements?: boolean;
}

export const GENESIS_BLOCK = 10;
const DEFAULT_ROUNDS = 4;

export function planOf(random: Random, options: PlanOptions = {}): Plan {
  const plan = { ...planOfOne(random, options), orderLimit: orderLimitOf(random, options) };
  switch (options.kind ?? "alone") {
    case "alone":
      return plan;
    case "endpoints":
      return withEndpointFaults(plan, random.split("endpoints"), options);
    case "several":
      return withOperators(plan, random.split("several"), options);
  }
}

/** Drawn in this order: older seeds mean what they meant. */
function planOfOne(random: Random, options: PlanOptions): Omit<Plan, "orderLimit"> {
  const quarter = random.pick([16, 20]);
  const schedule = { genesisBlock: GENESIS_BLOCK, roundSize: 4 * quarter };
  const rounds = options.rounds ?? DEFAULT_ROUNDS;
  const faults = new Set<FaultKind>(FAULTS.filter(() => random.chance(0.55)));
  const last = GENESIS_BLOCK + rounds * schedule.roundSize;
  const measures = {
    confirmations: random.int(1, 4),
    blockMs: 12_000,
    pollMs: random.int(2000, 5000),
    endpoints: honest(random.int(1, 3)),
    clients: random.int(2, 5),
    faults: options.faults === undefined ? faults : new Set(options.faults),
    fair: random.chance(0.9),
    deepReorgAt: random.chance(0.08) ? random.int(GENESIS_BLOCK + 20, last) : undefined,
  };
  if (random.chance(0.25)) faults.add("pools");
  return {
    ...measures,
    kind: "alone",
    rounds,
    schedule,
    endpointFaults: [],
    truthful: 0,
    bloomFill: "none",
    provenHeaders: random.split("headers").chance(0.8),
    operators: 1,
    slots: undefined,
    leaseMs: 0,
  };
}

/** So few that a round's trading goes beyond them by statements alone. */
function orderLimitOf(random: Random, { statements }: PlanOptions): number | undefined {
  const own = random.split("statements");
  const isChosen = own.chance(0.7);
  return (statements ?? isChosen) ? own.int(4, 8) : undefined;
}

function honest(count: number): PlannedEndpoint[] {
  return Array.from({ length: count }, () => ({
    dialect: "geth" as const,
    scheme: "http" as const,
  }));
}

/** One world in six has a liar alone; in the others one endpoint at least is true. */
function withEndpointFaults(plan: Plan, random: Random, options: PlanOptions): Plan {
  const lone = options.lone ?? (options.endpointFault === undefined && random.chance(0.16));
  const count = lone ? 1 : options.endpointFault === undefined ? random.int(2, 3) : 2;
  const named = options.endpointFault !== undefined;
  const truthful = lone ? undefined : named ? count - 1 : random.int(0, count - 1);
  const last = lastBlockOf(plan);
  const endpoints = Array.from({ length: count }, () => ({
    dialect: random.pick(DIALECTS),
    scheme: random.chance(0.25) ? ("ws" as const) : ("http" as const),
  }));
  const liars = endpoints.map((_, index) => index).filter((index) => index !== truthful);
  const { endpointFault } = options;
  const endpointFaults =
    endpointFault === undefined
      ? liars.flatMap((endpoint) => faultsOf(endpoint, last, random, DRAWN_FAULTS))
      : liars.map((endpoint) => ({ endpoint, fault: endpointFault, from: 0, to: last }));
  const pushesNone = new Set(
    endpointFaults.filter(({ fault }) => fault === "noSubscribe").map(({ endpoint }) => endpoint),
  );
  const others = new Set(FAULTS.filter((kind) => plan.faults.has(kind) && random.chance(0.4)));
  const isExact = endpointFault !== undefined || random.chance(0.5);
  if (!lone && !named) {
    endpointFaults.push(
      ...refutableFaults(liars, last, random.split("refutable"), REFUTABLE_FAULTS),
      ...refutableFaults(liars, last, random.split("lies"), VIEW_FAULTS),
      ...refutableFaults(liars, last, random.split("words"), WORD_FAULTS),
      ...refutableFaults(liars, last, random.split("creeping"), CREEPING_FAULTS),
      ...refutableFaults(liars, last, random.split("inventing"), INVENTING_FAULTS),
    );
  }
  return {
    ...plan,
    kind: "endpoints",
    // Over HTTP nobody subscribes.
    endpoints: endpoints.map((one, i) => (pushesNone.has(i) ? { ...one, scheme: "ws" } : one)),
    endpointFaults,
    truthful,
    bloomFill: isExact ? "none" : random.pick(["half", "full"] as const),
    faults: options.faults === undefined ? others : plan.faults,
    fair: !lone,
    deepReorgAt: undefined,
  };
}

/** One to three faults of one endpoint, one after the other or at once. */
function faultsOf(
  endpoint: number,
  last: BlockNumber,
  random: Random,
  kinds: readonly EndpointFault[],
): PlannedFault[] {
  return Array.from({ length: random.int(1, 3) }, () => {
    const from = random.chance(0.4) ? 0 : random.int(0, last);
    const to = random.chance(0.5) ? last : Math.min(last, from + random.int(5, 80));
    return { endpoint, fault: random.pick(kinds), from, to };
  });
}

/** One liar in four lies for a while in what a true endpoint refutes. */
function refutableFaults(
  liars: readonly number[],
  last: BlockNumber,
  random: Random,
  kinds: readonly EndpointFault[],
): readonly PlannedFault[] {
  const chosen = liars.filter(() => random.chance(0.25));
  return chosen.map((endpoint) => {
    const from = random.int(0, last);
    return { endpoint, fault: random.pick(kinds), from, to: from + random.int(5, 80) };
  });
}

const SEVERAL_QUARTER = 24;

function withOperators(plan: Plan, random: Random, options: PlanOptions): Plan {
  const schedule = { genesisBlock: GENESIS_BLOCK, roundSize: 4 * SEVERAL_QUARTER };
  const count = random.int(2, 3);
  const truthful = random.int(0, count - 1);
  const kinds = [...FAULTS, ...SHARED_FAULTS].filter((kind) => kind !== "disk");
  const faults = new Set<FaultKind>(kinds.filter(() => random.chance(0.5)));
  const several: Plan = {
    ...plan,
    kind: "several",
    rounds: options.rounds ?? 3,
    schedule,
    truthful,
    endpoints: honest(count),
    operators: random.int(2, 3),
    slots: { anchorBlock: GENESIS_BLOCK + 4, size: random.int(4, 6) },
    leaseMs: random.pick([1500, 3000]),
    faults: options.faults === undefined ? faults : new Set(options.faults),
    deepReorgAt: undefined,
  };
  const mayLimit = options.faults === undefined && random.chance(0.3);
  const last = lastBlockOf(several);
  const liars = several.endpoints.map((_, index) => index).filter((index) => index !== truthful);
  const { endpointFault: fault } = options;
  if (fault !== undefined) {
    const endpointFaults = liars.map((endpoint) => ({ endpoint, fault, from: 0, to: last }));
    return { ...several, endpointFaults };
  }
  const limited = mayLimit ? liars : [];
  const words = options.faults === undefined ? liars : [];
  const endpointFaults = [
    ...limited.flatMap((index) => faultsOf(index, last, random, LIMIT_FAULTS)),
    ...refutableFaults(words, last, random.split("words"), WORD_FAULTS),
  ];
  return { ...several, endpointFaults };
}

export function lastBlockOf({ rounds, schedule }: Plan): BlockNumber {
  return schedule.genesisBlock + rounds * schedule.roundSize;
}

/**
 * True if a missing log cannot be distinguished from an absent one: the only endpoint hides a log
 * of a block, and shows another one that is like it.
 */
export function isUnprovable({ truthful, endpointFaults }: Plan): boolean {
  return truthful === undefined && endpointFaults.some(({ fault }) => fault === "logsDropped");
}

/** Behind nonces that a false word has skipped a transaction waits, and may be mined too late. */
export function maySkipNonces({ endpointFaults }: Plan): boolean {
  return endpointFaults.some(({ fault }) => fault === "noncesAhead");
}
