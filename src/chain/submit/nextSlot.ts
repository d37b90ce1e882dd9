/**
 * The life of one nonce of a key, as a pure state machine. A version is a transaction that was
 * signed for the nonce and broadcast; the chain takes at most one version of a nonce.
 *
 * - empty: no call has the nonce.
 * - reserved: a call has the nonce, and no node has taken a version of that call yet.
 * - pending: versions are broadcast, and each of them may be mined.
 * - mined: a version is in a block. The nonce is out of the line, and remembered.
 * - lost: the nonce is used, and no endpoint has a receipt of a version: a foreign transaction took
 *   the nonce, or the endpoints hide ours. The nonce is out of the line, and remembered.
 * - reorged: the block of the mined version may be gone. That version alone is rebroadcast: the
 *   calls of the others have gone to other nonces since, and each call has one nonce only.
 *
 * | from \ event | held     | broadcast | mined     | lost | reopened                     |
 * |--------------|----------|-----------|-----------|------|------------------------------|
 * | empty        | reserved | pending   | mined (1) | lost | empty                        |
 * | reserved     | reserved | pending   | mined (1) | lost | -                            |
 * | pending      | pending  | pending   | mined     | lost | -                            |
 * | reorged      | reorged  | pending   | mined     | lost | -                            |
 * | mined        | -        | -         | -         | -    | reorged, or empty (2)        |
 * | lost         | -        | -         | -         | -    | the phase before it was lost |
 *
 * `-`: a broken invariant, thrown as an `Alarm`, as is a mined version that was never broadcast.
 * (1): by a version whose call has gone to another nonce. (2): where the call of the mined version
 * has gone to another nonce, because the transaction was reverted. The other events (`attempted`,
 * `rebroadcast`, `underpriced`, `polled`, `overdue`) only move figures of an open nonce;
 * `rebroadcast` also gives the nonce to the call of the version, as `held` does.
 */
import { assert, unreachable } from "../../base/errors.ts";
import type { Hex } from "../../base/hex.ts";
import type { FeeFloor } from "../rpc/errorKinds.ts";
import type { Job } from "./call.ts";
import type { Fees, MarketAt } from "./fees.ts";

/** The call that has a nonce now. */
export interface Holder {
  readonly job: Job;
  /** Gas limit, by simulation. */
  readonly gas: bigint;
}

/** A transaction as it was signed and broadcast, and the call for which it was. */
export interface Version extends Holder {
  readonly hash: Hex;
  readonly raw: Hex;
  readonly fees: Fees;
}

/** Hashes of a transaction and of the block that holds it. */
export interface MinedVersion {
  readonly hash: Hex;
  readonly block: Hex;
}

/** All that was broadcast under a nonce. */
interface Broadcasts {
  /** The newest first: of all versions the newest is the most likely to be mined. */
  readonly versions: readonly Version[];
  /**
   * Hashes of versions whose calls have gone to other nonces. None of them is broadcast again;
   * receipts of them are read all the same.
   */
  readonly former: ReadonlySet<Hex>;
}

interface Empty extends Broadcasts {
  readonly kind: "empty";
}

/** A nonce that a call has. */
interface Held extends Broadcasts {
  readonly kind: "reserved" | "pending" | "reorged";
  readonly holder: Holder;
}

interface Mined extends Broadcasts {
  readonly kind: "mined";
  /** The version that was mined. */
  readonly version: Version;
}

interface Lost {
  readonly kind: "lost";
  readonly before: OpenPhase;
}

/** Phases of a nonce that is in the line. */
export type OpenPhase = Empty | Held;
export type SlotPhase = OpenPhase | Mined | Lost;

/** Figures that every phase keeps. */
export interface Progress {
  /** Attempts to broadcast a version of each call. */
  readonly attempts: ReadonlyMap<Job, number>;
  /** The cost of blocks at the last attempt. */
  readonly market: MarketAt | undefined;
  /** Polls since the last attempt. */
  readonly polls: number;
  /** Polls in a row that showed the nonce used, and no receipt. */
  readonly pollsAfterUse: number;
  /** The least that nodes named, in wei for a unit of gas; 0: nothing. */
  readonly floor: FeeFloor;
  /** The least fee of a competing, foreign transaction; undefined: none is known. */
  readonly competing: Fees | undefined;
  /** The version that was mined, as it was last seen; undefined: none was. */
  readonly lastMined: MinedVersion | undefined;
}

export interface SlotState {
  readonly phase: SlotPhase;
  readonly progress: Progress;
}

export type SlotEvent =
  /** A new version of the call is about to be broadcast, or could not be made. */
  | { readonly kind: "attempted"; readonly job: Job; readonly market: MarketAt | undefined }
  /** The version that is broadcast already pays enough, and is broadcast once more. */
  | { readonly kind: "rebroadcast"; readonly holder: Holder; readonly market: MarketAt }
  /** Nodes refused these fees. `floor`: the least that they named, 0 where they named nothing. */
  | { readonly kind: "underpriced"; readonly fees: Fees; readonly floor: FeeFloor }
  /** A node has the version, or may have it. */
  | { readonly kind: "broadcast"; readonly version: Version }
  /** The call has the nonce, also where every node refused its version. */
  | { readonly kind: "held"; readonly holder: Holder }
  /** `nonceUsed`: by the chain, undefined where it did not answer. `counts`: some call waits. */
  | { readonly kind: "polled"; readonly nonceUsed: boolean | undefined; readonly counts: boolean }
  /** A call behind the nonce cannot wait for more polls. */
  | { readonly kind: "overdue" }
  | { readonly kind: "mined"; readonly mined: MinedVersion }
  | { readonly kind: "lost" }
  /**
   * The chain says that the nonce is not used, or it is the next one of the line. `isElsewhere`:
   * whether a job has another nonce of the line.
   */
  | { readonly kind: "reopened"; readonly isElsewhere: (job: Job) => boolean };

export const EMPTY_SLOT: SlotState = {
  phase: { kind: "empty", versions: [], former: new Set() },
  progress: {
    attempts: new Map(),
    market: undefined,
    polls: 0,
    pollsAfterUse: 0,
    floor: { tip: 0n, fee: 0n },
    competing: undefined,
    lastMined: undefined,
  },
};

/** The state after an event. Throws `Alarm` for an event that cannot be in this state. */
export function nextSlot(state: SlotState, event: SlotEvent): SlotState {
  return {
    phase: nextPhase(state.phase, event),
    progress: nextProgress(state.progress, event),
  };
}

function nextPhase(phase: SlotPhase, event: SlotEvent): SlotPhase {
  if (event.kind === "reopened") return reopened(phase, event.isElsewhere);
  assert(isOpen(phase), () => `${event.kind} of a nonce that is ${phase.kind}`);
  switch (event.kind) {
    case "attempted":
    case "underpriced":
    case "polled":
    case "overdue":
      return phase;
    case "rebroadcast":
      assert(currentOf(phase) !== undefined, `rebroadcast of a nonce that is ${phase.kind}`);
      return held(phase, event.holder);
    case "held":
      return held(phase, event.holder);
    case "broadcast":
      return broadcast(phase, event.version);
    case "mined": {
      const { versions, former } = phase;
      const version = versions.find(({ hash }) => hash === event.mined.hash);
      assert(
        version !== undefined,
        `mined by an unknown version, of a nonce that is ${phase.kind}`,
      );
      return { kind: "mined", versions, former, version };
    }
    case "lost":
      return { kind: "lost", before: phase };
    default:
      return unreachable(event);
  }
}

function reopened(phase: SlotPhase, isElsewhere: (job: Job) => boolean): OpenPhase {
  switch (phase.kind) {
    case "empty":
      return phase;
    case "mined": {
      const { versions, version } = phase;
      const hashes = versions.map(({ hash }) => hash);
      // A call that was reverted is sent again under another nonce.
      if (isElsewhere(version.job)) return { kind: "empty", versions, former: new Set(hashes) };
      const former = new Set(hashes.filter((hash) => hash !== version.hash));
      return { kind: "reorged", versions, former, holder: holderFrom(version) };
    }
    case "lost":
      return phase.before;
    default:
      assert(false, `a nonce that is ${phase.kind} was in the line all the time`);
  }
}

function held(phase: OpenPhase, holder: Holder): OpenPhase {
  return { ...phase, kind: phase.kind === "empty" ? "reserved" : phase.kind, holder };
}

function broadcast(phase: OpenPhase, version: Version): OpenPhase {
  const { hash } = version;
  // A transaction that was signed once more with the same fees stays that of its first call.
  const newest = outstandingOf(phase).find((one) => one.hash === hash) ?? version;
  return {
    kind: "pending",
    holder: holderFrom(version),
    versions: [newest, ...phase.versions.filter((one) => one.hash !== hash)],
    former: new Set([...phase.former].filter((one) => one !== hash)),
  };
}

function holderFrom({ job, gas }: Version): Holder {
  return { job, gas };
}

function nextProgress(progress: Progress, event: SlotEvent): Progress {
  switch (event.kind) {
    case "attempted": {
      const { job, market = progress.market } = event;
      const attempts = new Map(progress.attempts);
      attempts.set(job, (attempts.get(job) ?? 0) + 1);
      return { ...progress, attempts, market, polls: 0 };
    }
    case "rebroadcast":
      return { ...progress, market: event.market, polls: 0 };
    case "underpriced":
      return { ...progress, ...afterRefusal(progress, event.fees, event.floor) };
    case "broadcast":
      return { ...progress, competing: undefined };
    case "polled": {
      const { pollsAfterUse, polls } = progress;
      if (event.nonceUsed) return { ...progress, pollsAfterUse: pollsAfterUse + 1 };
      return {
        ...progress,
        pollsAfterUse: event.nonceUsed === undefined ? pollsAfterUse : 0,
        polls: event.counts ? polls + 1 : polls,
      };
    }
    case "overdue":
      return { ...progress, polls: Number.POSITIVE_INFINITY };
    case "reopened":
      return { ...progress, polls: 0, pollsAfterUse: 0 };
    case "mined":
      return { ...progress, lastMined: event.mined };
    case "held":
    case "lost":
      return progress;
    default:
      return unreachable(event);
  }
}

/**
 * Nodes name a minimum, or hold a competing transaction that pays more. The next version pays what
 * they named, and twice as much as the refused one where they named nothing.
 */
function afterRefusal(
  { floor, competing }: Progress,
  { maxFeePerGas, maxPriorityFeePerGas }: Fees,
  named: FeeFloor,
): Pick<Progress, "floor" | "competing"> {
  const tip = named.tip > floor.tip ? named.tip : floor.tip;
  const fee = named.fee > floor.fee ? named.fee : floor.fee;
  const isFloor = tip > maxPriorityFeePerGas || fee > maxFeePerGas;
  const twice = {
    maxFeePerGas: maxFeePerGas * 2n,
    maxPriorityFeePerGas: maxPriorityFeePerGas * 2n,
  };
  return { floor: { tip, fee }, competing: isFloor ? competing : twice };
}

function isOpen(phase: SlotPhase): phase is OpenPhase {
  return phase.kind !== "mined" && phase.kind !== "lost";
}

/** The call that has the nonce, or had it; undefined: none. */
export function holderOf(phase: SlotPhase): Holder | undefined {
  switch (phase.kind) {
    case "empty":
      return undefined;
    case "mined":
      return holderFrom(phase.version);
    case "lost":
      return holderOf(phase.before);
    default:
      return phase.holder;
  }
}

/** All that was broadcast under the nonce, the newest first. */
export function versionsOf(phase: SlotPhase): readonly Version[] {
  return phase.kind === "lost" ? versionsOf(phase.before) : phase.versions;
}

/** Versions of calls that have no other nonce, the newest first: each of them may be mined. */
export function outstandingOf(phase: SlotPhase): readonly Version[] {
  if (phase.kind === "lost") return outstandingOf(phase.before);
  return phase.versions.filter(({ hash }) => !phase.former.has(hash));
}

/** The version that nodes should have, and that a rebroadcast sends; undefined: none. */
export function currentOf(phase: SlotPhase): Version | undefined {
  return outstandingOf(phase)[0];
}
